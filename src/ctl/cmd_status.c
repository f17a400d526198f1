/*
 * tallyctl status and reload: what runs (run/supervisor.json and the lock that
 * dies with its holder), and what the store holds.
 */
#include "base/clock.h"
#include "base/fd.h"
#include "base/jsonx.h"
#include "ctl/ctl.h"
#include "ctl/table.h"
#include "domain/ledger/money.h"
#include "domain/ledger/rollup_query.h"
#include "domain/routing/rehearsal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

struct status {
	bool running;
	json_t *state; /* run/supervisor.json; NULL none */
	struct store_info info;
	struct rollup_row today;
};

/* The supervisor holds a lock on this file for as long as it lives. It is only
   looked at: one that starts just now must not find it taken. */
static bool
is_running(const struct ctl *c)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char *path = path_join(c->state_dir, "run/supervisor.lock");
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool running = fd >= 0 && fcntl(fd, F_OFD_GETLK, &lock) == 0 &&
		       lock.l_type != F_UNLCK;

	fd_close(&fd);
	free(path);
	return running;
}

static json_t *
read_state(const struct ctl *c)
{
	char *path = path_join(c->state_dir, "run/supervisor.json");
	json_t *state = NULL;
	struct buf text;

	buf_init(&text, 4 * 1024 * 1024);
	if (file_read(path, &text, NULL) == 0)
		state = jsonx_parse(buf_str(&text), NULL);
	buf_fini(&text);
	free(path);
	return state;
}

static int
read_status(struct ctl *c, struct status *s)
{
	int64_t midnight =
	    c->now_nsecs - c->now_nsecs % (86400 * NSECS_PER_SEC);
	struct rollup_result result;
	struct store_txn *t;
	struct err err;

	memset(s, 0, sizeof(*s));
	if (store_info(c->store, &s->info, &err) != 0 ||
	    store_read(c->store, STORE_LIVE, &t, &err) != 0) {
		ctl_complain("%s", err.text);
		return -1;
	}
	if (rollup_query(t, ROLLUP_ALL, midnight, 0, &result) == 0) {
		s->today = result.total;
		rollup_result_free(&result);
	}
	store_abort(&t);
	s->running = is_running(c);
	s->state = read_state(c);
	return 0;
}

/* ---- for programs ------------------------------------------------------- */

static void
json_store(struct jsonw *w, const struct store_info *info)
{
	jsonw_put_open(w, "store", '{');
	jsonw_key(w, "used_bytes");
	jsonw_int(w, (int64_t)(info->used_bytes[STORE_ACCOUNTS] +
			       info->used_bytes[STORE_LIVE]));
	jsonw_key(w, "map_bytes");
	jsonw_int(w, (int64_t)info->map_bytes[STORE_LIVE]);
	jsonw_key(w, "holds");
	jsonw_int(w, (int64_t)info->rows[STORE_HOLDS]);
	jsonw_key(w, "outbox");
	jsonw_int(w, (int64_t)info->rows[STORE_OUTBOX]);
	jsonw_key(w, "owners");
	jsonw_int(w, (int64_t)info->rows[STORE_OWNERS]);
	jsonw_close(w, '}');
}

static void
print_json(const struct status *s)
{
	char *state = s->state == NULL ? NULL : jsonx_dump(s->state);
	struct buf b;
	struct jsonw w;

	buf_init(&b, 8 * 1024 * 1024);
	jsonw_init(&w, &b);
	jsonw_open(&w, '{');
	jsonw_key(&w, "running");
	jsonw_bool(&w, s->running);
	jsonw_key(&w, "supervisor");
	jsonw_raw(&w, str_of(state == NULL ? "null" : state));
	json_store(&w, &s->info);
	jsonw_put_open(&w, "today", '{');
	jsonw_key(&w, "requests");
	jsonw_int(&w, s->today.requests);
	jsonw_key(&w, "failures");
	jsonw_int(&w, s->today.failures);
	jsonw_key(&w, "cost_usd");
	jsonw_decimal(&w, s->today.cost_nanos, 9);
	jsonw_close(&w, '}');
	jsonw_close(&w, '}');
	printf("%s\n", buf_cstr(&b));
	buf_fini(&b);
	free(state);
}

/* ---- for people --------------------------------------------------------- */

static void
print_children(const json_t *state)
{
	json_t *children = json_object_get(state, "children"), *child;
	struct table *t = table_new("lrrrl");
	size_t i;

	table_cell(t, "role");
	table_cell(t, "slot");
	table_cell(t, "generation");
	table_cell(t, "pid");
	table_cell(t, "state");
	json_array_foreach(children, i, child) {
		int64_t v = 0;

		table_cell(t, STR_FMT, STR_ARG(jsonx_str(child, "role")));
		(void)!jsonx_int(child, "slot", &v);
		table_cell(t, "%lld", (long long)v);
		(void)!jsonx_int(child, "generation", &v);
		table_cell(t, "%lld", (long long)v);
		(void)!jsonx_int(child, "pid", &v);
		table_cell(t, "%lld", (long long)v);
		table_cell(t, STR_FMT, STR_ARG(jsonx_str(child, "state")));
	}
	table_print(t);
	table_free(&t);
}

static void
print_text(const struct ctl *c, const struct status *s)
{
	uint64_t used =
	    s->info.used_bytes[STORE_ACCOUNTS] + s->info.used_bytes[STORE_LIVE];
	char usd[MONEY_TEXT_BYTES];

	money_format(s->today.cost_nanos, usd);
	if (s->running && s->state != NULL)
		printf("running at http://" STR_FMT " since " STR_FMT
		       ", version " STR_FMT "\n",
		    STR_ARG(jsonx_str(s->state, "address")),
		    STR_ARG(jsonx_str(s->state, "started")),
		    STR_ARG(jsonx_str(s->state, "version")));
	else
		printf("%s\n", s->running ? "starting" : "not running");
	printf("state    %s\n", c->state_dir);
	if (s->state != NULL)
		printf("config   " STR_FMT "\n",
		    STR_ARG(jsonx_str(s->state, "config")));
	printf("today    %lld requests, %lld failed attempts, %s USD (UTC)\n",
	    (long long)s->today.requests, (long long)s->today.failures, usd);
	printf("store    %.1f MiB of %.0f MiB; %llu holds, %llu records "
	       "waiting for the trace file\n",
	    (double)used / 1048576.0,
	    (double)s->info.map_bytes[STORE_LIVE] / 1048576.0,
	    (unsigned long long)s->info.rows[STORE_HOLDS],
	    (unsigned long long)s->info.rows[STORE_OUTBOX]);
	if (s->running && s->state != NULL)
		print_children(s->state);
}

int
cmd_status(struct ctl *c, int argc, char **argv)
{
	struct status s;
	int rc;

	if (argc > 0) {
		ctl_complain("status takes no '%s'", argv[0]);
		return CTL_USAGE;
	}
	rc = ctl_open_store(c, false);
	if (rc != CTL_OK)
		return rc;
	if (read_status(c, &s) != 0)
		return CTL_FAILED;
	if (c->json)
		print_json(&s);
	else
		print_text(c, &s);
	json_decref(s.state);
	return CTL_OK;
}

/* Looked at here first, so that a refusal is seen by who asked: every error.
   Keys may be missing in this shell: that is no error here. */
static int
look_at_config(const json_t *state)
{
	char *path = str_dup(jsonx_str(state, "config"));
	struct config_report report;
	struct config *config = NULL;
	struct buf line;
	struct err err;
	int rc;

	config_report_init(&report);
	report.without_keys = true;
	rc = config_load(path, &config, &report, &err);
	if (rc == 0)
		rc = rehearsal_run(config, &report, &err);
	buf_init(&line, 4096);
	for (size_t i = 0; rc != 0 && i < report.count; i++) {
		if (report.remarks[i].severity != CONFIG_ERROR)
			continue;
		buf_clear(&line);
		config_remark_format(&report.remarks[i], &line);
		ctl_complain("%s", buf_cstr(&line));
	}
	if (rc != 0)
		ctl_complain("refused, the old configuration stays");
	buf_fini(&line);
	config_report_fini(&report);
	config_free(&config);
	free(path);
	return rc;
}

int
cmd_reload(struct ctl *c, int argc, char **argv)
{
	json_t *state = read_state(c);
	int64_t pid = 0;
	int rc;

	(void)argv;
	if (argc > 0 || !is_running(c) || jsonx_int(state, "pid", &pid) != 1) {
		ctl_complain(argc > 0 ? "reload takes no arguments"
				      : "no gateway runs on %s",
		    c->state_dir);
		json_decref(state);
		return argc > 0 ? CTL_USAGE : CTL_FAILED;
	}
	rc = look_at_config(state);
	json_decref(state);
	if (rc != 0)
		return CTL_FAILED;
	if (kill((pid_t)pid, SIGHUP) != 0) {
		ctl_complain("the supervisor (pid %lld) cannot be told: %s",
		    (long long)pid, strerror(errno));
		return CTL_FAILED;
	}
	printf(c->json ? "{\"asked\":true}\n"
		       : "reload asked for; its log says when the new "
			 "generation serves\n");
	return CTL_OK;
}
