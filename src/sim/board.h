/*
 * The board: what all workers of one simulator share, in one anonymous
 * mapping made before they are forked: settings, counters, the last records
 * and the last requests. Counters are atomic; everything else is read and
 * written between board_lock() and board_unlock().
 *
 * requests = served + errors + cut + stalled + client_gone + in_flight,
 * whenever no request is changing its state.
 */
#ifndef SIM_BOARD_H
#define SIM_BOARD_H

#include "sim/faults.h"
#include "sim/kept.h"
#include "sim/recent.h"
#include "sim/reqlog.h"

#include <pthread.h>
#include <stdatomic.h>

/*
 * Numbers of requests to the API, and of tokens. streams: ended requests that
 * asked for one. prompt_tokens, completion_tokens, cached_tokens: of served
 * requests; partial_tokens: completion tokens that were sent by requests that
 * ended any other way.
 */
#define COUNTERS(X)                                                            \
	X(requests)                                                            \
	X(served)                                                              \
	X(streams)                                                             \
	X(errors)                                                              \
	X(cut)                                                                 \
	X(stalled)                                                             \
	X(client_gone)                                                         \
	X(in_flight)                                                           \
	X(prompt_tokens)                                                       \
	X(completion_tokens)                                                   \
	X(cached_tokens)                                                       \
	X(partial_tokens)

#define COUNTER_FIELD(name) _Atomic int64_t name;
struct counters {
	COUNTERS(COUNTER_FIELD)
};
#undef COUNTER_FIELD

#define BOARD_MODELS           64
#define BOARD_FIXED_BODY_BYTES (1024 * 1024)

struct board_model {
	char name[REQLOG_NAME_BYTES];
	struct counters counters;
};

struct board {
	pthread_mutex_t lock;
	/* Moves whenever settings change: workers then take a fresh copy. */
	_Atomic uint64_t generation;
	struct faults start; /* as the flags had them */
	struct faults now;
	/* Requests `now` still holds for, then `start`; -1 for ever. */
	_Atomic int64_t times;
	size_t fixed_bytes; /* of fixed_body; 0: answers are made */

	struct counters counters;
	_Atomic int64_t connections; /* open now */
	_Atomic uint64_t next_id;    /* numbers for ids */
	_Atomic uint64_t draws;      /* of the error_rate lottery */
	int64_t started_nsecs;       /* wall */
	/* The last one takes what does not fit. */
	struct board_model models[BOARD_MODELS];
	_Atomic size_t model_count;
	struct reqlog log;
	struct recent recent;
	struct kept kept;
	char fixed_body[BOARD_FIXED_BODY_BYTES];
};

/* Maps a board with these settings; exits when the machine has no memory. */
struct board *board_new(const struct faults *start);
void board_free(struct board **b);
void board_lock(struct board *b);
void board_unlock(struct board *b);
/* The counters of a model; takes the lock when the name is new. */
struct counters *board_model(struct board *b, struct str name);
/* True while `now` holds for one more request (see times). */
bool board_use_now(struct board *b);
/* Back to the flags, as if just started. Requests in flight stay counted. */
void board_reset_settings(struct board *b);
void board_reset_counters(struct board *b);

void counters_begin(struct counters *c);
void counters_end(struct counters *c, const struct record *r);
/* The members of a JSON object that is already open. */
void counters_write(const struct counters *c, struct jsonw *w);

#endif
