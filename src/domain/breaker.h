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
 * left) frees the probe without closing or opening.
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
	HEALTH_TIMEOUT,
	HEALTH_RATE_LIMIT, /* 429 */
	HEALTH_AUTH,       /* 401, 403: our credentials */
	HEALTH_NOT_FOUND,  /* 404: the deployment does not exist there */
};

/* The row in HEALTH. Fixed size, host order, versioned by its length. */
struct health_row {
	uint32_t version;         /* 1 */
	uint32_t state;           /* enum breaker_state */
	int64_t open_until_nsecs; /* wall; OPEN only */
	int64_t opened_nsecs;     /* wall; when it last tripped */
	uint32_t consecutive;     /* failures in a row */
	uint32_t trips;           /* in a row without a success between: the
				     cooldown doubles with them, bounded */
	uint64_t probe_owner;     /* HALF_OPEN: whose ticket; 0 none */
	int64_t probe_deadline_nsecs;
	/* This minute's and the last minute's counts, for the error rate. */
	int64_t minute; /* since the epoch */
	uint32_t minute_calls, minute_failures;
	uint32_t last_calls, last_failures;
	/* Since the row was made. */
	uint64_t successes, failures, rate_limits, timeouts;
	int64_t last_success_nsecs, last_failure_nsecs; /* wall; 0 never */
	uint32_t last_status;                           /* HTTP status or 0 */
	uint32_t last_event;                            /* enum health_event */
	int64_t latency_micros;  /* EWMA of whole answers; 0 none yet */
	int64_t ttft_micros;     /* EWMA; streams */
	int64_t per_token_nanos; /* EWMA seconds per output token, in ns */
	char last_error[96];     /* one line, no secrets */
	/* Set while the reason stands: reset by hand, tripped by hand. */
	uint32_t forced; /* 1: tripped by an operator */
	uint32_t reserved;
};

struct breaker_rule {
	int64_t cooldown_nsecs;      /* 0: never opens */
	int64_t max_cooldown_nsecs;  /* bound of the doubling */
	int64_t auth_cooldown_nsecs; /* 401, 403, 404 */
	uint32_t consecutive_limit;  /* allowed_fails + 1; 0 off */
	uint32_t rate_percent;       /* error rate that trips ... */
	uint32_t rate_min_calls;     /* ... with at least this volume */
	bool only_member;            /* the group has no other deployment */
	int64_t probe_nsecs;         /* how long a ticket is good */
};

enum breaker_answer {
	BREAKER_ALLOW,
	BREAKER_PROBE, /* allowed, with the one ticket: must be reported */
	BREAKER_DENY,
};

void health_row_init(struct health_row *row);
/* A row from the store; a missing or foreign one gives a fresh row. */
void health_row_read(struct str value, struct health_row *row_r);

/* May a request go there? Reads only. PROBE = would get the ticket. */
enum breaker_answer breaker_ask(const struct health_row *row,
    int64_t now_nsecs);
/* Takes the ticket for `owner` when breaker_ask says PROBE; else DENY. */
enum breaker_answer breaker_enter(struct health_row *row,
    const struct breaker_rule *rule, uint64_t owner, int64_t now_nsecs);

struct health_report {
	enum health_event event;
	uint32_t status;           /* HTTP status, 0 none */
	int64_t retry_after_nsecs; /* from the provider; 0 none */
	int64_t latency_nsecs;     /* 0 unknown */
	int64_t ttft_nsecs;        /* 0 unknown */
	int64_t output_tokens;
	uint64_t probe_owner; /* ours, when we held the ticket; else 0 */
	const char *error;    /* one line; may be NULL */
	int64_t now_nsecs;    /* wall */
};
/* Applies an outcome; returns true when the breaker's state changed. */
bool breaker_report(struct health_row *row, const struct breaker_rule *rule,
    const struct health_report *report);
/* By hand: until now + nsecs (0: cooldown), or back to CLOSED. */
void breaker_trip(struct health_row *row, int64_t now_nsecs, int64_t nsecs);
void breaker_reset(struct health_row *row);

/* Rows of HEALTH. 1 found, 0 fresh row, -1 failed. */
int health_get(struct store_txn *t, const char *deployment_id,
    struct health_row *row_r) MUST_CHECK;
int health_put(struct store_txn *t, const char *deployment_id,
    const struct health_row *row) MUST_CHECK;

#endif
