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
 *   spent + before + held <= cap at every commit (a plain answer that outran
 * its hold may push spent above it; it is flagged overrun) A hold is settled
 * exactly once: settling removes its row, and a row that is not there cannot be
 * settled (ERR_NOT_HELD). Windows: a hold taken in one window settles in that
 * window, however late. Two caps on the same scope and window (one clamps, one
 * refuses) share its row; it is counted there once. Windows are told apart by
 * start and end: on the first of a month a day and a month begin at the same
 * second.
 *
 * A function that answers -1 with *err has written nothing, unless the
 * transaction itself has failed (store_failed), which undoes everything. A
 * damaged row is ERR_STORE with its key in hex. docs/ledger.md tells the
 * whole with an example.
 */
#ifndef DOMAIN_LEDGER_H
#define DOMAIN_LEDGER_H

#include "base/jsonw.h"
#include "domain/ledger/cap.h"
#include "domain/ledger/hold.h"
#include "domain/ledger/money.h"
#include "domain/ledger/rollup.h"
#include "domain/ledger/usage.h"
#include "domain/ledger/window.h"
#include "store/owner.h"
#include "store/store.h"

/*
 * A member of an attempt's entry in a record: in which windows it is booked.
 *   "scopes":[{"kind":"key","id":"...","start":SECONDS,"end":SECONDS}, ...]
 * Nothing when there are none.
 */
void ledger_write_scopes(struct jsonw *w, const struct hold_scope *scopes,
    size_t count);

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
	size_t track_count; /* behind the caps: scopes whose spend is kept
			       without a cap; only kind, id, rule are read */
	/* Borrowed; LEDGER_MAX_CAPS at most. */
	const struct cap *caps;
	int64_t now_nsecs; /* wall */
	bool unpriced;     /* worst_nanos is a guess, the price is unknown:
			      ERR_UNPRICED when there is any cap */
};

struct hold_answer {
	enum hold_verdict verdict;
	int64_t amount_nanos; /* held: worst, or what room there was */
	/* The tightest cap: for headers and refusals. -1 when no cap. Of a
	   refusal: the one that refused. Its figures are those from before
	   this hold. */
	int cap_index;           /* into request->caps */
	int64_t cap_spent_nanos; /* counted: also what was before */
	int64_t cap_held_nanos, cap_room_nanos;
	uint32_t cap_window_start, cap_window_end; /* seconds; 0 never */
};

/*
 * Checks every cap and, when all have room, writes the hold (h->owner,
 * number, record ... filled by the caller; amount, scopes by this function).
 *   all caps have room for worst_nanos    → GRANTED, that is held
 *   the short ones all clamp, and the least room pays for least_nanos
 *                                         → CLAMPED, that room is held
 *   else                                  → REFUSED, nothing is held
 * A short cap that refuses or downgrades refuses (the caller knows its
 * policy). worst_nanos 0 is always granted: free models stay usable.
 * 0 with *answer, -1 on ERR_STORE, ERR_UNPRICED, ERR_INTERNAL (taken twice).
 * h->scopes borrow the caps' ids.
 */
int ledger_hold(struct store_txn *t, const struct hold_request *request,
    struct hold *h, struct hold_answer *answer, struct err *err) MUST_CHECK;
/* What ledger_hold would answer; reads only. */
int ledger_ask(struct store_txn *t, const struct hold_request *request,
    struct hold_answer *answer, struct err *err) MUST_CHECK;
/*
 * Another amount for the same request (the next attempt is dearer or
 * cheaper): as if the old hold were released and a new one taken, in one step;
 * what h->booked_nanos has grown by counts as spent by the old one.
 * Refused: the old hold stands as it was. ERR_NOT_HELD when there is none.
 */
int ledger_rehold(struct store_txn *t, const struct hold_request *request,
    struct hold *h, struct hold_answer *answer, struct err *err) MUST_CHECK;
/* Notes how far it got (SENT, ANSWERING); rewrites the row's state only. */
int ledger_mark(struct store_txn *t, uint64_t owner, uint64_t number,
    enum hold_state state, struct err *err) MUST_CHECK;
/* ANSWERING, with what was delivered so far and what that costs. */
int ledger_progress(struct store_txn *t, uint64_t owner, uint64_t number,
    int64_t output_tokens, int64_t output_nanos, struct err *err) MUST_CHECK;

/* What one scope spent and holds in one window. There are rows only for
   scopes that had a cap when something was held. */
struct spend_row {
	int64_t spent_nanos, held_nanos;
	/* Spent in the window before the cap was there, as the roll-ups knew
	   it; and which setting of the cap that was (cap.since; 0 none). Counts
	   against the cap; the audit proves it by the roll-ups. */
	int64_t before_nanos;
	uint32_t before_since;
	uint32_t window_start, window_end;
	uint8_t alerts; /* thresholds already told of; ledger_alerted */
};

struct settlement {
	uint64_t owner, number; /* the hold; number 0: none was taken */
	/* A second hold of the same request (two attempts ran at a time),
	   settled with it; number 0: none was taken. */
	uint64_t second_number;
	int64_t cost_nanos;        /* all attempts: the sum of the charges */
	int64_t second_cost_nanos; /* ... of that, under the second hold */
	int64_t now_nsecs;         /* wall: which roll-up bucket */
	size_t charge_count;       /* one per attempt */
	const struct charge *charges;
	struct str record; /* the trace record, whole; goes to OUTBOX */
	struct owner *outbox_owner; /* whose outbox and sequence; not NULL */
	uint64_t seq_r;             /* out: its sequence */
	bool overrun_r;             /* out: cost > held, under either */
	bool uneven_r; /* out: a scope held less than this hold; its held is
			  0 now, and the caller says so in the log */
	struct spend_row *rows_r; /* out: what the first hold's scopes have
				     come to, in their order; NULL: not asked */
};

/*
 * Replaces the hold by its cost: held -= amount, spent += cost (less what is
 * booked already) in each of its windows; roll-ups; the record into the outbox;
 * the hold's row removed. One transaction. ERR_NOT_HELD when the hold is not
 * there (settled before).
 */
int ledger_settle(struct store_txn *t, struct settlement *s,
    struct err *err) MUST_CHECK;
/* As settle with cost 0 and no record: nothing was done for this hold. */
int ledger_release(struct store_txn *t, uint64_t owner, uint64_t number,
    struct err *err) MUST_CHECK;

/* spent and before: what counts as spent against a cap. */
int64_t ledger_counted_nanos(const struct spend_row *row);
/* cap - counted - held; negative after an overrun or when the cap was lowered.
 */
int64_t ledger_room_nanos(const struct cap *cap, const struct spend_row *row);
/*
 * What a cap has counted in the window that now_nsecs is in, as the next hold
 * will see it: also what was spent before it was set, when no hold has noted
 * that yet. Reads only.
 */
int ledger_cap_spend(struct store_txn *t, const struct cap *cap,
    int64_t now_nsecs, struct spend_row *row_r, struct err *err) MUST_CHECK;
/* Reads a scope's window (window_at). Zeroes when there is no row. */
int ledger_spend(struct store_txn *t, const struct hold_scope *scope,
    struct spend_row *row_r, struct err *err) MUST_CHECK;
/* spent += cost of one window, without a hold: for rebuilding the store from
   trace lines (domain/audit/rebuild.h), nothing else. */
int ledger_book(struct store_txn *t, const struct hold_scope *scope,
    int64_t cost_nanos, struct err *err) MUST_CHECK;
/* Sets alert bits: 1 when any of them was not set before, 0 when all were, -1
   failed. So that an alert goes out once per window on the host. */
int ledger_alerted(struct store_txn *t, const struct hold_scope *scope,
    uint8_t bits, struct err *err) MUST_CHECK;

/* Walks all spend rows, by kind and window. 1 with scope and row (id borrowed
   until the transaction's next write), 0 end, -1 failed. */
struct spend_walk {
	struct store_txn *txn;
	struct store_cursor *cursor;
};
int ledger_walk_spend(struct store_txn *t, struct spend_walk *w_r,
    struct err *err) MUST_CHECK;
int ledger_next_spend(struct spend_walk *w, struct hold_scope *scope_r,
    struct spend_row *row_r, struct err *err) MUST_CHECK;
void ledger_end_walk_spend(struct spend_walk *w);
/*
 * Removes rows whose window ended before `before` and that hold nothing; at
 * most max_rows. Returns how many, -1 failed.
 */
int ledger_sweep_spend(struct store_txn *t, int64_t before_nsecs, int max_rows,
    struct err *err) MUST_CHECK;

/*
 * Walks the holds of one owner (owner 0: all), oldest first. 1 with *h
 * (borrowed until the transaction's next write, and from *w), 0 end, -1
 * failed. Holds may be settled on the way.
 */
struct hold_walk {
	struct store_txn *txn;
	struct store_cursor *cursor;
	uint64_t owner;
	struct charge *ended; /* owned: room for h->ended */
};
int ledger_walk_holds(struct store_txn *t, uint64_t owner,
    struct hold_walk *w_r, struct err *err) MUST_CHECK;
int ledger_next_hold(struct hold_walk *w, struct hold *h_r,
    struct err *err) MUST_CHECK;
void ledger_end_walk(struct hold_walk *w);

/*
 * Settles one orphan by the written rule (docs/decisions/0003): TAKEN → its
 * ended attempts; SENT and ANSWERING → these, its prompt price and what is
 * known to have been delivered, flagged. The record gets outcome "lost";
 * one whose opening is no JSON gets an opening of what the hold says. Only
 * owner and number of *h are read, the rest is taken from the store.
 * `settler` is the keeper. ERR_NOT_HELD when somebody was faster.
 */
struct orphan_end {
	int64_t cost_nanos, held_nanos;
	uint64_t seq; /* of its record, in the settler's outbox */
	bool overrun, uneven;
};
int ledger_settle_orphan(struct store_txn *t, const struct hold *h,
    struct owner *settler, int64_t now_nsecs, struct orphan_end *end_r,
    struct err *err) MUST_CHECK;

#endif
