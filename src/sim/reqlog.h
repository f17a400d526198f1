/*
 * What became of each request: the record, the ring of the last ones that
 * GET /control/log shows, and the line of --log. The ring is plain data (it
 * lies in memory shared by the workers; its caller holds the board's lock).
 */
#ifndef SIM_REQLOG_H
#define SIM_REQLOG_H

#include "base/err.h"
#include "base/jsonw.h"

#define REQLOG_KEEP       1000
#define REQLOG_ID_BYTES   80
#define REQLOG_NAME_BYTES 96

/* How a request ended; the names are those of --log. */
enum outcome {
	OUTCOME_SERVED,  /* a whole 2xx answer */
	OUTCOME_ERROR,   /* an error answer, or an error event in a stream */
	OUTCOME_CUT,     /* ended on purpose before its end */
	OUTCOME_STALLED, /* fell silent on purpose, until the client left */
	OUTCOME_CLIENT_GONE, /* the client left before the last byte */
};

struct record {
	int64_t time_nsecs;       /* when it ended, wall clock */
	char id[REQLOG_ID_BYTES]; /* x-request-id; "" when there was none */
	char model[REQLOG_NAME_BYTES];
	char path[REQLOG_NAME_BYTES];
	bool stream;
	int status; /* 0 when no head was sent */
	enum outcome outcome;
	int64_t prompt_tokens;
	int64_t completion_tokens; /* of those, the ones that were sent */
	int64_t cached_tokens;
};

struct reqlog {
	uint64_t count; /* records ever added; the newest is at count - 1 */
	struct record rows[REQLOG_KEEP];
};

/* Copies as much of text as a char array of `size` holds, with a NUL. */
void record_text(char *out, size_t size, struct str text);
/* The record as a JSON object. */
void record_write(const struct record *r, struct jsonw *w);

void reqlog_add(struct reqlog *log, const struct record *r);
/* The last `most` records as a JSON array, oldest first. */
void reqlog_write(const struct reqlog *log, size_t most, struct jsonw *w);
/* Appends the record's line to fd by one write. */
int reqlog_append(int fd, const struct record *r, struct err *err) MUST_CHECK;

#endif
