/*
 * What all workers measure together, for /metrics: how long requests took, how
 * many are under way, how many workers there are. Memory that the workers
 * share, behind their loads (loads.h): each adds, any may read the whole, and a
 * worker that dies takes nothing with it. It begins at zero with the
 * supervisor.
 */
#ifndef IPC_METERS_H
#define IPC_METERS_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct meters;
struct meters_worker;

/* Behind the loads in their file; mapped until the process ends. NULL: the file
   has no such part (an older supervisor's), or it cannot be mapped. */
#define METERS_OFFSET 4096
struct meters *meters_map(int fd);
size_t meters_bytes(void);

/* ---- workers ---- */

/*
 * This process is a worker from now on. Who was one, is dead and did not leave
 * is counted as restarted. NULL: there are more workers than places.
 */
struct meters_worker *meters_enter(struct meters *m);
void meters_leave(struct meters_worker *w);
/* Its requests under way; NULL: nothing. */
void meters_set_active(struct meters_worker *w, uint32_t requests);

struct meters_state {
	uint64_t workers, active; /* of those that live */
	uint64_t crashes;         /* workers that died unasked */
};
void meters_state(const struct meters *m, struct meters_state *state_r);

/* ---- times ---- */

/* X(NAME, "metric", "by: group or deployment", "help") */
/* clang-format off */
#define METERS(X) \
X(REQUEST, "litellm_request_total_latency_metric",           "group",      "Seconds from a request to its last byte, of those that ended well") \
X(CALL,    "litellm_llm_api_latency_metric",                 "deployment", "Seconds of a call of a provider, of those that ended well") \
X(TTFT,    "litellm_llm_api_time_to_first_token_metric",     "deployment", "Seconds from a call of a provider to the first token of its stream")
/* clang-format on */
#define METER_ENUM(NAME, metric, by, help) METER_##NAME,
enum meter {
	METERS(METER_ENUM) METER_COUNT
};
#undef METER_ENUM

/* Upper bounds in microseconds; one more bucket is for what is above. */
#define METER_BOUNDS                                                           \
	5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2000000,   \
	    3000000, 5000000, 7500000, 10000000, 15000000, 20000000, 30000000, \
	    60000000, 120000000, 300000000
#define METER_BOUND_COUNT 19
extern const int64_t meter_bounds[METER_BOUND_COUNT];

#define METER_NAME_BYTES 96 /* longer ones are cut */

/* Counts one; names beyond the room there is are counted as "(other)". m NULL:
   nothing. */
void meters_add(struct meters *m, enum meter meter, struct str name,
    int64_t nsecs);

struct meter_view {
	enum meter meter;
	const char *name;                        /* in the shared memory */
	uint64_t buckets[METER_BOUND_COUNT + 1]; /* not summed up */
	uint64_t count;                          /* of all of them */
	uint64_t micros;                         /* their sum */
};
/* Start with *cursor = 0; 1 with a view, 0 at the end. */
int meters_next(const struct meters *m, size_t *cursor,
    struct meter_view *view_r);

#endif
