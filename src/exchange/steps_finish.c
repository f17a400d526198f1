/*
 * The last steps: record, settle, flush, end. Every exchange passes them,
 * however it went. The money is booked before the client has the last byte
 * (docs/decisions/0002), unless the store cannot be written for a while: then
 * the client gets its answer and the settlement is tried until it succeeds.
 */
#include "base/clock.h"
#include "base/log.h"
#include "domain/ledger/alert.h"
#include "exchange/exchange.h"
#include "exchange/hedge.h"
#include "exchange/question.h"
#include "exchange/record.h"
#include "exchange/reply.h"
#include "exchange/report.h"

/* How long a client waits for a settlement before it gets its answer. */
#define SETTLE_PATIENCE_NSECS (1000 * NSECS_PER_MSEC)

/* ---- record ------------------------------------------------------------- */

static void
settle_attempts(struct exchange *x)
{
	for (size_t i = 0; i < x->attempt_count; i++) {
		struct attempt *a = x->attempts[i];

		attempt_stop(a);
		if (!a->judged) {
			/* Cancelled under way: the client left. */
			a->judged = true;
			attempt_set_outcome(a, OUTCOME_CLIENT_GONE,
			    "the client left");
		}
		attempt_charge(a);
		x->cost_nanos = money_add(x->cost_nanos, a->cost_nanos);
	}
}

enum step_result
step_run_RECORD(struct exchange *x)
{
	exchange_timer(x, 0);
	x->ended_nsecs = clock_mono_nsecs();
	hedge_stop(x);
	settle_attempts(x);
	/* The record names the moment, so that an audit finds the hour. */
	x->settlement.now_nsecs = clock_wall_nsecs();
	record_write(x);
	exchange_move(x, STEP_SETTLE);
	return STEP_MORE;
}

/* ---- settle ------------------------------------------------------------- */

static int
check_alerts(const struct holding *h, const struct spend_row *rows,
    struct store_txn *t, struct err *err)
{
	return alert_check_spent(t, &h->request, &h->hold, rows,
	    h->x->settlement.now_nsecs, err);
}

static int
settle_run(struct batch_job *job, struct store_txn *t, struct err *err)
{
	struct exchange *x = LIST_OBJ(job, struct exchange, settle_job);

	/* Also when the money is refused: its places are not to be lost. */
	if (limiting_settle(x, t, err) != 0 || quota_settle(x, t, err) != 0 ||
	    ledger_settle(t, &x->settlement, err) != 0)
		return -1;
	/* The money is booked: what comes now may fail, but for the
	   transaction as a whole. */
	if (check_alerts(&x->holding, x->settlement.rows_r, t, err) != 0 ||
	    (x->hedge != NULL &&
		check_alerts(&x->hedge->holding, NULL, t, err) != 0) ||
	    report_rest(x, t, err) != 0)
		return store_failed(t, err) ? -1 : 0;
	return 0;
}

static void
settle_done(struct batch_job *job, const struct err *err)
{
	struct exchange *x = LIST_OBJ(job, struct exchange, settle_job);

	x->settle_waiting = false;
	x->settled = true;
	if (err != NULL) {
		log_error("%s: settlement refused: %s", x->request_id,
		    err->text);
		x->settlement.seq_r = 0; /* no record to wait for */
	} else {
		if (x->settlement.uneven_r)
			log_error("%s: a budget's scope held less than this "
				  "request did; run tallyctl audit",
			    x->request_id);
		report_rest_done(x);
		if (x->env->on_settled != NULL)
			x->env->on_settled(x->env->arg);
	}
	exchange_resume(x);
}

static void
start_settlement(struct exchange *x)
{
	struct settlement *s = &x->settlement;
	struct charge *charges =
	    arena_alloc(&x->arena, (x->attempt_count + 1) * sizeof(*charges));

	s->owner = x->env->owner->id;
	if (x->holding.held) {
		s->number = x->holding.hold.number;
		s->rows_r = arena_alloc(&x->arena,
		    x->holding.hold.scope_count * sizeof(s->rows_r[0]));
	}
	if (x->hedge != NULL && x->hedge->holding.held) {
		s->second_number = x->hedge->holding.hold.number;
		s->second_cost_nanos = holding_cost_nanos(&x->hedge->holding);
	}
	s->cost_nanos = x->cost_nanos;
	s->charge_count = x->attempt_count;
	record_charges(x, charges);
	s->charges = charges;
	s->record = buf_str(&x->record);
	s->outbox_owner = x->env->owner;
	batch_job_init(&x->settle_job, settle_run, settle_done);
	x->settle_job.retry = true;
	x->settle_waiting = true;
	batch_add(x->env->batch, &x->settle_job);
	exchange_timer(x, SETTLE_PATIENCE_NSECS);
}

static void
give_answer(struct exchange *x)
{
	if (x->flushed)
		return;
	x->flushed = true;
	if (x->call == NULL)
		return; /* the client left */
	if (x->error != ERR_NONE && !x->streaming) {
		reply_error(x);
	} else if (x->streaming) {
		if (x->out.len > 0)
			http_send(x->call, buf_str(&x->out));
		/* What is no stream of events cannot say that it broke. */
		if (x->error != ERR_NONE && wire_api_is_media(x->api) &&
		    str_find(str_of(x->current->relay.facts.content_type),
			"event-stream") < 0)
			http_abort(x->call);
		else
			http_end(x->call);
	} else {
		reply_plain(x);
	}
	x->call = NULL;
}

/*
 * True when the answer may go out: with durability: power its record has to be
 * on the disk. A logger that does not answer must not hold up what is paid for:
 * after the same patience as for the store the client gets it all the same.
 */
static bool
is_safe(struct exchange *x)
{
	if (!x->env->power || x->flushed ||
	    x->settlement.seq_r <= x->env->on_file)
		return true;
	if (!x->file_waiting) {
		x->file_waiting = true;
		exchange_timer(x, SETTLE_PATIENCE_NSECS);
		return false;
	}
	if (!x->timer_fired)
		return false;
	log_warn("%s: the logger does not acknowledge; the answer goes out "
		 "before its record is on the disk",
	    x->request_id);
	return true;
}

void
exchange_on_file(struct exchange_env *env, uint64_t seq)
{
	env->on_file = seq;
	LIST_EACH_SAFE(node, &env->by_step[STEP_SETTLE]) {
		struct exchange *x = LIST_OBJ(node, struct exchange, node);

		if (x->file_waiting && x->settlement.seq_r <= seq)
			exchange_resume(x);
	}
}

/* Refused before anything went out: a store that has no room for its record is
   no reason to keep it in memory, and the next ones, for as long as that lasts.
 */
static bool
has_nothing_to_settle(const struct exchange *x)
{
	return x->attempt_count == 0 && x->hedge == NULL && !x->holding.held &&
	       !x->holding.limiting.taken && !x->quota.taken;
}

enum step_result
step_run_SETTLE(struct exchange *x)
{
	if (!x->settle_waiting && !x->settled) {
		start_settlement(x);
		return STEP_PARK;
	}
	if (!x->settled) {
		if (!x->timer_fired)
			return STEP_PARK;
		x->timer_fired = false;
		give_answer(x);
		if (!has_nothing_to_settle(x)) {
			log_warn("%s: the store takes no settlement; it is "
				 "kept and tried again",
			    x->request_id);
			return STEP_PARK;
		}
		log_debug("%s: no room for a record: it is left out",
		    x->request_id);
		batch_cancel(x->env->batch, &x->settle_job);
		x->settle_waiting = false;
		x->settled = true;
	}
	if (!is_safe(x))
		return STEP_PARK;
	exchange_timer(x, 0);
	exchange_move(x, STEP_FLUSH);
	return STEP_MORE;
}

enum step_result
step_run_FLUSH(struct exchange *x)
{
	give_answer(x);
	exchange_move(x, STEP_END);
	return STEP_MORE;
}

enum step_result
step_run_END(struct exchange *x)
{
	log_debug("%s: %s in %lld us, cost %lld nano-dollars", x->request_id,
	    exchange_outcome_name(x->outcome),
	    (long long)((x->ended_nsecs - x->started_nsecs) / 1000),
	    (long long)x->cost_nanos);
	if (x->question != NULL)
		x->question->on_end(x->question->arg, x);
	return STEP_DONE;
}
