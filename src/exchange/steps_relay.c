/*
 * relay: stream events pass to the client as they come, with back-pressure
 * both ways. The last of them, from the one that proves completion on, stay in
 * x->out until the settlement is committed (flush gives them out).
 */
#include "base/clock.h"
#include "exchange/exchange.h"
#include "exchange/progress.h"
#include "exchange/reply.h"
#include "exchange/report.h"

/* After the stream's own end marker the connection gets this long to end
   cleanly, so that it can be used again. */
#define LINGER_NSECS (200 * NSECS_PER_MSEC)

static void
send_out(struct exchange *x)
{
	struct attempt *a = x->current;

	if (x->out.len == 0 || x->call == NULL)
		return;
	x->client_full = http_send(x->call, buf_str(&x->out));
	if (!x->client_has_bytes)
		http_flush(x->call); /* the first token, with the head */
	x->client_has_bytes = true;
	buf_clear(&x->out);
	if (x->client_full && a->call != NULL && !a->paused) {
		a->paused = true;
		upstream_pause(a->call);
	}
}

static void
resume_if_drained(struct exchange *x)
{
	struct attempt *a = x->current;

	if (a->paused && !x->client_full) {
		a->paused = false;
		if (a->call != NULL)
			upstream_resume(a->call);
	}
}

/* The next sign of life, or the end of patience when that comes first. */
static int64_t
until_sign(const struct exchange *x, int64_t nsecs)
{
	int64_t every =
	    x->env->config->limits.stream_keepalive_msecs * NSECS_PER_MSEC;

	return every > 0 && every < nsecs ? every : nsecs;
}

/* While we hold the provider back, its silence is ours: no idle timer. */
static void
arm_idle_timer(struct exchange *x)
{
	const struct attempt *a = x->current;
	int64_t nsecs =
	    x->env->config->limits.stream_idle_msecs * NSECS_PER_MSEC;

	if (a->relay.facts.finished && a->relay.facts.done_marker)
		nsecs = LINGER_NSECS;
	x->idle_until_nsecs = clock_mono_nsecs() + nsecs;
	exchange_timer(x, a->paused ? 0 : until_sign(x, nsecs));
}

/*
 * The provider is silent, thinking perhaps: a sign of life for the client, so
 * that what stands between us does not hang up. Only once the stream has begun,
 * and not when it is over but for the provider's hanging up.
 */
static bool
give_sign(struct exchange *x)
{
	struct attempt *a = x->current;
	int64_t left = x->idle_until_nsecs - clock_mono_nsecs();

	if (!x->timer_fired || left <= 0 || a->relay.facts.done_marker ||
	    a->relay.ops->keep_alive == NULL)
		return false;
	a->relay.ops->keep_alive(&a->relay, &x->out);
	send_out(x);
	exchange_timer(x, a->paused ? 0 : until_sign(x, left));
	return true;
}

static bool
is_complete(const struct attempt *a)
{
	const struct relay_facts *f = &a->relay.facts;

	return f->finished && !f->error_event && !f->malformed &&
	       (a->ended || f->done_marker || f->stopped);
}

static enum step_result
to_record(struct exchange *x)
{
	exchange_timer(x, 0);
	exchange_move(x, STEP_RECORD);
	return STEP_MORE;
}

/* The stream broke: an honest ending, after what was already sent. */
static enum step_result
broken(struct exchange *x)
{
	struct attempt *a = x->current;
	const struct outcome_info *info;

	a->judged = false;
	attempt_judge(a);
	a->judged = true;
	info = outcome_info(a->outcome);
	x->outcome = EXCHANGE_CUT;
	x->error = info->error;
	x->error_detail = arena_strdup(&x->arena, a->error_text);
	/* Credentials are the operator's problem: no text for the client. */
	a->relay.ops->fail(&a->relay, info->error,
	    a->outcome == OUTCOME_AUTH ? NULL : a->error_text, &x->out);
	attempt_stop(a);
	report_failure(x, a);
	return to_record(x);
}

enum step_result
step_run_RELAY(struct exchange *x)
{
	struct attempt *a = x->current;
	const struct relay_facts *f = &a->relay.facts;
	bool linger_over = x->timer_fired && f->finished && f->done_marker;

	if (!x->streaming) {
		reply_start_stream(x);
		x->streaming = true;
	}
	resume_if_drained(x);
	if (a->ended || f->stopped || linger_over) {
		if (is_complete(a)) {
			attempt_stop(a);
			return to_record(x);
		}
		return broken(x);
	}
	if (f->error_event || f->malformed || a->relay_failed)
		return broken(x);
	if (give_sign(x))
		return STEP_PARK;
	if (x->timer_fired) {
		a->timed_out = true;
		return broken(x);
	}
	if (!f->done_marker)
		send_out(x);
	progress_note(x);
	arm_idle_timer(x);
	return STEP_PARK;
}
