/* What a child does with the supervisor's words, SIGTERM and its end. */
#include "unit.h"

#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "ipc/contract.h"
#include "ipc/life.h"

struct fixture {
	struct event_base *base;
	struct life life;
	int supervisor; /* the pipe's other end */
	int retired, beats;
	bool last;
};

static void
beat(void *arg)
{
	struct fixture *f = arg;

	f->beats++;
}

static void
retire(void *arg, bool last)
{
	struct fixture *f = arg;

	f->retired++;
	f->last = last;
}

static int
setup(void **state)
{
	static const struct life_calls calls = {
		.beat = beat,
		.retire = retire,
	};
	struct fixture *f = xcalloc(1, sizeof(*f));
	int pipes[2];

	assert_int_equal(pipe(pipes), 0);
	f->supervisor = fcntl(pipes[1], F_DUPFD_CLOEXEC, CONTRACT_FD_LIFE + 1);
	close(pipes[1]);
	if (pipes[0] != CONTRACT_FD_LIFE) {
		assert_int_equal(dup2(pipes[0], CONTRACT_FD_LIFE),
		    CONTRACT_FD_LIFE);
		close(pipes[0]);
	}
	f->base = event_base_new();
	life_watch(&f->life, f->base, &calls, f);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	life_unwatch(&f->life);
	event_base_free(f->base);
	close(f->supervisor);
	close(CONTRACT_FD_LIFE);
	free(f);
	return 0;
}

/* What is there to be heard, is heard. */
static void
tell(struct fixture *f, const char *commands)
{
	for (; *commands != '\0'; commands++) {
		assert_int_equal(write(f->supervisor, commands, 1), 1);
		event_base_loop(f->base, EVLOOP_ONCE);
	}
}

static void
terminate(struct fixture *f)
{
	bool before = f->life.termed;

	raise(SIGTERM);
	while (!f->life.termed || (before && !f->life.stopping))
		event_base_loop(f->base, EVLOOP_ONCE);
}

static void
test_one_of_many_retires_and_others_go_on(void **state)
{
	struct fixture *f = *state;

	tell(f, "r");
	assert_int_equal(f->retired, 1);
	assert_false(f->last);
	assert_true(f->life.retiring);
	assert_false(f->life.stopping);
}

static void
test_the_last_ones_close(void **state)
{
	struct fixture *f = *state;

	tell(f, "c");
	assert_int_equal(f->retired, 1);
	assert_true(f->last);
}

static void
test_it_retires_once_whoever_says_it(void **state)
{
	struct fixture *f = *state;

	tell(f, "rrc");
	terminate(f);
	assert_int_equal(f->retired, 1);
	assert_false(f->last);
	/* The first signal behind the supervisor's word is no second one. */
	assert_false(f->life.stopping);
}

static void
test_stop_is_at_once(void **state)
{
	struct fixture *f = *state;

	tell(f, "s");
	assert_true(f->life.stopping);
	assert_int_equal(f->retired, 0);
}

static void
test_a_second_sigterm_is_at_once(void **state)
{
	struct fixture *f = *state;

	terminate(f);
	assert_int_equal(f->retired, 1);
	assert_true(f->last);
	assert_false(f->life.stopping);
	terminate(f);
	assert_true(f->life.stopping);
	assert_int_equal(f->retired, 1);
}

static void
test_without_a_supervisor_it_finishes_and_goes(void **state)
{
	struct fixture *f = *state;

	close(f->supervisor);
	f->supervisor = -1;
	event_base_loop(f->base, EVLOOP_ONCE);
	assert_int_equal(f->retired, 1);
	assert_true(f->last);
	assert_false(f->life.stopping);
	/* The end of the file does not wake it again and again. */
	assert_false(event_pending(&f->life.pipe, EV_READ, NULL));
}

static void
test_it_says_each_second_that_it_lives(void **state)
{
	struct fixture *f = *state;

	event_active(&f->life.heartbeat, EV_TIMEOUT, 0);
	event_base_loop(f->base, EVLOOP_ONCE);
	assert_int_equal(f->beats, 1);
	assert_true(event_pending(&f->life.heartbeat, EV_TIMEOUT, NULL));
}

#define LIFE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LIFE_TEST(test_one_of_many_retires_and_others_go_on),
		LIFE_TEST(test_the_last_ones_close),
		LIFE_TEST(test_it_retires_once_whoever_says_it),
		LIFE_TEST(test_stop_is_at_once),
		LIFE_TEST(test_a_second_sigterm_is_at_once),
		LIFE_TEST(test_without_a_supervisor_it_finishes_and_goes),
		LIFE_TEST(test_it_says_each_second_that_it_lives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
