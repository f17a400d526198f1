/* Notes of what was delivered. See progress.h. */
#include "exchange/progress.h"

#include "base/clock.h"

#define PROGRESS_NSECS (2 * NSECS_PER_SEC)

static int
progress_run(struct batch_job *job, struct store_txn *t, struct err *err)
{
	struct exchange *x = LIST_OBJ(job, struct exchange, progress_job);

	return ledger_progress(t, x->holding.hold.owner, x->holding.hold.number,
	    x->progress_tokens, x->progress_nanos, err);
}

static void
progress_done(struct batch_job *job, const struct err *err)
{
	/* One that failed is made good by the next, or by the settlement. */
	(void)job;
	(void)err;
}

/* What the delivered output costs on top of the prompt. */
static int64_t
output_nanos(const struct exchange *x, int64_t tokens)
{
	const struct price *p = x->current->candidate->price;
	struct usage u = {
		.source = USAGE_ESTIMATED,
		.prompt_tokens = x->request.prompt_guess_tokens,
	};
	int64_t prompt = price_cost_nanos(p, &u);

	u.completion_tokens = tokens;
	return price_cost_nanos(p, &u) - prompt;
}

void
progress_note(struct exchange *x)
{
	int64_t tokens = attempt_delivered_tokens(x->current);
	int64_t now = clock_mono_nsecs();

	if (!x->holding.held || tokens == x->progress_tokens ||
	    now - x->progress_nsecs < PROGRESS_NSECS ||
	    (x->progress_nsecs > 0 && batch_is_queued(&x->progress_job)))
		return;
	x->progress_nsecs = now;
	x->progress_tokens = tokens;
	x->progress_nanos = output_nanos(x, tokens);
	batch_job_init(&x->progress_job, progress_run, progress_done);
	batch_add(x->env->batch, &x->progress_job);
}
