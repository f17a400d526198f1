/* The control path. See control.h. */
#include "sim/control.h"

#include "base/clock.h"
#include "base/num.h"

#include <unistd.h>

static void
write_counters(struct board *board, struct jsonw *w)
{
	size_t n = atomic_load(&board->model_count);

	jsonw_put_open(w, "counters", '{');
	counters_write(&board->counters, w);
	jsonw_put_int(w, "connections", atomic_load(&board->connections));
	jsonw_put_open(w, "models", '{');
	for (size_t i = 0; i < n; i++) {
		jsonw_cstr(w, board->models[i].name);
		buf_add_char(w->out, ':');
		w->comma = false;
		jsonw_open(w, '{');
		counters_write(&board->models[i].counters, w);
		jsonw_close(w, '}');
	}
	jsonw_close(w, '}');
	jsonw_close(w, '}');
}

int
control_get(struct job *job, struct problem *p)
{
	struct board *board = job->sim->board;
	const struct options *o = job->sim->options;
	struct faults faults;
	size_t fixed_bytes;
	struct jsonw w;

	(void)p;
	board_lock(board);
	faults = board->now;
	fixed_bytes = board->fixed_bytes;
	board_unlock(board);
	jsonw_init(&w, &job->reply.body);
	jsonw_open(&w, '{');
	jsonw_put_cstr(&w, "name", o->name);
	jsonw_put_cstr(&w, "dialect", dialect_name(o->dialect));
	jsonw_put_int(&w, "pid", getpid());
	jsonw_put_int(&w, "workers", o->workers);
	jsonw_put_int(&w, "uptime_ms",
	    (clock_wall_nsecs() - board->started_nsecs) / NSECS_PER_MSEC);
	jsonw_key(&w, "settings");
	faults_write(&faults, &w);
	jsonw_put_int(&w, "times", atomic_load(&board->times));
	jsonw_put_int(&w, "fixed_body_bytes", (int64_t)fixed_bytes);
	write_counters(board, &w);
	jsonw_close(&w, '}');
	return 0;
}

/* The value of "reset": what is set back. */
static int
read_reset(const json_t *v, bool *settings, bool *counters, struct problem *p)
{
	struct str word = chat_string(v);

	if (v == NULL || json_is_false(v))
		return 0;
	*settings = json_is_true(v) || str_is(word, "settings");
	*counters = json_is_true(v) || str_is(word, "counters");
	if (*settings || *counters)
		return 0;
	return problem_set(p, 400, "",
	    "reset is true, \"settings\" or \"counters\"");
}

static int
check_members(json_t *root, struct problem *p)
{
	static const char *const known[] = { "set", "times", "fixed_body",
		"reset" };
	const char *key;
	json_t *v;

	if (!json_is_object(root))
		return problem_set(p, 400, "", "the body is no JSON object");
	json_object_foreach(root, key, v) {
		size_t i = 0;

		while (i < ARRAY_LEN(known) && strcmp(key, known[i]) != 0)
			i++;
		if (i == ARRAY_LEN(known))
			return problem_set(p, 400, "",
			    "\"%.40s\" is none of set, times, fixed_body, "
			    "reset",
			    key);
	}
	return 0;
}

/* What a POST asks for, checked before anything of it is done. */
struct order {
	bool reset_settings, reset_counters;
	json_t *set; /* borrowed */
	struct faults faults;
	int64_t times;
	bool has_times, has_fixed_body;
	struct str fixed_body;
};

static int
read_order(struct job *job, json_t *root, struct order *order,
    struct problem *p)
{
	static const int64_t range[2] = { -1, INT64_MAX };
	struct board *board = job->sim->board;
	const json_t *body = json_object_get(root, "fixed_body");
	struct err err;
	int rc;

	if (check_members(root, p) != 0 ||
	    read_reset(json_object_get(root, "reset"), &order->reset_settings,
		&order->reset_counters, p) != 0)
		return -1;
	board_lock(board);
	order->faults = order->reset_settings ? board->start : board->now;
	board_unlock(board);
	order->set = json_object_get(root, "set");
	if (order->set != NULL &&
	    faults_set_json(&order->faults, order->set, &err) != 0)
		return problem_set(p, 400, "", "set: %.300s", err.text);
	order->times = -1;
	rc = chat_int(root, "times", range, &order->times, p);
	if (rc < 0)
		return -1;
	order->has_times = rc == 1;
	order->has_fixed_body = body != NULL;
	order->fixed_body = chat_string(body);
	if (order->fixed_body.n > BOARD_FIXED_BODY_BYTES)
		return problem_set(p, 400, "", "fixed_body: at most %d bytes",
		    BOARD_FIXED_BODY_BYTES);
	return 0;
}

static int
carry_out(struct job *job, const struct order *order, struct problem *p)
{
	struct board *board = job->sim->board;
	struct err err;

	if (order->reset_settings)
		board_reset_settings(board);
	if (order->reset_counters)
		board_reset_counters(board);
	if (order->has_fixed_body &&
	    sim_set_fixed_body(board, order->fixed_body, &err) != 0)
		return problem_set(p, 400, "", "%.300s", err.text);
	if (order->set == NULL && !order->has_times)
		return 0;
	board_lock(board);
	board->now = order->faults;
	/* New settings hold for ever when nothing else is said. */
	atomic_store(&board->times, order->times);
	atomic_fetch_add(&board->generation, 1);
	board_unlock(board);
	return 0;
}

int
control_post(struct job *job, struct problem *p)
{
	struct order order;
	struct err err;
	json_t *root = jsonx_parse(job->req->body, &err);
	int rc = -1;

	memset(&order, 0, sizeof(order));
	if (root == NULL)
		return problem_set(p, 400, "", "%.300s", err.text);
	if (read_order(job, root, &order, p) == 0)
		rc = carry_out(job, &order, p);
	json_decref(root);
	return rc == 0 ? control_get(job, p) : -1;
}

/* ?n=K, `standard` when it is not there. */
static int
read_n(const struct job *job, int64_t standard, int64_t *n_r, struct problem *p)
{
	struct str text = request_query(job->req, "n");

	*n_r = standard;
	if (text.n > 0 && (num_int64(text, n_r) != 0 || *n_r < 0))
		return problem_set(p, 400, "", "n is a number");
	return 0;
}

int
control_log(struct job *job, struct problem *p)
{
	struct board *board = job->sim->board;
	struct jsonw w;
	int64_t n;

	if (read_n(job, 100, &n, p) != 0)
		return -1;
	jsonw_init(&w, &job->reply.body);
	jsonw_open(&w, '{');
	jsonw_key(&w, "requests");
	board_lock(board);
	reqlog_write(&board->log, (size_t)n, &w);
	board_unlock(board);
	jsonw_close(&w, '}');
	return 0;
}

int
control_last(struct job *job, struct problem *p)
{
	struct board *board = job->sim->board;
	struct jsonw w;
	int64_t n;

	if (read_n(job, 1, &n, p) != 0)
		return -1;
	jsonw_init(&w, &job->reply.body);
	jsonw_open(&w, '{');
	jsonw_key(&w, "requests");
	board_lock(board);
	recent_write(&board->recent, (size_t)n, &w);
	board_unlock(board);
	jsonw_close(&w, '}');
	return 0;
}
