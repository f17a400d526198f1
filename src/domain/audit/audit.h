/*
 * The audit: are the trace lines a whole chain, was every charge worked out
 * right, and do the store's books say what the lines say? Pure: lines, price
 * look-ups and the store's books are handed in, differences are handed out.
 * docs/audit.md tells it in words.
 *
 *   audit_books_read()   the store's side, copied out of one read transaction
 *   audit_new()
 *   audit_line() ...     every line on file, eldest first
 *   audit_waiting() ...  every record of the outbox, as of that transaction
 *   audit_finish()       compares
 *
 * A running gateway writes on meanwhile: the books remember each owner's last
 * sequence, and lines settled after them are checked for themselves and left
 * out of the sums.
 *
 * Memory: one entry per owner, price version, open window and roll-up value,
 * never one per line.
 */
#ifndef DOMAIN_AUDIT_H
#define DOMAIN_AUDIT_H

#include "base/map.h"
#include "domain/audit/trace_line.h"
#include "domain/ledger/rollup_query.h"
#include "domain/prices/pricing.h"

/* ---- the store's side ---- */

/* What the books say of one process that wrote records. */
struct audit_owner {
	uint64_t id;
	uint64_t last_seq;       /* of the last record it settled */
	uint64_t waiting, next;  /* in the outbox: how many; next expected */
	uint64_t first, on_file; /* sequences seen on file; 0 none */
	uint64_t holds;          /* requests under way */
	int64_t held_nanos;
	bool in_books;
};

/* One window of one capped scope. */
struct audit_window {
	struct hold_scope scope; /* id owned */
	char *id;
	bool has_row;
	struct spend_row row; /* as the store has it */
	int64_t holds_nanos;  /* Σ of the rows in HOLDS */
	int64_t spent_nanos;  /* Σ of the lines */
};

struct audit_books {
	int64_t covered_nsecs; /* as asked: 0 all; -1 nothing */
	/* Roll-ups from here on are compared; -1: none can be. */
	int64_t since_nsecs[ROLLUP_DIM_COUNT];
	struct rollup_result rollups[ROLLUP_DIM_COUNT];
	struct map *windows; /* key → struct audit_window */
	struct map *owners;  /* id, 8 bytes → struct audit_owner */
	uint64_t last_owner; /* highest number given out */
	uint64_t holds, waiting;
	int64_t held_nanos;
};

/*
 * Reads the books. since_nsecs: what settled before is not compared (0 all,
 * -1 nothing can be); rounded up to what the roll-ups can tell apart. waiting
 * (may be NULL) gets each record of the outbox, in order.
 */
int audit_books_read(struct store_txn *t, int64_t since_nsecs,
    int64_t now_nsecs,
    int (*waiting)(void *arg, uint64_t owner, uint64_t seq, struct str text),
    void *arg, struct audit_books **b_r, struct err *err) MUST_CHECK;
void audit_books_free(struct audit_books **b);

/* ---- the audit ---- */

/* X(NAME, "word") */
/* clang-format off */
#define AUDIT_KINDS(X) \
X(LINE,     "line")     /* cannot be read */ \
X(HASH,     "hash")     /* is not that of the line */ \
X(CHAIN,    "chain")    /* prev is not the hash of the line before */ \
X(SEQUENCE, "sequence") /* an owner's records: gap or double */ \
X(MISSING,  "missing")  /* settled, but neither on file nor waiting */ \
X(PRICE,    "price")    /* the version is not in the price book */ \
X(CHARGE,   "charge")   /* an attempt's cost is not what its tokens cost */ \
X(COST,     "cost")     /* a record's cost is not the sum of its attempts */ \
X(TOKENS,   "tokens")   /* nor its tokens the sum of theirs */ \
X(ROLLUP,   "rollup")   /* the lines' sum and the store's differ */ \
X(SPENT,    "spent")    /* of a window: the same */ \
X(HELD,     "held")     /* of a window: not the sum of its holds */ \
X(FORGED,   "forged")   /* the checkpoint that the files begin with */
/* clang-format on */
#define AUDIT_ENUM(NAME, word) AUDIT_##NAME,
enum audit_kind {
	AUDIT_KINDS(AUDIT_ENUM) AUDIT_KIND_COUNT
};
#undef AUDIT_ENUM
const char *audit_kind_name(enum audit_kind kind);

struct audit_difference {
	enum audit_kind kind;
	const char *where; /* "traces.jsonl:12", "model gpt-4o: cost_usd" */
	const char *found; /* what stands there, or what the store has */
	const char *right; /* what it should be, or what the lines say */
};

struct audit_options {
	const struct audit_books *books; /* NULL: lines only */
	int64_t now_nsecs;               /* wall: which windows are over */
	/* The files begin in the middle of the chain: the hash before them;
	   "" when it is not known. whole: nothing came before. */
	bool whole;
	const char *prev;
	/* The name of a checkpoint whose signature is not its key's; or NULL.
	 */
	const char *forged;
	/* 1 found, 0 not in the price book, -1 with *err. NULL: charges are
	   taken as they stand. */
	int (*price)(void *arg, struct str version, struct price *p_r,
	    struct err *err);
	void (*differs)(void *arg, const struct audit_difference *d);
	/* An attempt whose charge no provider's word stands behind; why:
	   "estimated", "lost". May be NULL. */
	void (*flagged)(void *arg, const char *where, struct str run_id,
	    const char *why, int64_t cost_nanos);
	void *arg;
};

struct audit_counts {
	uint64_t lines, attempts, owners, prices;
	uint64_t later;   /* lines settled after the books were read */
	uint64_t waiting; /* records counted from the outbox */
	uint64_t charges; /* worked out again */
	uint64_t by_rule; /* lost with their process: no usage to
			     work from, taken as they stand */
	int64_t by_rule_nanos;
	int64_t cost_nanos; /* of all lines */
	uint64_t estimated; /* attempts charged by estimated usage */
	int64_t estimated_nanos;
	uint64_t sums, windows; /* compared with the store */
	uint64_t old_windows;   /* began before the lines: not compared */
	uint64_t differences;
};

struct audit;
struct audit *audit_new(const struct audit_options *o);
void audit_free(struct audit **a);
void audit_line(struct audit *a, const char *file, uint64_t number,
    struct str text);
/* A record of the outbox; counted unless it is on file already. */
void audit_waiting(struct audit *a, uint64_t owner, uint64_t seq,
    struct str text);
void audit_finish(struct audit *a);
const struct audit_counts *audit_counts(const struct audit *a);

#endif
