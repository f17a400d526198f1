/*
 * The ledger: hold, settle, release. The only place where money moves.
 *
 * A request's worst price is held in every scope it touches before it goes
 * upstream; afterwards the hold is replaced by the true cost. All functions
 * run inside the caller's write transaction on live/ (store/batch.h), so a
 * hold and a settlement are all or nothing, over any number of processes.
 *
 * Invariants, per scope and window:
 *   held  = Σ of the amounts of the rows in HOLDS that name it
 *   spent + held <= cap at every commit (a plain answer that outran its hold
 *   may push spent above it; it is flagged overrun)
 * A hold is settled exactly once: settling removes its row, and a row that is
 * not there cannot be settled (ERR_NOT_HELD).
 * Windows: a hold taken in one window settles in that window, however late.
 */
#ifndef DOMAIN_LEDGER_H
#define DOMAIN_LEDGER_H

#include "domain/money.h"
#include "domain/rollup.h"
#include "domain/usage.h"
#include "domain/window.h"
#include "store/owner.h"
#include "store/store.h"

/* X(NAME, "word in configuration and output") */
/* clang-format off */
#define SCOPES(X) \
X(GLOBAL,     "global")     \
X(PROVIDER,   "provider")   \
X(DEPLOYMENT, "deployment") \
X(MODEL,      "model")      \
X(KEY,        "key")        \
X(TEAM,       "team")       \
X(USER,       "user")       \
X(END_USER,   "end_user")   \
X(TAG,        "tag")
/* clang-format on */
#define SCOPE_ENUM(NAME, word) SCOPE_##NAME,
enum scope_kind {
	SCOPES(SCOPE_ENUM) SCOPE_COUNT
};
#undef SCOPE_ENUM
const char *scope_name(enum scope_kind kind);
int scope_parse(struct str word, enum scope_kind *kind_r) MUST_CHECK;

enum cap_policy {
	CAP_CLAMP,
	CAP_REFUSE,
	CAP_DOWNGRADE
};

/* A cap that applies to a request: which scope, how much, until when. */
struct cap {
	enum scope_kind kind;
	const char *id;          /* "" for global; borrowed */
	int64_t cap_nanos;       /* 0: nothing may be spent */
	int64_t soft_nanos;      /* alert threshold; 0 none */
	struct window_rule rule; /* which windows; window.h */
	enum cap_policy policy;
	const char *downgrade_to; /* group, for CAP_DOWNGRADE; borrowed */
};

#define LEDGER_MAX_CAPS 16 /* per request */

/* One window of one scope that a hold counts in. */
struct hold_scope {
	uint8_t kind;          /* enum scope_kind */
	uint32_t window_start; /* seconds since the epoch; part of the key */
	uint32_t window_end;   /* 0: never */
	struct str id;
};

/* What is known of an attempt, kept with its hold so that a stranger (the
   keeper) can settle it when its owner is dead. */
enum hold_state {
	HOLD_TAKEN,     /* nothing was sent yet: released if orphaned */
	HOLD_SENT,      /* the request went out: the prompt is charged */
	HOLD_ANSWERING, /* the answer began: prompt and known output */
};

struct hold {
	uint64_t owner, number; /* its name; number is per owner */
	int64_t amount_nanos;
	int64_t prompt_nanos;   /* what the prompt alone costs at most */
	int64_t taken_nsecs;    /* wall */
	int64_t deadline_nsecs; /* wall; after it even a living owner's hold
				   is reported by tallyctl */
	enum hold_state state;
	size_t scope_count;
	struct hold_scope scopes[LEDGER_MAX_CAPS];
	/* A trace record without its ending, JSON members without braces:
	   what the keeper writes when it settles (RECORD_LINE_BYTES at most
	   together). Borrowed when read from the store. */
	struct str record;
	struct rollup_names names; /* whom the charge is booked on; borrowed */
};

/* What hold_take decided. */
enum hold_verdict {
	HOLD_GRANTED,
	HOLD_CLAMPED,
	HOLD_REFUSED
};

struct hold_request {
	int64_t worst_nanos; /* with the wanted output */
	int64_t least_nanos; /* the least that makes sense: prompt and
				min_output_tokens; == worst: no clamping */
	size_t cap_count;
	struct cap caps[LEDGER_MAX_CAPS];
	int64_t now_nsecs; /* wall */
};

struct hold_answer {
	enum hold_verdict verdict;
	int64_t amount_nanos; /* held: worst, or what room there was */
	/* The tightest cap: for headers and refusals. -1 when no cap. */
	int cap_index; /* into request->caps */
	int64_t cap_spent_nanos, cap_held_nanos, cap_room_nanos;
	uint32_t cap_window_end; /* seconds; 0 never */
};

/*
 * Checks every cap and, when all have room, writes the hold (h->owner,
 * number, record ... filled by the caller; amount, scopes by this function).
 * A refusal writes nothing. 0 with *answer, -1 store error.
 */
int ledger_hold(struct store_txn *t, const struct hold_request *request,
    struct hold *h, struct hold_answer *answer, struct err *err) MUST_CHECK;
/*
 * Another amount for the same request (the next attempt is dearer or
 * cheaper): as if the old hold were released and a new one taken, in one step.
 */
int ledger_rehold(struct store_txn *t, const struct hold_request *request,
    struct hold *h, struct hold_answer *answer, struct err *err) MUST_CHECK;
/* Notes how far it got (SENT, ANSWERING); rewrites the row's state only. */
int ledger_mark(struct store_txn *t, uint64_t owner, uint64_t number,
    enum hold_state state, struct err *err) MUST_CHECK;

/* One attempt's charge, for roll-ups: see rollup.h. */
struct charge {
	struct rollup_names names;
	struct rollup_row amounts;
};

struct settlement {
	uint64_t owner, number; /* the hold; number 0: none was taken */
	int64_t cost_nanos;     /* all attempts */
	int64_t now_nsecs;      /* wall: which roll-up bucket */
	size_t charge_count;    /* one per attempt */
	const struct charge *charges;
	struct str record; /* the trace record, whole; goes to OUTBOX */
	struct owner *outbox_owner; /* whose outbox and sequence; not NULL */
	uint64_t seq_r;             /* out: its sequence */
	bool overrun_r;             /* out: cost > held */
};

/*
 * Replaces the hold by its cost: held -= amount, spent += cost in each of its
 * windows; roll-ups; the record into the outbox; the hold's row removed. One
 * transaction. ERR_NOT_HELD when the hold is not there (settled before).
 */
int ledger_settle(struct store_txn *t, struct settlement *s,
    struct err *err) MUST_CHECK;
/* As settle with cost 0 and no record: nothing was done for this hold. */
int ledger_release(struct store_txn *t, uint64_t owner, uint64_t number,
    struct err *err) MUST_CHECK;

/* Reads a scope's window. Zeroes when there is no row. */
struct spend_row {
	int64_t spent_nanos, held_nanos;
	uint32_t window_start, window_end;
};
int ledger_spend(struct store_txn *t, enum scope_kind kind, struct str id,
    uint32_t window_start, struct spend_row *row_r) MUST_CHECK;

/*
 * Walks the holds of one owner (owner 0: all), oldest first. 1 with *h
 * (borrowed until the transaction's next write), 0 end, -1 failed.
 */
struct hold_walk {
	struct store_cursor *cursor;
	uint64_t owner;
};
int ledger_walk_holds(struct store_txn *t, uint64_t owner,
    struct hold_walk *w_r) MUST_CHECK;
int ledger_next_hold(struct hold_walk *w, struct hold *h_r) MUST_CHECK;
void ledger_end_walk(struct hold_walk *w);

/*
 * Settles one orphan by the written rule (docs/decisions/0003): TAKEN →
 * released, cost 0; SENT and ANSWERING → its prompt price, flagged. The record
 * gets outcome "lost". `settler` is the keeper.
 */
int ledger_settle_orphan(struct store_txn *t, const struct hold *h,
    struct owner *settler, int64_t now_nsecs, struct err *err) MUST_CHECK;

#endif
