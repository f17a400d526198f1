/*
 * The limiter: requests and tokens per minute and calls at a time, exact over
 * all workers of the host. Everything lives in rows of LIMITS and runs inside
 * the caller's write transaction on live/ (store/batch.h), so it can also be
 * read with the gateway stopped. docs/limits.md tells it in words.
 *
 *   limiter_take()    before the call: all demands or none
 *   limiter_settle()  after it: true tokens in place of the worst, slots free
 *   limiter_undo()    it was not made: as if never taken
 *
 * A minute is any 60 seconds, not the clock's: at no moment do the requests
 * (or tokens) taken in the 60 seconds before it exceed a limit. What one
 * second took leaves the window together, 60 seconds after the last of it.
 * Tokens count in the second they were taken in, however late they settle.
 *
 * Slots of calls under way carry their owner (store/owner.h): what a dead one
 * left is freed by limiter_release().
 *
 * The cost: one row read and written per demand that limits or counts
 * something; nothing for the others.
 */
#ifndef DOMAIN_LIMITER_H
#define DOMAIN_LIMITER_H

#include "domain/ledger/cap.h"
#include "store/store.h"

#define LIMITER_MAX_DEMANDS  16 /* per take */
#define LIMITER_WINDOW_NSECS (INT64_C(60) * 1000000000)

/*
 * What is limited: one scope ({SCOPE_KEY, "ab12..."}), or two together
 * ({SCOPE_KEY, "ab12...", SCOPE_MODEL, "gpt-4o"}: this key on this model).
 * Left zero, the second is nothing. Ids of any length.
 */
struct limit_scope {
	enum scope_kind kind;
	struct str id;
	enum scope_kind with;
	struct str with_id;
};

/* What counts in a scope now. */
struct limit_use {
	int64_t requests, tokens; /* of the last 60 seconds */
	int64_t calls;            /* under way */
	int64_t next_nsecs;       /* until the oldest of the minute leaves */
	int64_t clear_nsecs;      /* until all of it has left, if nothing
				     comes; both 0: the minute is empty */
};

struct limit_demand {
	struct limit_scope scope;
	int64_t requests, tokens; /* per minute; negative: no limit */
	int64_t parallel;         /* at a time; negative: no limit */
	/* Counted although nothing limits it: strategies ask for it. */
	bool count_minute, count_calls;
	struct limit_use use; /* out: with this take in it; without it when it
				 was refused */
};

/* X(NAME, "what it limits, for people") */
#define LIMIT_KINDS(X)                                                         \
	X(REQUESTS, "requests per minute")                                     \
	X(TOKENS, "tokens per minute")                                         \
	X(PARALLEL, "requests at a time")
#define LIMIT_KIND_ENUM(NAME, words) LIMIT_##NAME,
enum limit_kind {
	LIMIT_KINDS(LIMIT_KIND_ENUM) LIMIT_KIND_COUNT
};
#undef LIMIT_KIND_ENUM

struct limit_refusal {
	size_t demand; /* into demands: the one that takes longest */
	enum limit_kind kind;
	int64_t limit, used;
	int64_t wait_nsecs; /* until there may be room; 0: when a call ends */
	bool never; /* the request alone is more than the limit allows */
};

/*
 * One request's take, and the receipt of it. No two demands may be of the
 * same scope. Demands and the texts in them are borrowed until it is settled.
 */
struct limit_take {
	size_t count;
	struct limit_demand *demands;
	uint64_t owner;    /* who frees the slots */
	int64_t now_nsecs; /* wall */
	/*
	 * Tokens it may use: prompt bound and output limit; the least that
	 * makes sense (the output limit can be lowered); and a fair guess of
	 * that least, which lets a request whose bound is above a limit pass
	 * when nothing else is in the window: it then takes all of the limit.
	 */
	int64_t tokens_worst, tokens_least, tokens_guess;

	/* Out. */
	int64_t tokens;  /* taken: worst, or the room there was */
	uint32_t second; /* since the epoch; which second it counts in */
	struct limit_refusal refusal;
};

/*
 * 1 taken; 0 refused (take->refusal), nothing is written; -1 the transaction
 * has failed (store_failed). May be run again after a rollback.
 */
int limiter_take(struct store_txn *t, struct limit_take *take) MUST_CHECK;
/* What limiter_take would answer (1, 0, -1), with the uses of before; reads
   only. */
int limiter_ask(struct store_txn *t, struct limit_take *take) MUST_CHECK;
/* The true tokens in place of take->tokens, and the slots given back. What has
   left the window is not looked for. 0, -1 the transaction has failed. */
int limiter_settle(struct store_txn *t, const struct limit_take *take,
    int64_t tokens) MUST_CHECK;
/* As if it had never been taken. */
int limiter_undo(struct store_txn *t, const struct limit_take *take) MUST_CHECK;

/* "key ab12... on model gpt-4o" */
void limiter_scope_words(const struct limit_scope *scope, char *out,
    size_t out_bytes);
/* "key ab12... on model gpt-4o: 60 of 60 requests per minute, room in 12 s" */
void limiter_describe(const struct limit_take *take, char *out,
    size_t out_bytes);

/* What counts in a scope: 1, 0 (nothing; zeroes), -1 failed. Read or write
   transaction. */
int limiter_read(struct store_txn *t, const struct limit_scope *scope,
    int64_t now_nsecs, struct limit_use *use_r) MUST_CHECK;

/* Walks all scopes in use. 1 with scope (texts borrowed until the
   transaction's next write; long ids cut and hashed as in store/key.h) and
   use, 0 end, -1 failed. */
struct limit_walk {
	struct store_txn *txn;
	struct store_cursor *cursor;
	int64_t now_nsecs;
};
int limiter_walk(struct store_txn *t, int64_t now_nsecs,
    struct limit_walk *w_r) MUST_CHECK;
int limiter_next(struct limit_walk *w, struct limit_scope *scope_r,
    struct limit_use *use_r) MUST_CHECK;
void limiter_end_walk(struct limit_walk *w);

/* Frees the slots of a dead owner. Returns how many, -1 failed. */
int64_t limiter_release(struct store_txn *t, uint64_t owner,
    int64_t now_nsecs) MUST_CHECK;
/*
 * Removes rows in which nothing counts any more; looks at max_rows rows from
 * *from on (empty: the first) and sets it for the next call. Returns how many
 * were removed, -1 failed.
 */
struct key;
int limiter_sweep(struct store_txn *t, int64_t now_nsecs, struct key *from,
    int max_rows) MUST_CHECK;

#endif
