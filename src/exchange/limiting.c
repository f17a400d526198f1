/*
 * Limits around a hold. See limiting.h. The settlement of what a failed attempt
 * took is a job of its own that is tried until it succeeds, queued before the
 * next hold: a retry at the same deployment finds its place free.
 */
#include "exchange/limiting.h"

#include "base/clock.h"
#include "exchange/exchange.h"
#include "exchange/hedge.h"
#include "wire/quote.h"

/* What a client is told to wait for a call of somebody else's to end. */
#define CALL_WAIT_NSECS NSECS_PER_SEC

void
limiting_prepare(struct holding *h)
{
	const struct deployment *d = h->candidate->deployment;
	const struct exchange *x = h->x;
	const struct worst *w = &h->worst;
	struct limiting *l = &h->limiting;

	l->limit = w->limit;
	l->wanted = d->limits.any;
	if (!l->wanted)
		return;
	l->demand = deployment_demand(d);
	l->take = (struct limit_take){
		.count = 1,
		.demands = &l->demand,
		.owner = x->env->owner->id,
		.now_nsecs = h->request.now_nsecs,
	};
	quote_tokens(&x->request, w,
	    quote_least_limit(w, x->env->config->min_output_tokens,
		h->whole_only),
	    &l->take);
}

/* ---- taking ------------------------------------------------------------- */

static int
refused(struct holding *h, struct err *err)
{
	const char *asked = h->x->asked;
	struct limiting *l = &h->limiting;
	int64_t wait = l->take.refusal.wait_nsecs;
	char text[320];

	if (wait == 0 && !l->take.refusal.never)
		wait = CALL_WAIT_NSECS;
	if (wait > 0 && (l->wait_nsecs == 0 || wait < l->wait_nsecs))
		l->wait_nsecs = wait;
	limiter_describe(&l->take, text, sizeof(text));
	if (l->wait_nsecs == 0)
		return err_set(err, ERR_NO_DEPLOYMENT, "Passed model=%s (%s)",
		    asked, text);
	return err_set(err, ERR_NO_DEPLOYMENT,
	    "Try again in %lld seconds. Passed model=%s (%s)",
	    (long long)((l->wait_nsecs + NSECS_PER_SEC - 1) / NSECS_PER_SEC),
	    asked, text);
}

static int
failed(const struct store_txn *t, struct err *err)
{
	if (!store_failed(t, err))
		err_set(err, ERR_STORE, "limits");
	return -1;
}

int
limiting_take(struct holding *h, struct store_txn *t, struct err *err)
{
	struct limiting *l = &h->limiting;

	if (!l->wanted)
		return 0;
	switch (limiter_take(t, &l->take)) {
	case 1:
		l->limit =
		    quote_limit_left(&h->x->request, &h->worst, &l->take);
		return 0;
	case 0:
		return refused(h, err);
	default:
		return failed(t, err);
	}
}

int
limiting_undo(const struct holding *h, struct store_txn *t, struct err *err)
{
	if (!h->limiting.wanted || limiter_undo(t, &h->limiting.take) == 0)
		return 0;
	return failed(t, err);
}

void
limiting_carry(struct holding *h, struct attempt *a)
{
	struct limited *l;

	if (!h->limiting.taken)
		return;
	h->limiting.taken = false;
	l = arena_alloc(&h->x->arena, sizeof(*l));
	l->demand = h->limiting.demand;
	l->take = h->limiting.take;
	l->take.demands = &l->demand;
	a->limited = l;
}

/* ---- giving back -------------------------------------------------------- */

static int
return_run(struct batch_job *job, struct store_txn *t, struct err *err)
{
	struct limited *l = LIST_OBJ(job, struct limited, job);

	return limiter_settle(t, &l->take, l->tokens) == 0 ? 0 : failed(t, err);
}

static void
return_done(struct batch_job *job, const struct err *err)
{
	(void)job;
	(void)err; /* it fails with its transaction only, and stays then */
}

static int64_t
tokens_of(const struct attempt *a)
{
	return a->usage.prompt_tokens + a->usage.completion_tokens;
}

void
limiting_return(struct exchange *x, struct attempt *a)
{
	struct limited *l = a->limited;

	if (l == NULL || l->queued)
		return;
	l->tokens = tokens_of(a);
	l->take.now_nsecs = clock_wall_nsecs();
	l->queued = true;
	batch_job_init(&l->job, return_run, return_done);
	l->job.retry = true;
	batch_add(x->env->batch, &l->job);
}

/* What no attempt has come to carry. */
static int
undo_taken(const struct holding *h, struct store_txn *t, struct err *err)
{
	return h->limiting.taken ? limiting_undo(h, t, err) : 0;
}

int
limiting_settle(struct exchange *x, struct store_txn *t, struct err *err)
{
	if (undo_taken(&x->holding, t, err) != 0 ||
	    (x->hedge != NULL && undo_taken(&x->hedge->holding, t, err) != 0))
		return -1;
	for (size_t i = 0; i < x->attempt_count; i++) {
		struct attempt *a = x->attempts[i];

		if (a->limited == NULL || a->limited->queued)
			continue;
		a->limited->take.now_nsecs = x->settlement.now_nsecs;
		if (limiter_settle(t, &a->limited->take, tokens_of(a)) != 0)
			return failed(t, err);
	}
	return 0;
}
