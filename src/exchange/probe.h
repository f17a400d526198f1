/*
 * A probe: one question of our own to one deployment, to see whether it is
 * alive. For the keeper's rounds (keeper/probes.h) and for /health?probe=true.
 *
 *   PROBE_MODELS      GET its list of models: free. It can only say that the
 *                     deployment is down: a failure counts with the breaker,
 *                     a success proves nothing about completions and neither
 *                     closes a breaker nor forgives a failure. While the
 *                     breaker's one ticket is to be had, a failure uses it up,
 *                     so that no client's request is spent on finding out.
 *   PROBE_COMPLETION  one token asked for, as an exchange: held, priced and
 *                     traced (key "health-probe"). It is heard by the breaker
 *                     as any request is, and takes the half-open ticket.
 *
 * Deployments with a mock_response answer themselves and are not asked; a
 * wildcard, which has no model of its own, is asked for its list of models.
 * What came of it stands in the deployment's health row.
 */
#ifndef EXCHANGE_PROBE_H
#define EXCHANGE_PROBE_H

#include "exchange/question.h"

enum probe_method {
	PROBE_MODELS,
	PROBE_COMPLETION
};

enum probe_result {
	PROBE_ALIVE,
	PROBE_DOWN,
	PROBE_NOT_ASKED, /* breaker open, a cap, nothing to ask */
};

struct probe_options {
	enum probe_method method;
	int64_t timeout_msecs;
	/* Once, later, never from inside probe_start(). text: one line, ""
	   when alive. Both are good during the call. */
	void (*on_end)(void *arg, const struct deployment *d,
	    enum probe_result result, const char *text);
	void *arg;
};

/* Asks; the environment must outlive the answer. */
void probe_start(struct exchange_env *env, const struct deployment *d,
    const struct probe_options *options);

#endif
