/*
 * A plan in words: as a client's error, as a table for people, as JSON. See
 * router.h. Changes nothing, keeps nothing; output stops at the buffer's end.
 */
#include "domain/routing/router.h"

#include "base/clock.h"

/* Columns of the table; longer names push the rest to the right. */
#define MAX_COLUMN 40

const char *
route_refusal_name(enum route_refusal why)
{
#define REFUSAL_NAME(NAME, word) [REFUSED_##NAME] = word,
	static const char *const names[REFUSED_COUNT] = { ROUTE_REFUSALS(
	    REFUSAL_NAME) };
#undef REFUSAL_NAME

	return (unsigned)why < REFUSED_COUNT ? names[why] : "unknown";
}

static long long
whole_secs(int64_t nsecs)
{
	return (long long)((nsecs + NSECS_PER_SEC - 1) / NSECS_PER_SEC);
}

/* ---- as an error -------------------------------------------------------- */

/* The first refusal of that kind in the asked group. */
static const char *
reason_of(const struct plan *p, enum route_refusal why)
{
	for (size_t i = 0; i < p->refused_count; i++) {
		if (p->refused[i].group_index == 0 && p->refused[i].why == why)
			return p->refused[i].reason;
	}
	return "no deployment is left";
}

int
plan_error(const struct plan *p, struct err *err)
{
	const char *reason = reason_of(p, p->why);

	switch (p->why) {
	case REFUSED_BUDGET:
		return err_set(err, ERR_BUDGET, "%s: %s", p->asked, reason);
	case REFUSED_CONTEXT:
		return err_set(err, ERR_CONTEXT_LENGTH, "%s: %s", p->asked,
		    reason);
	case REFUSED_TAGS:
		return err_set(err, ERR_FORBIDDEN,
		    "Not allowed to access model due to tags configuration. "
		    "Passed model=%s",
		    p->asked);
	case REFUSED_STATE:
		return err_set(err, ERR_BAD_REQUEST, "%s: %s", p->asked,
		    reason);
	case REFUSED_NONE:
	case REFUSED_BREAKER:
	case REFUSED_LIMIT:
	case REFUSED_COUNT:
		break;
	}
	if (p->retry_nsecs > 0)
		return err_set(err, ERR_NO_DEPLOYMENT,
		    "Try again in %lld seconds. Passed model=%s (%s)",
		    whole_secs(p->retry_nsecs), p->asked, reason);
	return err_set(err, ERR_NO_DEPLOYMENT, "Passed model=%s (%s)", p->asked,
	    reason);
}

/* ---- for people --------------------------------------------------------- */

static int
column(int width, size_t n)
{
	if (n > MAX_COLUMN)
		n = MAX_COLUMN;
	return (int)n > width ? (int)n : width;
}

static void
format_candidates(const struct plan *p, int id_width, int model_width,
    struct buf *out)
{
	for (size_t i = 0; i < p->count; i++) {
		const struct candidate *c = &p->candidates[i];
		const char *provider = c->deployment->provider;
		int rest = model_width - (int)strlen(provider) - 1;

		if (c->group_index > 0 &&
		    (i == 0 ||
			p->candidates[i - 1].group_index != c->group_index))
			buf_printf(out, "then fallback %s\n", c->model);
		buf_printf(out, "%4zu  %-*s  %s/%-*s  %s\n", i + 1, id_width,
		    c->deployment->id, provider, rest > 0 ? rest : 0,
		    c->upstream_model, c->reason);
	}
}

static void
format_refused(const struct plan *p, int id_width, int model_width,
    struct buf *out)
{
	if (p->refused_count > 0)
		buf_printf(out, "not tried\n");
	for (size_t i = 0; i < p->refused_count; i++) {
		const struct refused *r = &p->refused[i];

		buf_printf(out, "   -  %-*s  %-*s  %s\n", id_width,
		    r->deployment->id, model_width,
		    r->deployment->config->litellm_model, r->reason);
	}
}

void
plan_format(const struct plan *p, struct buf *out)
{
	int ids = 0, models = 0;

	for (size_t i = 0; i < p->count; i++) {
		const struct deployment *d = p->candidates[i].deployment;

		ids = column(ids, strlen(d->id));
		models =
		    column(models, strlen(d->provider) + 1 +
				       strlen(p->candidates[i].upstream_model));
	}
	for (size_t i = 0; i < p->refused_count; i++) {
		const struct deployment *d = p->refused[i].deployment;

		ids = column(ids, strlen(d->id));
		models = column(models, strlen(d->config->litellm_model));
	}
	buf_printf(out, "%s", p->asked);
	if (strcmp(p->asked, p->group->name) != 0)
		buf_printf(out, " (group %s)", p->group->name);
	buf_printf(out, ", %s\n", strategy_name(p->group->strategy.name));
	format_candidates(p, ids, models, out);
	format_refused(p, ids, models, out);
	if (p->count > 0)
		return;
	buf_printf(out, "nothing can be tried now");
	if (p->retry_nsecs > 0)
		buf_printf(out, "; try again in %lld s",
		    whole_secs(p->retry_nsecs));
	buf_printf(out, "\n");
}

/* ---- for programs ------------------------------------------------------- */

static void
member(struct jsonw *w, const char *key, const char *value)
{
	jsonw_key(w, key);
	jsonw_cstr(w, value);
}

static void
write_tokens(struct jsonw *w, const char *key, int64_t tokens)
{
	jsonw_key(w, key);
	if (tokens > 0)
		jsonw_int(w, tokens);
	else
		jsonw_null(w);
}

static void
write_candidate(struct jsonw *w, const struct candidate *c)
{
	jsonw_open(w, '{');
	member(w, "deployment", c->deployment->id);
	member(w, "provider", c->deployment->provider);
	member(w, "model", c->model);
	member(w, "group", c->group->name);
	jsonw_key(w, "group_index");
	jsonw_int(w, c->group_index);
	member(w, "upstream_model", c->upstream_model);
	jsonw_key(w, "probe");
	jsonw_bool(w, c->probe);
	jsonw_key(w, "priced");
	jsonw_bool(w, c->price->known);
	write_tokens(w, "max_input_tokens", c->max_input_tokens);
	write_tokens(w, "max_output_tokens", c->max_output_tokens);
	member(w, "reason", c->reason);
	jsonw_close(w, '}');
}

static void
write_refused(struct jsonw *w, const struct refused *r)
{
	jsonw_open(w, '{');
	member(w, "deployment", r->deployment->id);
	member(w, "provider", r->deployment->provider);
	member(w, "group", r->group->name);
	jsonw_key(w, "group_index");
	jsonw_int(w, r->group_index);
	member(w, "why", route_refusal_name(r->why));
	jsonw_key(w, "retry_s");
	jsonw_decimal(w, r->retry_nsecs, 9);
	member(w, "reason", r->reason);
	jsonw_close(w, '}');
}

void
plan_write(const struct plan *p, struct jsonw *w)
{
	member(w, "asked", p->asked);
	member(w, "group", p->group->name);
	member(w, "strategy", strategy_name(p->group->strategy.name));
	jsonw_put_open(w, "groups", '[');
	for (size_t i = 0; i < p->group_count; i++)
		jsonw_cstr(w, p->groups[i].model);
	jsonw_close(w, ']');
	jsonw_put_open(w, "candidates", '[');
	for (size_t i = 0; i < p->count; i++)
		write_candidate(w, &p->candidates[i]);
	jsonw_close(w, ']');
	jsonw_put_open(w, "refused", '[');
	for (size_t i = 0; i < p->refused_count; i++)
		write_refused(w, &p->refused[i]);
	jsonw_close(w, ']');
	member(w, "why", route_refusal_name(p->why));
	jsonw_key(w, "retry_s");
	jsonw_decimal(w, p->retry_nsecs, 9);
}

void
plan_to_json(const struct plan *p, struct buf *out)
{
	struct jsonw w;

	jsonw_init(&w, out);
	jsonw_open(&w, '{');
	plan_write(p, &w);
	jsonw_close(&w, '}');
}
