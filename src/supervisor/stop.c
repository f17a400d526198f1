/*
 * Stopping: the workers finish what is open; then the keeper ships what they
 * left; then the logger writes it. Each waits for the one before. Keeper and
 * logger are started again when they die before their turn to go, so that
 * nothing waits in the store until the next start. What is overdue is killed;
 * nothing is lost by that.
 */
#include "supervisor/supervisor.h"

#include "base/fd.h"
#include "base/log.h"

#include <signal.h>

/* Behind the workers' own deadline, at which they cut what is left. */
#define WORKERS_SLACK_NSECS (5 * NSECS_PER_SEC)
/* The keeper waits 5 s for records to reach the file. */
#define KEEPER_NSECS (10 * NSECS_PER_SEC)
#define LOGGER_NSECS (5 * NSECS_PER_SEC)

static void
retire_role(struct supervisor *s, enum contract_role role)
{
	LIST_EACH(node, &s->children) {
		struct child *c = LIST_OBJ(node, struct child, node);

		if (c->role != role)
			continue;
		c->wanted = false; /* where nobody is, the place goes too */
		if (c->state == CHILD_EMPTY || c->state == CHILD_RETIRING)
			continue;
		c->state = CHILD_RETIRING;
		child_command(c, CONTRACT_CLOSE);
	}
}

/* Who is just waiting to be started again is needed now: records wait. */
static void
start_role(struct supervisor *s, enum contract_role role)
{
	struct err err;

	LIST_EACH(node, &s->children) {
		struct child *c = LIST_OBJ(node, struct child, node);

		if (c->role == role && c->state == CHILD_EMPTY && c->wanted &&
		    supervisor_start_child(s, c, &err) != 0)
			log_error("%s", err.text);
	}
}

static void
next_phase(struct supervisor *s, enum stop_phase phase, enum contract_role role,
    int64_t nsecs)
{
	s->stop_phase = phase;
	s->stop_deadline_nsecs = clock_mono_nsecs() + nsecs;
	retire_role(s, role);
}

/* The workers let go of it, too: then nobody can connect any more. */
static void
close_port(struct supervisor *s)
{
	while (s->listener_count > 0)
		fd_close(&s->listeners[--s->listener_count]);
}

void
stop_begin(struct supervisor *s)
{
	s->stopping = true;
	s->reload_due = false;
	state_file_remove(s);
	log_info("stopping: waiting for requests to finish (a second signal "
		 "stops at once)");
	close_port(s);
	next_phase(s, STOP_WORKERS, CONTRACT_WORKER,
	    s->config->limits.drain_msecs * NSECS_PER_MSEC +
		WORKERS_SLACK_NSECS);
}

static void
kill_all(struct supervisor *s)
{
	LIST_EACH(node, &s->children) {
		struct child *c = LIST_OBJ(node, struct child, node);

		c->wanted = false;
		child_signal(c, SIGKILL);
	}
}

void
stop_advance(struct supervisor *s)
{
	if (!s->stop_now && clock_mono_nsecs() > s->stop_deadline_nsecs) {
		log_warn("stopping takes too long: what is left is killed");
		s->stop_now = true;
	}
	if (s->stop_now) {
		kill_all(s);
		return;
	}
	if (s->stop_phase == STOP_WORKERS &&
	    supervisor_count(s, CONTRACT_WORKER) == 0) {
		start_role(s, CONTRACT_LOGGER);
		start_role(s, CONTRACT_KEEPER);
		next_phase(s, STOP_KEEPER, CONTRACT_KEEPER, KEEPER_NSECS);
	}
	if (s->stop_phase == STOP_KEEPER &&
	    supervisor_count(s, CONTRACT_KEEPER) == 0)
		next_phase(s, STOP_LOGGER, CONTRACT_LOGGER, LOGGER_NSECS);
}
