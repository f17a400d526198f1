/*
 * The keeper's rounds of probes (exchange/probe.h): each deployment is asked
 * once in general_settings.health_check_interval, spread evenly over it, at
 * most so many at a time. Once on the host, since there is one keeper. What
 * they find is in the health rows; a change of a breaker is logged and told
 * to webhooks as any other.
 */
#ifndef KEEPER_PROBES_H
#define KEEPER_PROBES_H

#include "exchange/exchange.h"

struct probes;

/* What the exchanges of these probes share is borrowed from the caller. */
struct probes_options {
	struct event_base *base;
	const struct config *config;
	struct store *store;
	struct batch *batch;
	struct owner *owner;
	void (*on_settled)(void *arg);
	void *arg;
};

/* Reads the price tables and opens its own connections: call it only when
   config->probes.background says so. */
int probes_new(const struct probes_options *options, struct probes **p_r,
    struct err *err) MUST_CHECK;
/* None may be under way, unless the process ends. */
void probes_free(struct probes **p);
/* Once a second: those that are due. */
void probes_tick(struct probes *p);
/* Starts no more; those under way end by themselves. */
void probes_stop(struct probes *p);
size_t probes_under_way(const struct probes *p);

#endif
