/*
 * Reload: a new generation of workers beside the old one; the old ones retire
 * when all new ones are ready. Until then the old generation is whole: one of
 * its workers that dies is started again, with the configuration it had. A
 * refused configuration, or a new worker that dies before it is ready, leaves
 * everything as it was.
 *
 * Keeper and logger hold nobody's stream: they are replaced, the logger only
 * when something it is told, or the program, has changed. So a reload after an
 * installation is an upgrade: all children run the new program. The supervisor
 * itself is the old one until the next start; it does so little, and says so
 * little to its children (ipc/contract.h), that this can wait.
 */
#include "supervisor/supervisor.h"

#include "base/fd.h"
#include "base/log.h"
#include "supervisor/check.h"

/* Generations with living workers, the newest included: streams may last
   minutes, reloads may come every second. */
#define MAX_GENERATIONS 4

bool
reload_is_new(const struct supervisor *s, const struct child *c)
{
	return s->reloading && c->role == CONTRACT_WORKER &&
	       c->generation == s->generation;
}

static size_t
count_generations(const struct supervisor *s)
{
	size_t n = 0;

	LIST_EACH(node, &s->children) {
		const struct child *c = LIST_OBJ(node, struct child, node);
		bool first = c->role == CONTRACT_WORKER && c->pid > 0;

		LIST_EACH(before, &s->children) {
			const struct child *b =
			    LIST_OBJ(before, struct child, node);

			if (b == c)
				break;
			if (b->role == CONTRACT_WORKER && b->pid > 0 &&
			    b->generation == c->generation)
				first = false;
		}
		n += first;
	}
	return n;
}

/* NULL, or what a reload has to wait for. */
static const char *
obstacle(const struct supervisor *s)
{
	if (s->reloading)
		return "the one before is still under way";
	if (count_generations(s) >= MAX_GENERATIONS)
		return "too many old generations still have requests open";
	return NULL;
}

/* What was done once, at the start, and stays whatever the new file says. */
static void
warn_of_fixed(const struct supervisor *s, const struct config *to)
{
	const struct supervisor_options *o = &s->options;
	const struct config *from = s->config;
	const struct {
		const char *key;
		bool differs;
	} fixed[] = {
		{ "tallygate.host",
		    o->host == NULL && strcmp(from->host, to->host) != 0 },
		{ "tallygate.port", o->port < 0 && from->port != to->port },
		{ "tallygate.state_dir",
		    o->state_dir == NULL &&
			strcmp(from->state_dir, to->state_dir) != 0 },
		{ "tallygate.user", strcmp(from->user, to->user) != 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(fixed); i++) {
		if (fixed[i].differs)
			log_warn("reload: %s is another one now: that holds "
				 "from the next start on",
			    fixed[i].key);
	}
}

void
reload_begin(struct supervisor *s)
{
	const char *wait_for = obstacle(s);
	struct config *config = NULL;
	struct err err = { 0 };
	size_t workers;
	int fd = -1;

	s->reload_due = wait_for != NULL;
	if (wait_for != NULL) {
		if (!s->reload_told)
			log_warn("reload waits: %s", wait_for);
		s->reload_told = true;
		return;
	}
	s->reload_told = false;
	if (check_load(s->options.config_path, &config, &fd, &err) != 0) {
		log_error("reload refused, the old configuration stays: %s",
		    err.text);
		return;
	}
	warn_of_fixed(s, config);
	check_exposure(config, s->options.host);
	s->old_config = s->config;
	s->old_config_fd = s->config_fd;
	s->old_generation = s->generation;
	s->config = config;
	s->config_fd = fd;
	s->generation = ++s->last_generation;
	s->reloading = true;
	log_info("reload: generation %u starts", s->generation);
	workers = supervisor_wanted_workers(s);
	for (size_t i = 0; i < workers; i++)
		supervisor_add_child(s, CONTRACT_WORKER, (uint32_t)i);
}

static bool
all_new_ready(const struct supervisor *s)
{
	LIST_EACH(node, &s->children) {
		const struct child *c = LIST_OBJ(node, struct child, node);

		if (reload_is_new(s, c) && c->state != CHILD_READY)
			return false;
	}
	return true;
}

static void
retire(struct child *c, enum contract_command command)
{
	if (c->state == CHILD_EMPTY || c->state == CHILD_RETIRING)
		return;
	c->state = CHILD_RETIRING;
	child_command(c, command);
}

/* What the logger gets in its environment. */
static bool
has_same_traces(const struct config *a, const struct config *b)
{
	return strcmp(a->traces_path, b->traces_path) == 0 &&
	       a->traces_rotate_bytes == b->traces_rotate_bytes &&
	       a->traces_keep == b->traces_keep &&
	       a->sync_interval_msecs == b->sync_interval_msecs &&
	       a->durability_power == b->durability_power;
}

/* The new generation serves. */
static void
finish(struct supervisor *s)
{
	uint64_t program = child_program(s->exe);
	bool same_traces = has_same_traces(s->old_config, s->config);

	LIST_EACH(node, &s->children) {
		struct child *c = LIST_OBJ(node, struct child, node);

		switch (c->role) {
		case CONTRACT_WORKER:
			if (reload_is_new(s, c))
				break;
			c->wanted = false;
			retire(c, CONTRACT_RETIRE);
			break;
		case CONTRACT_KEEPER:
			retire(c, CONTRACT_RETIRE);
			break;
		case CONTRACT_LOGGER:
			/* Its clients stay connected: it has to leave them. */
			if (!same_traces || c->program != program)
				retire(c, CONTRACT_STOP);
			break;
		case CONTRACT_SUPERVISOR:
			break;
		}
	}
	s->reloading = false;
	config_free(&s->old_config);
	fd_close(&s->old_config_fd);
	s->state_changed = true;
	state_file_note_config(s);
	log_info("reload: generation %u serves", s->generation);
}

void
reload_advance(struct supervisor *s)
{
	if (s->reloading && all_new_ready(s))
		finish(s);
	if (s->reload_due && obstacle(s) == NULL)
		reload_begin(s);
}

void
reload_abandon(struct supervisor *s)
{
	log_error("reload: a new worker did not start; the old generation "
		  "stays");
	LIST_EACH(node, &s->children) {
		struct child *c = LIST_OBJ(node, struct child, node);

		if (!reload_is_new(s, c))
			continue;
		c->wanted = false;
		/* It may have requests by now, also when we have not heard yet
		   that it is ready. */
		retire(c, CONTRACT_RETIRE);
	}
	s->reloading = false;
	config_free(&s->config);
	fd_close(&s->config_fd);
	s->config = s->old_config;
	s->config_fd = s->old_config_fd;
	s->generation = s->old_generation;
	s->old_config = NULL;
	s->old_config_fd = -1;
	s->state_changed = true;
}
