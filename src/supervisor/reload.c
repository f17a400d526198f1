/*
 * Reload: a new generation of workers and keeper beside the old one; the old
 * ones retire when all new ones are ready. A refused configuration, or a new
 * child that dies before it is ready, leaves the old generation as it was.
 *
 * The logger stays: what it is told (file, rotation) needs a restart.
 */
#include "supervisor/supervisor.h"

#include "base/fd.h"
#include "base/log.h"
#include "supervisor/check.h"

#include <signal.h>
#include <unistd.h>

static bool
is_new(const struct supervisor *s, const struct child *c)
{
	return c->role == CONTRACT_WORKER && c->generation == s->generation;
}

static int
wanted_workers(const struct supervisor *s)
{
	int n = s->options.num_workers >= 0 ? s->options.num_workers
					    : (int)s->config->workers;

	return n > 0 ? n : (int)sysconf(_SC_NPROCESSORS_ONLN);
}

void
reload_begin(struct supervisor *s)
{
	struct config *config = NULL;
	struct err err = { 0 };
	int fd = -1;

	if (s->reloading) {
		log_warn("reload: the last one is still under way");
		return;
	}
	if (check_load(s->options.config_path, &config, &fd, &err) != 0) {
		log_error("reload refused, the old configuration stays: %s",
		    err.text);
		return;
	}
	config_free(&s->config);
	fd_close(&s->config_fd);
	s->config = config;
	s->config_fd = fd;
	s->generation++;
	s->reloading = true;
	log_info("reload: generation %u starts", s->generation);
	/* The old workers are no longer started again when they die. */
	LIST_EACH(node, &s->children) {
		struct child *c = LIST_OBJ(node, struct child, node);

		if (c->role == CONTRACT_WORKER)
			c->wanted = false;
	}
	for (int i = 0; i < wanted_workers(s); i++)
		supervisor_add_child(s, CONTRACT_WORKER, (uint32_t)i);
}

static void
retire(struct child *c)
{
	if (c->state == CHILD_EMPTY || c->state == CHILD_RETIRING)
		return;
	c->state = CHILD_RETIRING;
	child_command(c, CONTRACT_RETIRE);
}

void
reload_advance(struct supervisor *s)
{
	LIST_EACH(node, &s->children) {
		struct child *c = LIST_OBJ(node, struct child, node);

		if (is_new(s, c) && c->state != CHILD_READY)
			return;
	}
	s->reloading = false;
	LIST_EACH_SAFE(node2, &s->children) {
		struct child *c = LIST_OBJ(node2, struct child, node);

		if (c->role == CONTRACT_WORKER && !is_new(s, c))
			retire(c);
		/* The keeper holds nobody's stream: it is simply replaced. */
		if (c->role == CONTRACT_KEEPER)
			child_command(c, CONTRACT_RETIRE);
	}
	log_info("reload: generation %u serves", s->generation);
}

void
reload_abandon(struct supervisor *s)
{
	s->reloading = false;
	log_error("reload: a new worker did not start; the old generation "
		  "stays");
	LIST_EACH(node, &s->children) {
		struct child *c = LIST_OBJ(node, struct child, node);

		if (c->role != CONTRACT_WORKER)
			continue;
		if (is_new(s, c)) {
			c->wanted = false;
			child_command(c, CONTRACT_STOP);
		} else {
			c->wanted = true;
		}
	}
}
