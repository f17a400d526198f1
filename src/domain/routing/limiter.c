/*
 * Taking, settling and undoing. See limiter.h; the rows are limit_row.h's.
 *
 * Owns nothing. A take looks at all rows before it writes the first, so that a
 * refusal leaves no trace; the rows it has looked at are kept on the stack.
 */
#include "domain/routing/limiter.h"

#include "base/clock.h"
#include "domain/routing/limit_row.h"

static const char *
kind_words(enum limit_kind kind)
{
#define LIMIT_KIND_WORDS(NAME, words) words,
	static const char *const all[] = { LIMIT_KINDS(LIMIT_KIND_WORDS) };
#undef LIMIT_KIND_WORDS

	return kind < LIMIT_KIND_COUNT ? all[kind] : "?";
}

/* What of a demand is kept in its row. */
static bool
counts_minute(const struct limit_demand *d)
{
	return d->requests >= 0 || d->tokens >= 0 || d->count_minute;
}

static bool
counts_calls(const struct limit_demand *d)
{
	return d->parallel >= 0 || d->count_calls;
}

static bool
counts(const struct limit_demand *d)
{
	return counts_minute(d) || counts_calls(d);
}

/* ---- may it? ------------------------------------------------------------ */

/* The refusal that stands longest is the one to tell of. */
static void
refuse(struct limit_take *take, const struct limit_refusal *why, bool *refused)
{
	struct limit_refusal *told = &take->refusal;

	if (!*refused || (why->never && !told->never) ||
	    (why->never == told->never && why->wait_nsecs > told->wait_nsecs))
		*told = *why;
	*refused = true;
}

static void
check_requests(struct limit_take *take, size_t i, const struct limit_row *row,
    bool *refused)
{
	const struct limit_demand *d = &take->demands[i];
	struct limit_refusal why = {
		.demand = i,
		.kind = LIMIT_REQUESTS,
		.limit = d->requests,
		.used = d->use.requests,
		.never = d->requests == 0,
	};

	if (d->requests < 0 || d->use.requests < d->requests)
		return;
	why.wait_nsecs = limit_row_wait(row, take->now_nsecs,
	    d->use.requests + 1 - d->requests, 0);
	refuse(take, &why, refused);
}

/* Lowers take->tokens to the room there is. */
static void
check_tokens(struct limit_take *take, size_t i, const struct limit_row *row,
    bool *refused)
{
	const struct limit_demand *d = &take->demands[i];
	bool alone = take->tokens_least > d->tokens;
	int64_t room = d->tokens - d->use.tokens;
	struct limit_refusal why = {
		.demand = i,
		.kind = LIMIT_TOKENS,
		.limit = d->tokens,
		.used = d->use.tokens,
		.never = take->tokens_guess > d->tokens,
	};

	if (d->tokens < 0 || take->tokens_worst == 0)
		return;
	if (alone && !why.never && d->use.tokens == 0)
		room = d->tokens; /* its bound says more than there ever is */
	else if (alone || room < take->tokens_least)
		room = -1;
	if (room >= 0) {
		if (take->tokens > room)
			take->tokens = room;
		return;
	}
	why.wait_nsecs = limit_row_wait(row, take->now_nsecs, 0,
	    alone ? INT64_MAX : d->use.tokens + take->tokens_least - d->tokens);
	refuse(take, &why, refused);
}

static void
check_parallel(struct limit_take *take, size_t i, struct limit_row *row,
    bool *refused)
{
	const struct limit_demand *d = &take->demands[i];
	struct limit_refusal why = {
		.demand = i,
		.kind = LIMIT_PARALLEL,
		.limit = d->parallel,
		.used = d->use.calls,
		.never = d->parallel == 0,
	};

	if (!counts_calls(d))
		return;
	if ((d->parallel >= 0 && d->use.calls >= d->parallel) ||
	    (limit_row_enter(row, take->owner) != 0 && d->parallel >= 0))
		refuse(take, &why, refused);
}

/* ---- taking ------------------------------------------------------------- */

static int
look(struct store_txn *t, struct limit_take *take, struct limit_row *rows)
{
	bool refused = false;

	if (take->count > LIMITER_MAX_DEMANDS)
		return store_fail(t, ERR_INTERNAL, "limits: %zu demands",
		    take->count);
	take->tokens = take->tokens_worst;
	take->second = (uint32_t)(take->now_nsecs / NSECS_PER_SEC);
	memset(&take->refusal, 0, sizeof(take->refusal));
	for (size_t i = 0; i < take->count; i++) {
		struct limit_demand *d = &take->demands[i];

		memset(&d->use, 0, sizeof(d->use));
		if (!counts(d))
			continue;
		if (limit_row_get(t, &d->scope, take->now_nsecs, &rows[i]) < 0)
			return -1;
		limit_row_use(&rows[i], take->now_nsecs, &d->use);
		check_requests(take, i, &rows[i], &refused);
		check_tokens(take, i, &rows[i], &refused);
		check_parallel(take, i, &rows[i], &refused);
	}
	return refused ? 0 : 1;
}

int
limiter_ask(struct store_txn *t, struct limit_take *take)
{
	struct limit_row rows[LIMITER_MAX_DEMANDS];

	return look(t, take, rows);
}

int
limiter_take(struct store_txn *t, struct limit_take *take)
{
	struct limit_row rows[LIMITER_MAX_DEMANDS];
	int rc = look(t, take, rows);

	for (size_t i = 0; rc == 1 && i < take->count; i++) {
		struct limit_demand *d = &take->demands[i];

		if (!counts(d))
			continue;
		if (counts_minute(d)) {
			struct limit_tick *tick =
			    limit_row_tick(&rows[i], take->now_nsecs);

			tick->requests++;
			tick->tokens += take->tokens;
		}
		limit_row_use(&rows[i], take->now_nsecs, &d->use);
		if (limit_row_put(t, &d->scope, &rows[i]) != 0)
			return -1;
	}
	return rc;
}

/* ---- giving back -------------------------------------------------------- */

static int
give_back(struct store_txn *t, const struct limit_take *take, int64_t requests,
    int64_t tokens)
{
	struct limit_row row;

	for (size_t i = 0; i < take->count; i++) {
		const struct limit_demand *d = &take->demands[i];

		if (!counts_calls(d) &&
		    (!counts_minute(d) || (requests == 0 && tokens == 0)))
			continue;
		if (limit_row_get(t, &d->scope, take->now_nsecs, &row) < 0)
			return -1;
		if (counts_calls(d))
			limit_row_leave(&row, take->owner);
		if (counts_minute(d))
			limit_row_correct(&row, take->second, requests, tokens);
		if (limit_row_put(t, &d->scope, &row) != 0)
			return -1;
	}
	return 0;
}

int
limiter_settle(struct store_txn *t, const struct limit_take *take,
    int64_t tokens)
{
	return give_back(t, take, 0, tokens - take->tokens);
}

int
limiter_undo(struct store_txn *t, const struct limit_take *take)
{
	return give_back(t, take, -1, -take->tokens);
}

/* ---- in words ----------------------------------------------------------- */

void
limiter_scope_words(const struct limit_scope *s, char *out, size_t n)
{
	bool product = s->with != SCOPE_GLOBAL;

	snprintf(out, n, "%s%s%.*s%s%s%s%.*s", scope_name(s->kind),
	    s->id.n > 0 ? " " : "", (int)s->id.n, s->id.n > 0 ? s->id.p : "",
	    product ? " on " : "", product ? scope_name(s->with) : "",
	    product ? " " : "", (int)s->with_id.n,
	    s->with_id.n > 0 ? s->with_id.p : "");
}

void
limiter_describe(const struct limit_take *take, char *out, size_t n)
{
	const struct limit_refusal *r = &take->refusal;
	char scope[160], when[64];

	limiter_scope_words(&take->demands[r->demand].scope, scope,
	    sizeof(scope));
	if (r->never)
		snprintf(when, sizeof(when), "this request alone is more");
	else if (r->wait_nsecs == 0)
		snprintf(when, sizeof(when), "room when one ends");
	else
		snprintf(when, sizeof(when), "room in %lld s",
		    (long long)((r->wait_nsecs + NSECS_PER_SEC - 1) /
				NSECS_PER_SEC));
	snprintf(out, n, "%s: %lld of %lld %s, %s", scope, (long long)r->used,
	    (long long)r->limit, kind_words(r->kind), when);
}
