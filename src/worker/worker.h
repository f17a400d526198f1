/*
 * The worker role: serves clients. One libevent loop; the HTTP server in
 * front, libcurl behind, LMDB beside. Many run side by side and share
 * listeners and store.
 *
 * A turn of the loop: callbacks run and queue jobs; then one write transaction
 * for all of them (store/batch.h), then what waited for it is resumed, then
 * new trace records go to the logger.
 */
#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include "admin/admin.h"
#include "domain/routing/catalog.h"
#include "exchange/exchange.h"
#include "ipc/contract.h"
#include "ipc/life.h"
#include "outbox/outbox.h"
#include "station/station.h"
#include "station/turn.h"

struct worker {
	struct contract_child child;
	struct station station;
	struct event_base *base;
	struct life life;
	struct turn turn;
	struct catalog *catalog;
	struct budgets *budgets;
	struct accounts *accounts;
	struct registry_rules rules;
	struct price_book *prices;
	struct upstream *upstream;
	struct http_server *http;
	struct outbox *outbox;
	struct exchange_env env;
	struct admin_env admin;
	char *trace_path;
	struct meters_worker *meter; /* what others see of this one */
	struct event drain_deadline;
	struct batch_job hasten; /* of breakers, behind a reload */
	bool settled_in;         /* it has lived for a second */
};

/* Main of `--role worker`; returns an exit code (enum contract_exit). */
int worker_main(uint32_t slot, uint32_t generation);

/* front.c: a whole request came in. */
void front_on_call(void *arg, struct http_call *call);
/* front.c: the body of an error the HTTP layer answers itself. */
void front_on_error(void *arg, int status, enum err_code code, const char *text,
    struct buf *out);

#endif
