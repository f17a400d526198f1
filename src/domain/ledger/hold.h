/*
 * A hold: money set aside for a request under way, and what is known of the
 * request, so that a stranger can settle it when its owner is dead. Plain
 * data; ledger.h takes, changes and settles holds.
 */
#ifndef DOMAIN_HOLD_H
#define DOMAIN_HOLD_H

#include "domain/ledger/rollup.h"

#include <stdint.h>

#define LEDGER_MAX_CAPS     32          /* per request */
#define LEDGER_MAX_ENDED    32          /* attempts before the last one */
#define LEDGER_RECORD_BYTES (32 * 1024) /* a whole trace record */
#define LEDGER_ENDING_BYTES 4096        /* of it, for the orphan's ending */

/* One window of one scope that a hold counts in. */
struct hold_scope {
	uint8_t kind;          /* enum scope_kind */
	uint32_t window_start; /* seconds since the epoch; part of the key */
	uint32_t window_end;   /* 0: never; part of the key */
	struct str id;         /* 200 bytes at most, see rollup_value */
};

/* One attempt's charge, for roll-ups: see rollup.h. */
struct charge {
	struct rollup_names names;
	struct rollup_row amounts;
};

/* What is known of an attempt, kept with its hold so that a stranger (the
   keeper) can settle it when its owner is dead. */
enum hold_state {
	HOLD_TAKEN,     /* nothing was sent yet: released if orphaned */
	HOLD_SENT,      /* the request went out: the prompt is charged */
	HOLD_ANSWERING, /* the answer began: prompt and known output */
};
const char *hold_state_name(enum hold_state state); /* "taken" ... */

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
	/*
	 * The trace record's opening: JSON members without braces, what is
	 * known before the answer: run_id, model, time, requested_model,
	 * provider, deployment, stream, key, team, user, end_user, tags
	 * (others may follow). Not in it: what an orphan's ending adds, in this
	 * order: latency_s, cost_usd, prompt_tokens, completion_tokens, status
	 * (0), outcome ("lost"), error ("lost"), ttft_s (null), cached_tokens,
	 * reasoning_tokens, usage_source, orphan (true), overrun (true, when
	 * it is), settled, attempts. Borrowed when read from the store.
	 */
	struct str record;
	struct rollup_names names; /* whom the charge is booked on; borrowed */

	/* The rest may be left zero. */
	struct str price_version; /* of the attempt that is held for */
	int64_t prompt_tokens;    /* what prompt_nanos was worked out for */
	/* What is known to have been delivered: ledger_progress. */
	int64_t output_tokens, output_nanos;
	/* Attempts of this request that have ended: their charges, and their
	   entries of the record's attempts (JSON objects, comma between
	   them). */
	size_t ended_count;
	const struct charge *ended;
	struct str ended_attempts;
	/*
	 * Of the ended charges: what counts as spent already, in the windows
	 * of the holds they were made under. ledger_rehold books what this is
	 * more than before in the old hold's windows; a settlement leaves it
	 * out of its own. So each attempt counts in the scopes that it
	 * touched, and the amount is for the attempt under way alone.
	 */
	int64_t booked_nanos;
};

#endif
