/*
 * What to do when an attempt ended: one table over outcome classes. Pure: owns
 * nothing, cannot fail. docs/router.md, "After an attempt", says it in words.
 */
#ifndef DOMAIN_VERDICT_H
#define DOMAIN_VERDICT_H

#include "base/err.h"
#include "config/config.h"
#include "domain/routing/breaker.h"

#include <stdint.h>

/*
 * X(NAME, "word in traces", health event, retry in group, fallback groups,
 *   error for the client when it is the last word)
 * retry: another attempt may help; fallback: another group may help.
 */
/* clang-format off */
#define OUTCOMES(X) \
X(OK,              "ok",              SUCCESS,    false, false, NONE) \
X(CONNECT,         "connect",         FAILURE,    true,  true,  UPSTREAM_CONNECT) \
X(TIMEOUT_CONNECT, "connect_timeout", TIMEOUT,    true,  true,  UPSTREAM_CONNECT) \
X(TIMEOUT_HEAD,    "first_byte_timeout", TIMEOUT, true,  true,  UPSTREAM_TIMEOUT) \
X(TIMEOUT_TOTAL,   "timeout",         TIMEOUT,    true,  true,  UPSTREAM_TIMEOUT) \
X(STALL,           "stall",           TIMEOUT,    true,  true,  UPSTREAM_TIMEOUT) \
X(CUT,             "cut",             FAILURE,    true,  true,  UPSTREAM_CUT) \
X(MALFORMED,       "malformed",       FAILURE,    true,  true,  UPSTREAM_FORMAT) \
X(TOO_LARGE,       "answer_too_large", FAILURE,   false, true,  UPSTREAM_FORMAT) \
X(BAD_REQUEST,     "bad_request",     CALLER,     false, false, BAD_REQUEST) \
X(CONTEXT_LENGTH,  "context_length",  CALLER,     false, true,  CONTEXT_LENGTH) \
X(CONTENT_POLICY,  "content_policy",  CALLER,     false, true,  UPSTREAM_POLICY) \
X(CONFLICT,        "conflict",        CALLER,     true,  true,  UPSTREAM) \
X(AUTH,            "auth",            AUTH,       true,  true,  UPSTREAM_AUTH) \
X(NOT_FOUND,       "not_found",       NOT_FOUND,  true,  true,  UPSTREAM) \
X(RATE_LIMIT,      "rate_limit",      RATE_LIMIT, true,  true,  RATE_LIMIT) \
X(QUOTA,           "quota",           RATE_LIMIT, true,  true,  UPSTREAM_QUOTA) \
X(SERVER_ERROR,    "server_error",    FAILURE,    true,  true,  UPSTREAM) \
X(OVERLOADED,      "overloaded",      FAILURE,    true,  true,  UPSTREAM_OVERLOADED) \
X(CLIENT_GONE,     "client_gone",     NEUTRAL,    false, false, CLIENT_GONE) \
X(HEDGED,          "hedged",          NEUTRAL,    false, false, INTERNAL) \
X(INTERNAL,        "internal",        NEUTRAL,    false, false, INTERNAL)
/* clang-format on */
#define OUTCOME_ENUM(NAME, word, event, retry, fallback, error) OUTCOME_##NAME,
enum outcome {
	OUTCOMES(OUTCOME_ENUM) OUTCOME_COUNT
};
#undef OUTCOME_ENUM

struct outcome_info {
	const char *word;
	enum health_event event;
	bool retry, fallback;
	enum err_code error;
};
const struct outcome_info *outcome_info(enum outcome o);

/* By HTTP status alone (408, 409, 429, 5xx ... ; 2xx OK). */
enum outcome outcome_from_status(int status);

/* Who has a word on the number of retries; the first that is set counts. */
struct retry_terms {
	const struct config_policy *policy; /* by the class of the outcome */
	int64_t deployment;                 /* its num_retries */
	int64_t asked;                      /* the client's; CONFIG_UNSET */
	int64_t group;                      /* the group's, else the router's */
	enum outcome outcome;
	int status; /* HTTP, of the answer; 0 none */
};
/*
 * How many retries a group has after this outcome. *by_policy_r: it came from
 * the class's own entry in the policy, which also overrules the table's word on
 * whether to retry.
 */
uint32_t verdict_retries(const struct retry_terms *terms, bool *by_policy_r);

struct verdict_input {
	enum outcome outcome;
	bool client_has_bytes;     /* something reached the client already */
	uint32_t attempts_made;    /* over all groups, this one included */
	uint32_t max_attempts;     /* whole request */
	uint32_t group_attempts;   /* in this group */
	uint32_t group_retries;    /* retries allowed in this group */
	bool retry_by_policy;      /* see verdict_retries() */
	bool more_in_group;        /* an untried candidate of the same group */
	bool more_groups;          /* a candidate of a later group */
	int64_t retry_after_nsecs; /* the latest answer's; 0 none */
	int64_t least_wait_nsecs;  /* retry_after setting */
	double random;             /* [0, 1) for the jitter */
};

enum verdict {
	VERDICT_DELIVER,
	VERDICT_NEXT,
	VERDICT_SAME,
	VERDICT_FALLBACK,
	VERDICT_FAIL
};

struct verdict_answer {
	enum verdict verdict;
	int64_t wait_nsecs; /* before the next attempt; 0 at once */
};

/*
 * NEXT: another deployment of the group, at once. SAME: the only one again,
 * after a wait: Retry-After when 0 < it <= 60 s, else 0.5 s × 2^n but at least
 * least_wait, at most 8 s; both with up to 0.75 s of jitter. FALLBACK: first
 * candidate of the next group, at once. FAIL: the outcome is the last word.
 *
 * - Nothing follows once the client has bytes, or when attempts are used up;
 *   no wait is ever asked after the last attempt.
 * - 401, 403, 404 and a used-up quota go to another deployment or group, never
 *   to the same one again. A 429 does not wait for its only deployment when
 *   another group is there.
 */
void verdict_decide(const struct verdict_input *in,
    struct verdict_answer *answer_r);
const char *verdict_name(enum verdict v);

#endif
