/*
 * The last requests as they were received, for GET /control/last: a test sees
 * exactly what the gateway sent upstream. Bounded: RECENT_KEEP requests, of
 * each the head's and the body's first bytes. Credentials are masked when a
 * request is kept, so they are in no dump of this memory either. Plain data
 * in shared memory; its caller holds the board's lock.
 */
#ifndef SIM_RECENT_H
#define SIM_RECENT_H

#include "base/jsonw.h"
#include "sim/request.h"

#define RECENT_KEEP       32
#define RECENT_HEAD_BYTES (16 * 1024)
#define RECENT_BODY_BYTES (64 * 1024)

struct recent_row {
	int64_t time_nsecs;
	size_t head_bytes, body_bytes; /* kept below */
	size_t body_total;             /* as received */
	char head[RECENT_HEAD_BYTES];
	char body[RECENT_BODY_BYTES];
};

struct recent {
	uint64_t count; /* requests ever kept; the newest is at count - 1 */
	struct recent_row rows[RECENT_KEEP];
};

void recent_add(struct recent *recent, const struct request *r,
    int64_t now_wall_nsecs);
/*
 * The last `most` as a JSON array, oldest first: {time, method, path,
 * headers (names in lower case; repeated ones joined), head (as received),
 * body, body_bytes, body_sha256 (null when only a part was kept)}.
 */
void recent_write(const struct recent *recent, size_t most, struct jsonw *w);

#endif
