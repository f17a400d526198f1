/*
 * Limits around a hold. See limiting.h. The settlement of what a failed attempt
 * took is a job of its own that is tried until it succeeds, queued before the
 * next hold: a retry at the same deployment finds its place free.
 */
#include "exchange/limiting.h"

#include "base/clock.h"
#include "exchange/exchange.h"
#include "wire/quote.h"

/* What a client is told to wait for a call of somebody else's to end. */
#define CALL_WAIT_NSECS NSECS_PER_SEC

void
limiting_prepare(struct exchange *x, const struct candidate *c)
{
	const struct worst *w = &x->worst;
	struct limiting *l = &x->limiting;

	l->limit = w->limit;
	l->wanted = c->deployment->limits.any;
	if (!l->wanted)
		return;
	l->demand = deployment_demand(c->deployment);
	l->take = (struct limit_take){
		.count = 1,
		.demands = &l->demand,
		.owner = x->env->owner->id,
		.now_nsecs = x->hold_request.now_nsecs,
	};
	quote_tokens(&x->request, w,
	    quote_least_limit(w, x->env->config->min_output_tokens,
		x->whole_only),
	    &l->take);
}

/* ---- taking ------------------------------------------------------------- */

static int
refused(struct exchange *x, struct err *err)
{
	struct limiting *l = &x->limiting;
	int64_t wait = l->take.refusal.wait_nsecs;
	char text[320];

	if (wait == 0 && !l->take.refusal.never)
		wait = CALL_WAIT_NSECS;
	if (wait > 0 && (l->wait_nsecs == 0 || wait < l->wait_nsecs))
		l->wait_nsecs = wait;
	limiter_describe(&l->take, text, sizeof(text));
	if (l->wait_nsecs == 0)
		return err_set(err, ERR_NO_DEPLOYMENT, "Passed model=%s (%s)",
		    x->asked, text);
	return err_set(err, ERR_NO_DEPLOYMENT,
	    "Try again in %lld seconds. Passed model=%s (%s)",
	    (long long)((l->wait_nsecs + NSECS_PER_SEC - 1) / NSECS_PER_SEC),
	    x->asked, text);
}

static int
failed(const struct store_txn *t, struct err *err)
{
	if (!store_failed(t, err))
		err_set(err, ERR_STORE, "limits");
	return -1;
}

int
limiting_take(struct exchange *x, struct store_txn *t, struct err *err)
{
	struct limiting *l = &x->limiting;

	if (!l->wanted)
		return 0;
	switch (limiter_take(t, &l->take)) {
	case 1:
		l->limit = quote_limit_left(&x->request, &x->worst, &l->take);
		return 0;
	case 0:
		return refused(x, err);
	default:
		return failed(t, err);
	}
}

int
limiting_undo(const struct exchange *x, struct store_txn *t, struct err *err)
{
	if (!x->limiting.wanted || limiter_undo(t, &x->limiting.take) == 0)
		return 0;
	return failed(t, err);
}

void
limiting_carry(struct exchange *x, struct attempt *a)
{
	struct limited *l;

	if (!x->limiting.taken)
		return;
	x->limiting.taken = false;
	l = arena_alloc(&x->arena, sizeof(*l));
	l->demand = x->limiting.demand;
	l->take = x->limiting.take;
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

int
limiting_settle(struct exchange *x, struct store_txn *t, struct err *err)
{
	if (x->limiting.taken && limiting_undo(x, t, err) != 0)
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
