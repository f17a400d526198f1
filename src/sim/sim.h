/*
 * tallysim: a provider simulator. It speaks the wire of OpenAI, Anthropic and
 * Mistral, plain and streamed, and misbehaves on request. It is the quick
 * start's provider, the test suite's upstream and the benchmark's.
 *
 * How it is built, from the outside in:
 *
 *   main.c      options, listeners, workers, the ready line
 *   server.c    accepts connections; conn.c moves their bytes; request.c
 *               takes requests out of them (HTTP/1.1, no library: faults
 *               need every byte under control)
 *   job.c       one request: which settings hold for it, who answers it
 *               (routes.c), what is written about it when it ends
 *   chat_*.c    the dialects: read a request into struct chat, write a
 *               struct answer; scan.c is the quick way in
 *   answer.c    what is said: text, tool calls, usage
 *   reply.c     how it is said: latency, pace, cuts, stalls (pure: given the
 *               time it makes bytes)
 *   faults.h    the one table of settings; board.c what workers share;
 *               control.c the path by which tests reach all of it
 *
 * It uses only base/ and libevent, and nothing of the gateway: a mistake in
 * the gateway's idea of the wire must not be mirrored here.
 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include "sim/answer.h"
#include "sim/board.h"
#include "sim/options.h"

/* One per process. */
struct sim {
	const struct options *options;
	struct board *board;
	/* Copies of what is on the board, as of `generation`. */
	uint64_t generation;
	struct faults faults; /* board->now */
	struct buf fixed_body;
	const char *fixed_type;   /* its content-type */
	struct usage fixed_usage; /* that it reports, when it is JSON */
	/* Header lines of every answer, made anew each second. */
	char server_lines[160];
	int64_t server_secs;
	int log_fd; /* of --log, or -1 */
};

void sim_init(struct sim *sim, const struct options *options,
    struct board *board);
void sim_fini(struct sim *sim);
/* Takes a fresh copy of the settings when they have changed. */
void sim_refresh(struct sim *sim);
/* The header lines that all answers have; `secs` is wall time. */
const char *sim_server_lines(struct sim *sim, int64_t secs);
/* Puts a fixed body on the board ("" takes it off); -1 when too large. */
int sim_set_fixed_body(struct board *board, struct str body,
    struct err *err) MUST_CHECK;

#endif
