/*
 * An errand: what would hold up the loop in an exchange's work (a large body
 * to be read, written for a provider, or given back) and is done by the
 * worker's second thread (offload.h).
 *
 * While one is out the exchange stands still: callbacks note facts, but no
 * step runs and nothing of it is freed; the request's bytes stay, too, when
 * the client leaves. So run() may read the request and what hangs on the
 * errand. What it makes goes into the errand's own arena, since the loop may
 * use the exchange's meanwhile (two attempts of a hedge).
 */
#ifndef EXCHANGE_ERRAND_H
#define EXCHANGE_ERRAND_H

#include "base/arena.h"
#include "base/list.h"
#include "exchange/offload.h"

struct exchange;
struct http_call;

/*
 * Longer bodies are worth one. 128 KB take 0.01 to 0.7 ms to be read, 0.3 to 3
 * ms to be translated, for Bedrock 0.7 to 8 ms (usual text, the worst that was
 * found: tests/bench/bench_large.c).
 */
#define ERRAND_BYTES (128 * 1024)

struct errand {
	/* On the thread. */
	void (*run)(struct errand *e);
	/* On the loop, before the exchange is resumed; not when its client has
	   left. NULL: nothing but that. */
	void (*back)(struct errand *e);
	struct arena arena; /* run()'s; then the exchange's own */
	/* The rest is ours. */
	struct exchange *x;
	struct list node; /* on x->errands.out */
	struct offload_job job;
};

/* Those of one exchange. */
struct errands {
	struct list out;
	struct http_call *held; /* whose bytes they need; NULL none */
};

void errands_init(struct errands *all);
/* The exchange has to stand still. */
static inline bool
errands_are_out(const struct errands *all)
{
	return !list_empty(&all->out);
}
/* Zeroed but for the two functions; in the exchange's arena. */
void errand_send(struct exchange *x, struct errand *e);
/* The client has left: what was not begun is not done. */
void errand_recall(struct exchange *x);

#endif
