/*
 * The life of an exchange: the step table, the driver and the one mover.
 *
 *   accept → authenticate → parse → plan → admit → reserve → attempt
 *     → await_head → judge → relay → record → settle → flush → end
 *
 * judge goes back to reserve or attempt for another deployment; an error
 * anywhere goes on to record. The table itself is STEPS in exchange.h: name,
 * what it waits for, where it goes when the client leaves. What each step does
 * is in steps_admit.c, steps_route.c, steps_relay.c and steps_finish.c.
 *
 * Owns: the exchanges and their lists. Does not: decide anything a step
 * decides. Fails: never; a request that fails is an exchange that ends well.
 */
#include "exchange/exchange.h"

#include "base/clock.h"
#include "base/log.h"
#include "exchange/hedge.h"
#include "exchange/question.h"

#include <event2/event.h>

/* An exchange with one attempt takes 7 KB: one block, kept for reuse. */
#define ARENA_FIRST_BYTES (8 * 1024)
/* Ended exchanges kept for reuse, with their arena's first block and the room
   that a usual record takes. */
#define POOL_MAX          256
#define RECORD_KEPT_BYTES 4096
/* Answers and records are bounded by configuration; these are backstops. */
#define OUT_MAX_BYTES (256u * 1024 * 1024)

struct step_row {
	enum step_wait waits;
	enum step_gone gone;
	enum step_result (*run)(struct exchange *x);
};

#define STEP_ROW(NAME, word, waits, gone, help)                                \
	{ WAITS_##waits, GONE_##gone, step_run_##NAME },
static const struct step_row steps[] = { STEPS(STEP_ROW) };
#undef STEP_ROW

const char *
exchange_outcome_name(enum exchange_outcome outcome)
{
	switch (outcome) {
	case EXCHANGE_OK:
		return "ok";
	case EXCHANGE_CUT:
		return "cut";
	case EXCHANGE_CLIENT_GONE:
		return "client_gone";
	case EXCHANGE_REFUSED:
		return "refused";
	case EXCHANGE_FAILED:
		return "failed";
	}
	return "failed";
}

void
exchange_move(struct exchange *x, enum step step)
{
	struct exchange_env *env = x->env;

	list_remove(&x->node);
	env->step_counts[x->step]--;
	x->step = step;
	env->step_counts[step]++;
	list_append(&env->by_step[step], &x->node);
}

void
exchange_timer(struct exchange *x, int64_t nsecs)
{
	struct timeval tv;

	x->timer_fired = false;
	if (nsecs <= 0) {
		event_del(&x->timer);
		return;
	}
	/* libevent looks at a coarse clock. */
	nsecs += clock_coarse_nsecs();
	tv.tv_sec = nsecs / NSECS_PER_SEC;
	tv.tv_usec = nsecs % NSECS_PER_SEC / 1000;
	event_add(&x->timer, &tv);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct exchange *x = arg;

	(void)fd;
	(void)what;
	x->timer_fired = true;
	exchange_resume(x);
}

static void
on_gone(void *arg)
{
	struct exchange *x = arg;

	x->client_gone = true;
	x->call = NULL;
	errand_recall(x);
	exchange_resume(x);
}

static void
on_drained(void *arg)
{
	struct exchange *x = arg;

	x->client_full = false;
	exchange_resume(x);
}

static const struct http_call_callbacks call_callbacks = {
	.on_gone = on_gone,
	.on_drained = on_drained,
};

/* The client left: one rule per step, in the table. */
static void
leave_if_gone(struct exchange *x)
{
	if (!x->client_gone || steps[x->step].gone == GONE_STAYS)
		return;
	if (x->current != NULL)
		attempt_stop(x->current);
	holding_cancel(&x->holding);
	hedge_stop(x);
	x->outcome = EXCHANGE_CLIENT_GONE;
	x->error = ERR_CLIENT_GONE;
	exchange_move(x, STEP_RECORD);
}

static void exchange_free(struct exchange *x);

/* Not while an errand is out: when it is back it resumes the exchange. */
static bool
may_run(const struct exchange *x)
{
	return !errands_are_out(&x->errands);
}

void
exchange_resume(struct exchange *x)
{
	enum step_result next;

	if (x->running) {
		/* A callback from inside a step: seen when the step parks. */
		x->again = true;
		return;
	}
	if (!may_run(x))
		return;
	x->running = true;
	do {
		x->again = false;
		do {
			leave_if_gone(x);
			next = steps[x->step].run(x);
		} while (next == STEP_MORE && may_run(x));
	} while (next == STEP_PARK && x->again && may_run(x));
	x->running = false;
	if (next == STEP_DONE)
		exchange_free(x);
}

enum step_result
exchange_refuse(struct exchange *x, enum err_code code, const char *detail,
    const char *param)
{
	x->error = code;
	x->error_detail =
	    detail == NULL ? NULL : arena_strdup(&x->arena, detail);
	x->error_param = param;
	x->outcome = x->attempt_count > 0 ? EXCHANGE_FAILED : EXCHANGE_REFUSED;
	exchange_move(x, STEP_RECORD);
	return STEP_MORE;
}

/* ---- birth and death ---------------------------------------------------- */

static struct exchange *
exchange_new(struct exchange_env *env)
{
	struct list *node = list_shift(&env->pool);
	struct exchange *x;

	if (node != NULL) {
		struct arena arena;
		struct buf record;

		env->pooled--;
		x = LIST_OBJ(node, struct exchange, node);
		arena = x->arena;
		record = x->record;
		memset(x, 0, sizeof(*x));
		x->arena = arena;
		x->record = record;
	} else {
		x = xcalloc(1, sizeof(*x));
		arena_init(&x->arena, ARENA_FIRST_BYTES);
		buf_init(&x->record, RECORD_MAX_BYTES);
	}
	x->env = env;
	x->account = account_ref(account_nobody());
	holding_init(&x->holding, x);
	x->asked = "";
	buf_init(&x->out, OUT_MAX_BYTES);
	evtimer_assign(&x->timer, env->base, on_timer, x);
	list_init(&x->node);
	errands_init(&x->errands);
	x->step = STEP_ACCEPT;
	env->step_counts[STEP_ACCEPT]++;
	list_append(&env->by_step[STEP_ACCEPT], &x->node);
	env->active++;
	return x;
}

static void
exchange_free(struct exchange *x)
{
	struct exchange_env *env = x->env;

	if (!may_run(x))
		abort(); /* another thread has it: cannot be */
	event_del(&x->timer);
	if (x->progress_nsecs > 0)
		batch_cancel(env->batch, &x->progress_job);
	for (size_t i = 0; i < x->attempt_count; i++)
		attempt_stop(x->attempts[i]);
	for (size_t i = 0; i < x->purse_count; i++)
		purse_unref(&x->purses[i]);
	account_unref(&x->account);
	list_remove(&x->node);
	env->step_counts[x->step]--;
	env->active--;
	env->finished++;
	hedge_free(x);
	buf_fini(&x->out);
	arena_reset(&x->arena);
	if (env->pooled < POOL_MAX && x->record.size <= RECORD_KEPT_BYTES) {
		buf_clear(&x->record);
		list_push(&env->pool, &x->node);
		env->pooled++;
	} else {
		buf_fini(&x->record);
		arena_fini(&x->arena);
		free(x);
	}
}

void
exchange_env_init(struct exchange_env *env)
{
	for (size_t i = 0; i < STEP_COUNT; i++)
		list_init(&env->by_step[i]);
	list_init(&env->pool);
	env->next_number = 1;
	for (size_t i = 0; i < env->catalog->group_count; i++) {
		if (env->catalog->groups[i].hedge.when == HEDGE_NEVER ||
		    env->tempos != NULL)
			continue;
		env->tempos = xcalloc(env->catalog->deployment_count,
		    sizeof(*env->tempos));
	}
	env->offload = offload_new(env->base);
	env->logins = logins_new(env->base, env->upstream, env->config);
	env->asking =
	    xcalloc(env->catalog->deployment_count + 1, sizeof(env->asking[0]));
}

void
exchange_env_fini(struct exchange_env *env)
{
	struct list *node;

	while ((node = list_shift(&env->pool)) != NULL) {
		struct exchange *x = LIST_OBJ(node, struct exchange, node);

		buf_fini(&x->record);
		arena_fini(&x->arena);
		free(x);
	}
	env->pooled = 0;
	offload_free(&env->offload);
	logins_free(&env->logins);
	free(env->tempos);
	env->tempos = NULL;
	free(env->asking);
	env->asking = NULL;
}

void
exchange_begin(struct exchange_env *env, struct http_call *call,
    enum wire_api api)
{
	struct exchange *x = exchange_new(env);

	x->call = call;
	x->api = api;
	http_call_own(call, &call_callbacks, x);
	exchange_resume(x);
}

void
exchange_ask(struct exchange_env *env, const struct exchange_question *question)
{
	struct exchange *x = exchange_new(env);

	x->question = question;
	x->api = question->api;
	exchange_resume(x);
}
