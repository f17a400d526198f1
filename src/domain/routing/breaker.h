/*
 * The circuit breaker of one deployment: a pure state machine over one row of
 * HEALTH, shared by all processes of the host. `now` is a parameter; nothing
 * here reads a clock, a file or a random number.
 *
 *   CLOSED     traffic flows; failures are counted
 *   OPEN       nobody is sent there until open_until
 *   HALF_OPEN  one probe on the host is under way; its ticket carries owner and
 *              deadline, so a dead prober frees it
 * A caller's own fault (400-class) never counts. A neutral outcome (client
 * left) frees the probe without closing or opening. Reports of calls that were
 * under way when it opened change statistics, not the state; a longer wait
 * they name (Retry-After, refused credentials) makes the open time longer.
 * The table of events is in docs/breaker.md. Nothing here fails but the two
 * functions that use the store.
 */
#ifndef DOMAIN_BREAKER_H
#define DOMAIN_BREAKER_H

#include "store/store.h"

#include <stdint.h>

enum breaker_state {
	BREAKER_CLOSED,
	BREAKER_OPEN,
	BREAKER_HALF_OPEN
};
const char *breaker_state_name(enum breaker_state s);

/* How an attempt ended, as the breaker and the statistics see it. */
enum health_event {
	HEALTH_SUCCESS,
	HEALTH_NEUTRAL, /* client left, our own cancel */
	HEALTH_CALLER,  /* 400-class: the request's own fault */
	HEALTH_FAILURE, /* 5xx, connect error, cut, malformed */
	HEALTH_TIMEOUT, /* ours; a shorter one the client asked for is NEUTRAL
			 */
	HEALTH_RATE_LIMIT, /* 429 */
	HEALTH_AUTH,       /* 401, 403: our credentials */
	HEALTH_NOT_FOUND,  /* 404: the deployment does not exist there */
	HEALTH_EVENT_COUNT
};
const char *health_event_name(enum health_event e);

/* Why it opened last; the words are in breaker_describe(). */
enum breaker_cause {
	CAUSE_NONE,
	CAUSE_FAILURES,   /* too many in a row */
	CAUSE_ERROR_RATE, /* too large a share of the last minute */
	CAUSE_RATE_LIMIT, /* 429 */
	CAUSE_AUTH,       /* our credentials were refused */
	CAUSE_PROBE,      /* the probe failed */
	CAUSE_HAND,       /* an operator */
};

/* No end: tripped by hand, until it is reset by hand. */
#define BREAKER_FOREVER INT64_MAX
/* A provider's Retry-After is believed up to here. */
#define BREAKER_MAX_RETRY_AFTER_NSECS (INT64_C(3600) * 1000000000)

/* The row in HEALTH. Fixed size, host order, versioned by its length. */
struct health_row {
	uint32_t version;         /* 1 */
	uint32_t state;           /* enum breaker_state */
	int64_t open_until_nsecs; /* wall; OPEN: nobody goes before */
	int64_t opened_nsecs;     /* wall; when it last tripped */
	int64_t closed_nsecs;     /* wall; when a probe last closed it; 0 */
	/* Failures since the last success, by event; kept while open. */
	uint32_t runs[HEALTH_EVENT_COUNT];
	uint32_t consecutive; /* Σ runs */
	uint32_t trips;       /* in a row without a success between: the
				 cooldown doubles with them, bounded */
	uint64_t probe_owner; /* HALF_OPEN: whose ticket; 0 none */
	int64_t probe_deadline_nsecs;
	/* This minute's and the last minute's counts, for the error rate. */
	int64_t minute; /* since the epoch */
	uint32_t minute_calls, minute_failures;
	uint32_t last_calls, last_failures;
	/* Since the row was made. */
	uint64_t successes, failures, rate_limits, timeouts;
	int64_t last_success_nsecs, last_failure_nsecs; /* wall; 0 never */
	uint32_t last_status;    /* of the last failure: HTTP status or 0 */
	uint32_t last_event;     /* of the last failure: enum health_event */
	int64_t latency_micros;  /* EWMA of whole answers; 0 none yet */
	int64_t ttft_micros;     /* EWMA; streams */
	int64_t per_token_nanos; /* EWMA seconds per output token, in ns */
	char last_error[96];     /* one line, no secrets */
	uint32_t forced; /* 1: tripped by an operator; no report changes that
			    before open_until */
	uint32_t cause;  /* enum breaker_cause */
	int64_t probed_nsecs;  /* wall; our own last probe; 0 never */
	uint32_t probe_failed; /* ... found it down */
	uint32_t reserved;
};

/* All limits count failures since the last success; 0 = never. */
struct breaker_rule {
	int64_t cooldown_nsecs; /* first opening; 0: never opens by itself */
	int64_t max_cooldown_nsecs;              /* bound of the doubling */
	int64_t auth_cooldown_nsecs;             /* 401, 403 */
	uint32_t consecutive_limit;              /* allowed_fails + 1 */
	uint32_t own_limits[HEALTH_EVENT_COUNT]; /* allowed_fails_policy: this
				     event is counted by itself against this
				     limit; 0: with the others */
	uint32_t rate_percent;   /* opens above this share of failures; 0 off */
	uint32_t rate_min_calls; /* ... with at least this volume */
	bool only_member;        /* the group has no other deployment: 429
				    does not open it */
	bool many_models;    /* a wildcard: 403, 404 and 429 are about one of
				its models and do not count */
	int64_t probe_nsecs; /* how long a ticket is good */
	int64_t ramp_nsecs;  /* slow return after closing; 0 at once */
	uint32_t latency_samples; /* a mean of about so many; 0: ten */
};

enum breaker_answer {
	BREAKER_ALLOW,
	BREAKER_PROBE, /* allowed, with the one ticket: must be reported */
	BREAKER_DENY,
};

void health_row_init(struct health_row *row);
/* A row from the store; a missing or foreign one gives a fresh row: false. */
bool health_row_read(struct str value, struct health_row *row_r);

/* May a request go there? Reads only. PROBE = would get the ticket. */
enum breaker_answer breaker_ask(const struct health_row *row,
    int64_t now_nsecs);
/* When it may be tried again, from now, at the earliest; 0: at once. */
int64_t breaker_wait_nsecs(const struct health_row *row, int64_t now_nsecs);
/*
 * The share of its traffic a deployment should get, (0, 1]: below 1 for
 * rule->ramp_nsecs after it closed.
 */
double breaker_share(const struct health_row *row,
    const struct breaker_rule *rule, int64_t now_nsecs);
/* "open for 12 s after 4 failures (last: 503)": for plans and tables. */
#define BREAKER_TEXT_BYTES 96
void breaker_describe(const struct health_row *row, int64_t now_nsecs,
    char out[BREAKER_TEXT_BYTES]);

/*
 * Takes the ticket for `owner` (not 0: the process) when breaker_ask says
 * PROBE; else what breaker_ask says. Call in the write transaction that stores
 * the row, just before the attempt goes out. Every ticket must be reported.
 */
enum breaker_answer breaker_enter(struct health_row *row,
    const struct breaker_rule *rule, uint64_t owner, int64_t now_nsecs);
/* Frees a dead owner's ticket before its deadline; true when it had one. */
bool breaker_release(struct health_row *row, uint64_t owner);

struct health_report {
	enum health_event event;
	uint32_t status;           /* HTTP status, 0 none */
	int64_t retry_after_nsecs; /* from the provider; 0 none */
	int64_t latency_nsecs;     /* 0 unknown */
	int64_t ttft_nsecs;        /* 0 unknown */
	int64_t output_tokens;
	uint64_t probe_owner; /* ours, when we held the ticket; else 0 */
	bool asked;           /* by a probe of ours, not by a client */
	const char *error;    /* one line; may be NULL */
	int64_t now_nsecs;    /* wall */
};
/* Applies an outcome; returns true when the breaker's state changed. */
bool breaker_report(struct health_row *row, const struct breaker_rule *rule,
    const struct health_report *report);
/*
 * By hand. Trip: nobody goes there for nsecs (0: until it is reset); it then
 * comes back through a probe. Reset: CLOSED, nothing counted; statistics stay.
 */
void breaker_trip(struct health_row *row, int64_t now_nsecs, int64_t nsecs);
void breaker_reset(struct health_row *row);
/*
 * The next request may probe (not when tripped by hand): for a new
 * configuration, whose credentials may be the mended ones. True: it was open.
 */
bool breaker_hasten(struct health_row *row, int64_t now_nsecs);

/* Calls of the last 60 seconds and those of them that failed (5xx, connect,
   timeouts): what the error rate is made of. */
void breaker_recent(const struct health_row *row, int64_t now_nsecs,
    int64_t *calls_r, int64_t *failures_r);

/* Rows of HEALTH. 1 found, 0 fresh row, -1 failed. */
int health_get(struct store_txn *t, const char *deployment_id,
    struct health_row *row_r) MUST_CHECK;
int health_put(struct store_txn *t, const char *deployment_id,
    const struct health_row *row) MUST_CHECK;

#endif
