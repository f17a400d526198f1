/* The trace record. See record.h. */
#include "exchange/record.h"

#include "base/clock.h"
#include "base/jsonw.h"
#include "exchange/hedge.h"

static const char *
source_name(enum usage_source source)
{
	switch (source) {
	case USAGE_NONE:
		return NULL; /* prints null: there was nothing to count */
	case USAGE_ESTIMATED:
		return "estimated";
	case USAGE_PROVIDER:
		return "provider";
	}
	return NULL;
}

/* A text; null when it is empty. */
static void
member_str(struct jsonw *w, struct str key, struct str s)
{
	if (s.n == 0)
		jsonw_member_raw(w, key, str_of("null"));
	else
		jsonw_member_str(w, key, s);
}

static void
member_cstr(struct jsonw *w, struct str key, const char *s)
{
	member_str(w, key, str_of(s));
}

static void
member_usd(struct jsonw *w, struct str key, int64_t nanos)
{
	jsonw_member_decimal(w, key, nanos, 9);
}

/* Seconds with microseconds; null when it never happened. */
static void
member_secs(struct jsonw *w, struct str key, int64_t from, int64_t to)
{
	if (from == 0 || to == 0)
		jsonw_member_raw(w, key, str_of("null"));
	else
		jsonw_member_decimal(w, key, (to - from) / 1000, 6);
}

/* The attempt the client's answer came from, or the last one made. */
static const struct attempt *
last_attempt(const struct exchange *x)
{
	return x->attempt_count == 0 ? NULL : x->attempts[x->attempt_count - 1];
}

static const struct candidate *
named_candidate(const struct exchange *x)
{
	const struct attempt *a = last_attempt(x);

	if (a != NULL)
		return a->candidate;
	if (x->plan != NULL && x->next_candidate < x->plan->count)
		return &x->plan->candidates[x->next_candidate];
	return NULL;
}

static const char *
candidate_model(const struct candidate *c)
{
	return c == NULL ? "" : c->upstream_model;
}

void
record_names(const struct exchange *x, const struct candidate *c,
    struct rollup_names *names_r)
{
	memset(names_r, 0, sizeof(*names_r));
	names_r->model = str_of(candidate_model(c));
	names_r->group = str_of(x->asked);
	if (c != NULL) {
		names_r->provider = str_of(c->deployment->provider);
		names_r->deployment = str_of(c->deployment->id);
	}
	names_r->key = str_of(x->account->key);
	names_r->team = x->account->team;
	names_r->user =
	    x->account->user.n > 0 ? x->account->user : x->request.user;
	names_r->customer = x->request.user;
	for (size_t i = 0; i < x->request.tag_count; i++) {
		if (names_r->tag_count < ROLLUP_MAX_TAGS)
			names_r->tags[names_r->tag_count++] =
			    x->request.tags[i];
	}
}

static void
write_charge(struct exchange *x, const struct attempt *a, struct charge *charge)
{
	struct rollup_row *r = &charge->amounts;
	bool ok = a->outcome == OUTCOME_OK;

	memset(r, 0, sizeof(*r));
	record_names(x, a->candidate, &charge->names);
	r->attempts = 1;
	r->failures = !ok && a->outcome != OUTCOME_CLIENT_GONE &&
		      a->outcome != OUTCOME_HEDGED;
	r->prompt_tokens = a->usage.prompt_tokens;
	r->completion_tokens = a->usage.completion_tokens;
	r->cached_tokens = a->usage.cached_tokens;
	r->reasoning_tokens = a->usage.reasoning_tokens;
	r->cache_write_tokens = a->usage.cache_write_tokens;
	r->cost_nanos = a->cost_nanos;
	if (a->usage.source == USAGE_ESTIMATED)
		r->estimated_nanos = a->cost_nanos;
	if (ok)
		r->latency_micros = (a->ended_nsecs - a->started_nsecs) / 1000;
}

void
record_charges(struct exchange *x, struct charge *charges)
{
	for (size_t i = 0; i < x->attempt_count; i++)
		write_charge(x, x->attempts[i], &charges[i]);
	if (x->attempt_count > 0) {
		struct charge *last = &charges[x->attempt_count - 1];

		rollup_row_end_request(&last->amounts, &last->names);
	}
}

size_t
record_charges_so_far(struct exchange *x, uint64_t hold_number,
    struct charge *charges)
{
	size_t n = 0;

	for (size_t i = 0; i < x->attempt_count; i++) {
		if (x->attempts[i]->hold_number == hold_number)
			write_charge(x, x->attempts[i], &charges[n++]);
	}
	return n;
}

/* Names that a client chose: as long as in the roll-ups, no longer. */
static void
member_name(struct jsonw *w, struct str key, struct str s)
{
	char cut[ROLLUP_VALUE_BYTES];

	member_str(w, key, rollup_value(s, cut));
}

/* Who asked: the same members in the opening and in the whole record. */
static void
write_caller(struct jsonw *w, const struct exchange *x)
{
	struct str user =
	    x->account->user.n > 0 ? x->account->user : x->request.user;
	char cut[ROLLUP_VALUE_BYTES];

	member_cstr(w, JSON_KEY("key"), x->account->key);
	if (x->account->alias.n > 0)
		member_name(w, JSON_KEY("key_alias"), x->account->alias);
	member_name(w, JSON_KEY("team"), x->account->team);
	member_name(w, JSON_KEY("user"), user);
	member_name(w, JSON_KEY("end_user"), x->request.user);
	jsonw_known_key(w, JSON_KEY("tags"));
	jsonw_open(w, '[');
	for (size_t i = 0; i < x->request.tag_count; i++)
		jsonw_str(w, rollup_value(x->request.tags[i], cut));
	jsonw_close(w, ']');
}

static void
write_target(struct jsonw *w, const struct exchange *x,
    const struct candidate *c)
{
	member_name(w, JSON_KEY("requested_model"), str_of(x->asked));
	member_cstr(w, JSON_KEY("provider"),
	    c == NULL ? "" : c->deployment->provider);
	member_cstr(w, JSON_KEY("deployment"),
	    c == NULL ? "" : c->deployment->id);
}

void
record_write_opening(struct exchange *x, const struct candidate *c,
    struct buf *out)
{
	char when[CLOCK_RFC3339_BYTES];
	struct jsonw w;

	(void)buf_reserve(out, 511); /* most fit into this */
	clock_rfc3339(x->started_wall_nsecs, when);
	jsonw_init(&w, out);
	member_cstr(&w, JSON_KEY("run_id"), x->request_id);
	member_cstr(&w, JSON_KEY("model"), candidate_model(c));
	member_cstr(&w, JSON_KEY("time"), when);
	write_target(&w, x, c);
	jsonw_member_bool(&w, JSON_KEY("stream"), x->request.stream);
	write_caller(&w, x);
}

/* How much of an attempt is told: a record that gets too long is written again
   with less. Money and tokens are never left out but for the last resort. */
enum detail {
	DETAIL_ALL,
	DETAIL_NO_TEXTS,  /* no words of the errors */
	DETAIL_NO_SCOPES, /* tallyctl audit cannot follow its windows then */
	DETAIL_NONE,      /* no attempts at all */
};

/* Of the rarer kinds: only where there are any. */
static void
member_count(struct jsonw *w, struct str key, int64_t n)
{
	if (n != 0)
		jsonw_member_int(w, key, n);
}

static void
write_attempt(struct jsonw *w, const struct attempt *a, enum detail detail)
{
	const struct usage *u = &a->usage;
	bool ok = a->outcome == OUTCOME_OK;

	jsonw_open(w, '{');
	member_cstr(w, JSON_KEY("deployment"), a->deployment->id);
	member_cstr(w, JSON_KEY("provider"), a->deployment->provider);
	member_cstr(w, JSON_KEY("model"), candidate_model(a->candidate));
	jsonw_member_int(w, JSON_KEY("status"),
	    a->has_head ? a->head.status : 0);
	member_cstr(w, JSON_KEY("error"),
	    ok ? "" : outcome_info(a->outcome)->word);
	if (!ok && detail < DETAIL_NO_TEXTS)
		member_cstr(w, JSON_KEY("error_text"), a->error_text);
	member_secs(w, JSON_KEY("latency_s"), a->started_nsecs, a->ended_nsecs);
	jsonw_member_int(w, JSON_KEY("prompt_tokens"), u->prompt_tokens);
	jsonw_member_int(w, JSON_KEY("completion_tokens"),
	    u->completion_tokens);
	jsonw_member_int(w, JSON_KEY("cached_tokens"), u->cached_tokens);
	jsonw_member_int(w, JSON_KEY("cache_write_tokens"),
	    u->cache_write_tokens);
	jsonw_member_int(w, JSON_KEY("cache_write_1h_tokens"),
	    u->cache_write_1h_tokens);
	jsonw_member_int(w, JSON_KEY("reasoning_tokens"), u->reasoning_tokens);
	jsonw_member_int(w, JSON_KEY("audio_input_tokens"),
	    u->audio_input_tokens);
	jsonw_member_int(w, JSON_KEY("audio_output_tokens"),
	    u->audio_output_tokens);
	jsonw_member_int(w, JSON_KEY("image_input_tokens"),
	    u->image_input_tokens);
	member_count(w, JSON_KEY("image_output_tokens"),
	    u->image_output_tokens);
	member_count(w, JSON_KEY("images"), u->images);
	member_count(w, JSON_KEY("image_factor"), u->image_factor);
	member_count(w, JSON_KEY("audio_ms"), u->audio_millis);
	member_count(w, JSON_KEY("characters"), u->characters);
	member_count(w, JSON_KEY("search_units"), u->search_units);
	member_count(w, JSON_KEY("searches"), u->searches);
	if (u->searches != 0 && u->search_size != SEARCH_MEDIUM)
		member_cstr(w, JSON_KEY("search_size"),
		    search_size_name(u->search_size));
	if (u->fast) {
		jsonw_known_key(w, JSON_KEY("fast"));
		jsonw_bool(w, true);
	}
	if (u->geo != GEO_ANY)
		member_cstr(w, JSON_KEY("geo"), usage_geo_name(u->geo));
	if (u->off_peak) {
		jsonw_known_key(w, JSON_KEY("off_peak"));
		jsonw_bool(w, true);
	}
	member_cstr(w, JSON_KEY("usage_source"), source_name(u->source));
	/* With the price they are all that the cost is worked out from. */
	if (u->tier != TIER_DEFAULT)
		member_cstr(w, JSON_KEY("service_tier"),
		    service_tier_name(u->tier));
	if (u->has_reported_cost)
		member_usd(w, JSON_KEY("reported_cost_usd"),
		    u->reported_cost_nanos);
	member_cstr(w, JSON_KEY("price_version"), a->candidate->price->version);
	member_usd(w, JSON_KEY("held_usd"), a->held_nanos);
	member_usd(w, JSON_KEY("cost_usd"), a->cost_nanos);
	if (detail < DETAIL_NO_SCOPES)
		ledger_write_scopes(w, a->scopes, a->scope_count);
	if (a->possibly_billed)
		jsonw_member_bool(w, JSON_KEY("possibly_billed"), true);
	jsonw_close(w, '}');
}

void
record_write_attempts(struct exchange *x, uint64_t hold_number,
    size_t max_bytes, struct buf *out)
{
	for (int d = DETAIL_ALL; d <= DETAIL_NONE; d++) {
		struct jsonw w;

		buf_clear(out);
		jsonw_init(&w, out);
		for (size_t i = 0; i < x->attempt_count && d < DETAIL_NONE;
		     i++) {
			if (x->attempts[i]->hold_number == hold_number)
				write_attempt(&w, x->attempts[i],
				    (enum detail)d);
		}
		if (!out->overflowed && out->len <= max_bytes)
			return;
	}
}

/* Token sums over all attempts: what `cost_usd` was charged for. */
static void
sum_usage(const struct exchange *x, struct usage *sum_r)
{
	memset(sum_r, 0, sizeof(*sum_r));
	for (size_t i = 0; i < x->attempt_count; i++) {
		const struct usage *u = &x->attempts[i]->usage;

		sum_r->prompt_tokens += u->prompt_tokens;
		sum_r->completion_tokens += u->completion_tokens;
		sum_r->cached_tokens += u->cached_tokens;
		sum_r->reasoning_tokens += u->reasoning_tokens;
		if (u->source == USAGE_ESTIMATED)
			sum_r->source = USAGE_ESTIMATED;
		else if (u->source == USAGE_PROVIDER &&
			 sum_r->source == USAGE_NONE)
			sum_r->source = USAGE_PROVIDER;
	}
}

static int
client_status(const struct exchange *x)
{
	if (x->error == ERR_NONE || x->streaming)
		return x->outcome == EXCHANGE_CLIENT_GONE ? 499 : 200;
	if (x->error == ERR_BUDGET)
		return (int)x->env->config->budget_status;
	return x->error_status > 0 ? x->error_status
				   : err_info(x->error)->http_status;
}

static void
member_true(struct jsonw *w, struct str key, bool yes)
{
	if (yes)
		jsonw_member_bool(w, key, true);
}

/* What caps did to the request, and it to them. */
static void
write_caps(struct jsonw *w, const struct exchange *x)
{
	if (x->holding.max_tokens != CONFIG_UNSET && x->attempt_count > 0)
		jsonw_member_int(w, JSON_KEY("max_tokens"),
		    x->holding.max_tokens);
	member_true(w, JSON_KEY("clamped"),
	    x->holding.clamped && x->attempt_count > 0);
	member_true(w, JSON_KEY("downgraded"), x->reserving.downgraded);
	member_true(w, JSON_KEY("overrun"),
	    holding_is_overrun(&x->holding) ||
		(x->hedge != NULL && holding_is_overrun(&x->hedge->holding)));
}

static void
write_record(struct exchange *x, enum detail detail)
{
	const struct attempt *last = last_attempt(x);
	char when[CLOCK_RFC3339_BYTES];
	struct usage sum;
	struct jsonw w;

	sum_usage(x, &sum);
	clock_rfc3339(x->started_wall_nsecs, when);
	jsonw_init(&w, &x->record);
	jsonw_open(&w, '{');
	member_cstr(&w, JSON_KEY("run_id"), x->request_id);
	member_cstr(&w, JSON_KEY("model"), candidate_model(named_candidate(x)));
	member_secs(&w, JSON_KEY("latency_s"), x->started_nsecs,
	    x->ended_nsecs);
	member_usd(&w, JSON_KEY("cost_usd"), x->cost_nanos);
	jsonw_member_int(&w, JSON_KEY("prompt_tokens"), sum.prompt_tokens);
	jsonw_member_int(&w, JSON_KEY("completion_tokens"),
	    sum.completion_tokens);
	member_cstr(&w, JSON_KEY("time"), when);
	write_target(&w, x, named_candidate(x));
	jsonw_member_int(&w, JSON_KEY("status"), client_status(x));
	member_cstr(&w, JSON_KEY("outcome"), exchange_outcome_name(x->outcome));
	if (x->error != ERR_NONE)
		member_cstr(&w, JSON_KEY("error"), err_info(x->error)->code);
	jsonw_member_bool(&w, JSON_KEY("stream"), x->request.stream);
	member_secs(&w, JSON_KEY("ttft_s"), x->started_nsecs,
	    last == NULL || !last->is_stream ? 0 : last->first_token_nsecs);
	jsonw_member_int(&w, JSON_KEY("cached_tokens"), sum.cached_tokens);
	jsonw_member_int(&w, JSON_KEY("reasoning_tokens"),
	    sum.reasoning_tokens);
	member_cstr(&w, JSON_KEY("usage_source"), source_name(sum.source));
	write_caller(&w, x);
	write_caps(&w, x);
	clock_rfc3339(x->settlement.now_nsecs, when);
	member_cstr(&w, JSON_KEY("settled"), when);
	jsonw_known_key(&w, JSON_KEY("attempts"));
	jsonw_open(&w, '[');
	for (size_t i = 0; i < x->attempt_count && detail < DETAIL_NONE; i++)
		write_attempt(&w, x->attempts[i], detail);
	jsonw_close(&w, ']');
	jsonw_close(&w, '}');
}

void
record_write(struct exchange *x)
{
	/* One attempt under a few caps fits into this. */
	(void)buf_reserve(&x->record, 2047);
	/* A record that does not fit could not be settled. */
	for (int d = DETAIL_ALL; d <= DETAIL_NONE; d++) {
		buf_clear(&x->record);
		write_record(x, (enum detail)d);
		if (!x->record.overflowed)
			return;
	}
}
