/*
 * The keeper's part of alerts (domain/ledger/alert.h): each row of ALERTS is
 * logged once and posted as JSON to the webhooks that want its event, then
 * deleted.
 *
 * At least once: a keeper that dies tells again what it had not deleted; the
 * `id` in the body is the same then. A webhook that does not answer 2xx is
 * tried again after 1, 2, 4 ... seconds, TRIES times in all. Bounded: at most
 * so many posts at a time; the others wait in the store, an hour at most.
 */
#ifndef KEEPER_ALERTS_H
#define KEEPER_ALERTS_H

#include "config/config.h"
#include "store/batch.h"

struct event_base;
struct alerts;

struct alerts_options {
	struct event_base *base;
	const struct config *config;
	struct store *store;
	struct batch *batch;
};

int alerts_new(const struct alerts_options *options, struct alerts **a_r,
    struct err *err) MUST_CHECK;
void alerts_free(struct alerts **a);
/* Once a second: new rows, posts that are due, windows that are over. */
void alerts_tick(struct alerts *a);

#endif
