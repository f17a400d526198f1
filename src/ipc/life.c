/* A child's tie to the supervisor. See life.h. */
#include "ipc/life.h"

#include "base/log.h"
#include "ipc/contract.h"

#include <event2/event.h>
#include <signal.h>
#include <unistd.h>

static void
retire(struct life *l, bool last)
{
	if (l->retiring)
		return;
	l->retiring = true;
	if (l->calls->retire != NULL)
		l->calls->retire(l->arg, last);
}

static void
on_heartbeat(evutil_socket_t fd, short what, void *arg)
{
	struct life *l = arg;

	(void)fd;
	(void)what;
	l->calls->beat(l->arg);
}

static void
on_term(evutil_socket_t fd, short what, void *arg)
{
	struct life *l = arg;

	(void)fd;
	(void)what;
	/* A second one: at once. One that comes behind the supervisor's word
	   (to the whole process group) is not the second. */
	if (l->termed)
		l->stopping = true;
	l->termed = true;
	retire(l, true);
}

static void
on_pipe(evutil_socket_t fd, short what, void *arg)
{
	struct life *l = arg;
	char command;
	ssize_t n = read(fd, &command, 1);

	(void)what;
	if (n == 1 && command == CONTRACT_STOP) {
		l->stopping = true;
	} else if (n == 1) {
		retire(l, command == CONTRACT_CLOSE);
	} else if (n == 0) {
		/* The supervisor is gone: finish and go too. */
		event_del(&l->pipe);
		log_warn("the supervisor is gone");
		retire(l, true);
	}
}

void
life_watch(struct life *l, struct event_base *base,
    const struct life_calls *calls, void *arg)
{
	struct timeval second = { 1, 0 };

	l->calls = calls;
	l->arg = arg;
	event_assign(&l->heartbeat, base, -1, EV_PERSIST, on_heartbeat, l);
	event_add(&l->heartbeat, &second);
	event_assign(&l->pipe, base, CONTRACT_FD_LIFE, EV_READ | EV_PERSIST,
	    on_pipe, l);
	event_add(&l->pipe, NULL);
	evsignal_assign(&l->term, base, SIGTERM, on_term, l);
	event_add(&l->term, NULL);
}

void
life_unwatch(struct life *l)
{
	event_del(&l->heartbeat);
	event_del(&l->pipe);
	event_del(&l->term);
}
