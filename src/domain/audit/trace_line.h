/*
 * A line of the trace file, read back: what an audit works out again and what
 * a recovery books anew. The opposite of exchange/record.c and of the orphan's
 * record in ledger_orphan.c; the chain at its end is the logger's
 * (logger/trace_file.h).
 *
 * A struct trace_line owns its parsed JSON; all slices borrow it. Amounts are
 * exact: a number that is no whole count of nano-dollars, or too large to be
 * told apart from its neighbours (9 million USD), is refused.
 */
#ifndef DOMAIN_TRACE_LINE_H
#define DOMAIN_TRACE_LINE_H

#include "base/jsonx.h"
#include "domain/ledger/ledger.h"

#define TRACE_LINE_BYTES   (64 * 1024) /* no line of ours is longer */
#define TRACE_MAX_ATTEMPTS (LEDGER_MAX_ENDED + 1)

struct trace_attempt {
	struct str model, provider, deployment;
	struct usage usage;
	struct str price_version; /* "" when no price was known */
	int64_t cost_nanos, latency_micros;
	bool ok;
	bool cancelled; /* the client left, or another attempt was faster */
	bool lost; /* under way when its process died: charged by the rule */
	/* The windows its cost is booked in. */
	size_t scope_count;
	struct hold_scope scopes[LEDGER_MAX_CAPS];
};

struct trace_line {
	json_t *json;
	struct str run_id;
	struct rollup_names names; /* of the whole request */
	int64_t settled_nsecs;     /* wall: which hour it is booked in */
	int64_t cost_nanos;
	int64_t prompt_tokens, completion_tokens;
	int64_t cached_tokens, reasoning_tokens;
	size_t attempt_count;
	struct trace_attempt attempts[TRACE_MAX_ATTEMPTS];
	/* The chain; zero and "" in a record that is not on file yet. */
	uint64_t owner, seq;
	struct str prev, hash;
};

/* ERR_BAD_JSON or ERR_BAD_REQUEST with what is wrong. chained: owner, seq,
   prev and hash must be there. */
int trace_line_parse(struct str text, bool chained, struct trace_line *l_r,
    struct err *err) MUST_CHECK;
/*
 * The attempts that have ended of a hold's request, as its row has them
 * (hold.ended_attempts): they count as spent already.
 */
int trace_line_parse_ended(struct str entries, struct trace_line *l_r,
    struct err *err) MUST_CHECK;
void trace_line_free(struct trace_line *l);
/* True when the line's hash is that of what stands before it. */
bool trace_line_hash_ok(struct str text);
/* The hash at the end of a line of ours; empty: it has none. */
struct str trace_line_hash(struct str text);
/* The charge of attempt i, as it is (or was) booked in the roll-ups. */
void trace_line_charge(const struct trace_line *l, size_t i,
    struct charge *charge_r);

#endif
