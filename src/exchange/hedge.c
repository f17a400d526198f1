/*
 * The race of two attempts. See hedge.h. Both are ordinary attempts; this file
 * knows when the second one starts and which of them is the current one.
 */
#include "exchange/hedge.h"

#include "base/clock.h"
#include "exchange/exchange.h"

#define OUT_MAX_BYTES (256u * 1024 * 1024)

/* ---- whether and when --------------------------------------------------- */

static struct tempo *
tempo_of(const struct exchange *x, const struct deployment *d)
{
	struct tempos *t;

	if (x->env->tempos == NULL)
		return NULL;
	t = &x->env->tempos[d->index];
	return x->request.stream ? &t->stream : &t->plain;
}

void
hedge_note(struct exchange *x, const struct attempt *a)
{
	struct tempo *tempo = tempo_of(x, a->deployment);
	int64_t end = a->is_stream ? a->first_token_nsecs : a->ended_nsecs;

	if (tempo != NULL && end > 0)
		tempo_add(tempo, end - a->started_nsecs);
}

/* 0: no hedge (yet). */
static int64_t
wait_nsecs(const struct exchange *x, const struct attempt *a)
{
	const struct group_hedge *h = &a->candidate->group->hedge;
	const struct tempo *tempo;

	switch (h->when) {
	case HEDGE_NEVER:
		break;
	case HEDGE_FIXED:
		return h->after_nsecs;
	case HEDGE_P95:
		tempo = tempo_of(x, a->deployment);
		return tempo == NULL ? 0 : tempo_p95(tempo);
	}
	return 0;
}

/* The next one of the same group that is another deployment and no probe; 0:
   there is none (the first candidate is never a second one). */
static size_t
second_candidate(const struct exchange *x, const struct attempt *a)
{
	const struct plan *p = x->plan;

	for (size_t i = x->next_candidate + 1; i < p->count; i++) {
		const struct candidate *c = &p->candidates[i];

		if (c->group_index != a->candidate->group_index)
			break;
		if (c->deployment != a->deployment && !c->probe)
			return i;
	}
	return 0;
}

void
hedge_arm(struct exchange *x, int64_t timeout_nsecs)
{
	const struct attempt *a = x->current;
	int64_t now = clock_mono_nsecs(), wait;
	struct hedge *h;
	size_t second;

	exchange_timer(x, timeout_nsecs);
	if (x->attempt_count != 1 || x->question != NULL ||
	    x->api == WIRE_COUNT || x->api == WIRE_RESPONSE || a->probe ||
	    x->env->config->limits.max_attempts < 2)
		return;
	wait = wait_nsecs(x, a);
	if (wait <= 0 || wait >= timeout_nsecs)
		return;
	second = second_candidate(x, a);
	if (second == 0)
		return;
	h = arena_alloc(&x->arena, sizeof(*h));
	h->candidate = second;
	h->due_nsecs = now + wait;
	h->first_by_nsecs = now + timeout_nsecs;
	h->second_by_nsecs = now + wait + timeout_nsecs;
	buf_init(&h->out, OUT_MAX_BYTES);
	holding_init(&h->holding, x);
	x->hedge = h;
	exchange_timer(x, wait);
}

bool
hedge_is_open(const struct exchange *x)
{
	return x->hedge != NULL && x->hedge->phase != HEDGE_IS_OVER;
}

/* ---- the second attempt ------------------------------------------------- */

static void
begin(struct exchange *x)
{
	struct hedge *h = x->hedge;
	struct err err;

	/* All of it or nothing: a race is no reason to lower a limit. */
	if (holding_start(&h->holding, &x->plan->candidates[h->candidate],
		HOLDING_WHOLE, &err) != 0)
		h->phase = HEDGE_IS_OVER;
	else
		h->phase = HEDGE_HOLDS;
}

static void
send_second(struct exchange *x)
{
	struct hedge *h = x->hedge;
	struct attempt *a;
	struct err err;

	if (holding_outcome(&h->holding, &err) != HOLDING_READY) {
		h->phase = HEDGE_IS_OVER; /* the first goes on alone */
		return;
	}
	a = h->attempt = attempt_new(&h->holding, &h->out);
	a->clients_timeout = x->current->clients_timeout;
	x->group_attempts++;
	h->phase = HEDGE_RUNS;
	if (attempt_begin(a) != 0) {
		attempt_give_up(a);
		h->phase = HEDGE_IS_OVER;
	}
}

/* ---- who is left -------------------------------------------------------- */

/* The attempt that the request goes on with is the last one of the list. */
static void
put_last(struct exchange *x, struct attempt *a)
{
	size_t last = x->attempt_count - 1;

	for (size_t i = 0; i < last; i++) {
		if (x->attempts[i] == a) {
			x->attempts[i] = x->attempts[last];
			x->attempts[last] = a;
		}
	}
}

/* The second takes the place of the first in everything. */
static void
promote(struct exchange *x)
{
	struct hedge *h = x->hedge;
	struct attempt *first = x->current;
	struct holding holding = x->holding;
	struct buf out = x->out;

	x->holding = h->holding;
	h->holding = holding;
	x->out = h->out;
	h->out = out;
	h->attempt->out = &x->out;
	first->out = &h->out;
	x->current = h->attempt;
	h->attempt = first;
	x->next_candidate = h->candidate;
}

/* x->current has won: the other one is cancelled, and paid for. */
static void
conclude(struct exchange *x)
{
	struct hedge *h = x->hedge;
	struct attempt *loser = h->attempt;

	h->phase = HEDGE_IS_OVER;
	if (loser == NULL || loser->judged)
		return;
	attempt_stop(loser);
	loser->judged = true;
	attempt_set_outcome(loser, OUTCOME_HEDGED,
	    "another deployment answered first");
	attempt_charge(loser);
}

static bool
is_good(struct attempt *a)
{
	if (!a->judged) {
		attempt_judge(a);
		a->judged = true;
	}
	return a->outcome == OUTCOME_OK;
}

/* The second has come to a decision. */
static void
hear_second(struct exchange *x)
{
	struct hedge *h = x->hedge;

	if (is_good(h->attempt)) {
		promote(x);
		conclude(x);
		return;
	}
	attempt_give_up(h->attempt);
	h->phase = HEDGE_IS_OVER;
}

/* The first has. True: it is the request's; false: the second goes on alone. */
static bool
hear_first(struct exchange *x)
{
	struct hedge *h = x->hedge;
	bool good = is_good(x->current);

	if (!good && h->phase == HEDGE_RUNS) {
		promote(x);
		attempt_give_up(h->attempt);
		h->phase = HEDGE_IS_OVER;
		return false;
	}
	holding_cancel(&h->holding);
	conclude(x);
	return true;
}

/* ---- time --------------------------------------------------------------- */

static void
on_time(struct exchange *x, int64_t now)
{
	struct hedge *h = x->hedge;

	x->timer_fired = false;
	if (now >= h->first_by_nsecs)
		x->current->timed_out = true;
	if (h->phase == HEDGE_RUNS && now >= h->second_by_nsecs)
		h->attempt->timed_out = true;
	if (h->phase == HEDGE_WAITS && now >= h->due_nsecs)
		begin(x);
}

/* To the next moment that something is due. */
static void
set_timer(struct exchange *x, int64_t by_nsecs)
{
	int64_t left = by_nsecs - clock_mono_nsecs();

	exchange_timer(x, left > 0 ? left : 1);
}

/* Looks at both; true when x->current is the request's answer or failure. */
static bool
look(struct exchange *x)
{
	struct hedge *h = x->hedge;

	if (attempt_is_decided(x->current) && hear_first(x))
		return true;
	if (h->phase == HEDGE_RUNS && attempt_is_decided(h->attempt))
		hear_second(x);
	/* What is left of the race may be decided as well. */
	return h->phase == HEDGE_IS_OVER && attempt_is_decided(x->current);
}

bool
hedge_await(struct exchange *x)
{
	struct hedge *h = x->hedge;
	bool is_second, decided;

	if (x->timer_fired)
		on_time(x, clock_mono_nsecs());
	if (h->phase == HEDGE_HOLDS && !h->holding.waiting)
		send_second(x);
	if (errands_are_out(&x->errands))
		return false; /* it is being written */
	decided = look(x);
	if (h->phase != HEDGE_IS_OVER) {
		set_timer(x,
		    h->phase == HEDGE_WAITS ? h->due_nsecs : h->first_by_nsecs);
		return false;
	}
	put_last(x, x->current);
	is_second = x->current->candidate == &x->plan->candidates[h->candidate];
	set_timer(x, is_second ? h->second_by_nsecs : h->first_by_nsecs);
	return decided;
}

/* ---- the end ------------------------------------------------------------ */

void
hedge_stop(struct exchange *x)
{
	struct hedge *h = x->hedge;

	if (h == NULL)
		return;
	holding_cancel(&h->holding);
	if (h->attempt != NULL)
		attempt_stop(h->attempt);
	h->phase = HEDGE_IS_OVER;
}

void
hedge_free(struct exchange *x)
{
	if (x->hedge != NULL)
		buf_fini(&x->hedge->out);
}
