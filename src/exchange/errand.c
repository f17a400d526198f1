/* Errands of an exchange. See errand.h. */
#include "exchange/errand.h"

#include "exchange/exchange.h"

#define FIRST_BYTES 4096

void
errands_init(struct errands *all)
{
	list_init(&all->out);
	all->held = NULL;
}

/* It is not out any more. With the last one the request's bytes may go. */
static void
end(struct errand *e)
{
	struct exchange *x = e->x;

	list_remove(&e->node);
	arena_adopt(&x->arena, &e->arena);
	if (!errands_are_out(&x->errands) && x->errands.held != NULL) {
		http_call_release(x->errands.held);
		x->errands.held = NULL;
	}
}

static void
on_run(struct offload_job *job)
{
	struct errand *e = LIST_OBJ(job, struct errand, job);

	e->run(e);
}

static void
on_done(struct offload_job *job)
{
	struct errand *e = LIST_OBJ(job, struct errand, job);
	struct exchange *x = e->x;

	end(e);
	if (e->back != NULL && !x->client_gone)
		e->back(e);
	exchange_resume(x);
}

void
errand_send(struct exchange *x, struct errand *e)
{
	e->x = x;
	arena_init(&e->arena, FIRST_BYTES);
	if (x->call != NULL && x->errands.held == NULL) {
		x->errands.held = x->call;
		http_call_hold(x->call);
	}
	list_append(&x->errands.out, &e->node);
	e->job.run = on_run;
	e->job.done = on_done;
	offload_add(x->env->offload, &e->job);
}

void
errand_recall(struct exchange *x)
{
	LIST_EACH_SAFE(node, &x->errands.out) {
		struct errand *e = LIST_OBJ(node, struct errand, node);

		if (offload_cancel(x->env->offload, &e->job))
			end(e);
	}
}
