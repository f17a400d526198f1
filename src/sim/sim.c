/* The process's own state. See sim.h. */
#include "sim/sim.h"

void
sim_init(struct sim *sim, const struct options *options, struct board *board)
{
	memset(sim, 0, sizeof(*sim));
	sim->options = options;
	sim->board = board;
	sim->log_fd = -1;
	buf_init(&sim->fixed_body, BOARD_FIXED_BODY_BYTES);
	sim_refresh(sim);
}

void
sim_fini(struct sim *sim)
{
	buf_fini(&sim->fixed_body);
}

/* The usage a fixed body reports, so that the books are right. */
static void
read_fixed_usage(struct sim *sim)
{
	struct usage *u = &sim->fixed_usage;
	json_t *json = jsonx_parse(buf_str(&sim->fixed_body), NULL), *usage;

	memset(u, 0, sizeof(*u));
	sim->fixed_type =
	    json != NULL ? "application/json" : "text/event-stream";
	usage = json_object_get(json, "usage");
	/* Wrong types count as none: the bytes are sent as they are. */
	if (jsonx_int(usage, "prompt_tokens", &u->prompt_tokens) < 0)
		u->prompt_tokens = 0;
	if (jsonx_int(usage, "completion_tokens", &u->completion_tokens) < 0)
		u->completion_tokens = 0;
	if (jsonx_int(json_object_get(usage, "prompt_tokens_details"),
		"cached_tokens", &u->cached_tokens) < 0)
		u->cached_tokens = 0;
	json_decref(json);
}

void
sim_refresh(struct sim *sim)
{
	struct board *b = sim->board;
	uint64_t generation = atomic_load(&b->generation);

	if (generation == sim->generation)
		return;
	board_lock(b);
	sim->generation = atomic_load(&b->generation);
	sim->faults = b->now;
	buf_clear(&sim->fixed_body);
	buf_add(&sim->fixed_body, b->fixed_body, b->fixed_bytes);
	board_unlock(b);
	if (sim->fixed_body.len > 0)
		read_fixed_usage(sim);
}

const char *
sim_server_lines(struct sim *sim, int64_t secs)
{
	struct tm tm;
	time_t t = (time_t)secs;
	char date[40];

	if (secs == sim->server_secs)
		return sim->server_lines;
	sim->server_secs = secs;
	gmtime_r(&t, &tm);
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	snprintf(sim->server_lines, sizeof(sim->server_lines),
	    "server: tallysim\r\nx-sim-name: %s\r\ndate: %s\r\n",
	    sim->options->name, date);
	return sim->server_lines;
}

int
sim_set_fixed_body(struct board *board, struct str body, struct err *err)
{
	if (body.n > BOARD_FIXED_BODY_BYTES)
		return err_set(err, ERR_USAGE,
		    "fixed_body: at most %d bytes, not %zu",
		    BOARD_FIXED_BODY_BYTES, body.n);
	board_lock(board);
	if (body.n > 0)
		memcpy(board->fixed_body, body.p, body.n);
	board->fixed_bytes = body.n;
	atomic_fetch_add(&board->generation, 1);
	board_unlock(board);
	return 0;
}
