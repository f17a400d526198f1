/*
 * Reading trace files back: which sequences are on file, and the hash that the
 * next line has to name. Only the end of a line is looked at; whether lines
 * are true is for `tallyctl audit`.
 */
#ifndef LOGGER_TRACE_SCAN_H
#define LOGGER_TRACE_SCAN_H

#include "base/err.h"
#include "base/hash.h"
#include "base/str.h"
#include "logger/seq_marks.h"

#define TRACE_LINE_BYTES (64 * 1024) /* no line of ours is longer */
#define TRACE_HASH_KEY   ",\"hash\":\""

struct trace_scan {
	struct seq_marks *marks;     /* borrowed; raised by what is found */
	char hash[SHA256_HEX_BYTES]; /* of the last line found; "" none */
	const char *look_for;        /* a hash; NULL none */
	bool found;                  /* a line with that hash went by */
	/* Called every few megabytes; may be NULL. */
	void (*progress)(void *arg);
	void *arg;
};

/*
 * Reads lines from offset on; *end_r is behind the last whole line. Lines
 * that are not ours are passed over. -1: ERR_IO.
 */
int trace_scan_read(struct trace_scan *s, int fd, int64_t offset,
    int64_t *end_r, struct err *err) MUST_CHECK;
/*
 * Deals with what stands behind the last whole line (at `end`): a line of ours
 * that lacks only its newline gets it; a torn one is cut off (it was never
 * acknowledged and comes again). -1 when it is nothing of ours: the file is
 * left as it is.
 */
int trace_scan_mend(struct trace_scan *s, int fd, int64_t end,
    struct err *err) MUST_CHECK;
/* True when a line with this hash ends at `offset`. */
bool trace_scan_line_ends(int fd, int64_t offset, const char *hash);

#endif
