/*
 * Server-sent events, read incrementally: bytes cut anywhere in, whole events
 * out (WHATWG HTML section 9.2; the truths in the notes on the wire formats,
 * section 4: mixed line ends, BOM, comments, several data lines, missing last
 * blank line). Bounded by max_event_bytes.
 *
 * An event that stands whole in one input is given out where it stands; only
 * what is cut is copied. id: and retry: are read over.
 */
#ifndef WIRE_SSE_H
#define WIRE_SSE_H

#include "base/buf.h"
#include "base/err.h"

struct sse_event {
	struct str name;   /* "" when there was no event: line */
	struct str data;   /* data lines joined by \n; borrowed until the next
			      call on the reader, and from its input */
	bool many_lines;   /* data has a \n in it */
	bool comment_only; /* nothing but comment lines: a keep-alive */
};

struct sse_reader {
	size_t max_event_bytes;
	struct buf line; /* unfinished line */
	struct buf data; /* data of the event being read */
	struct buf name;
	bool any_data, many_lines, any_comment;
	bool started;    /* the first line is done: no BOM any more */
	bool skip_lf;    /* the last byte was a CR */
	bool clear_next; /* the caller has seen the last event */
};

void sse_reader_init(struct sse_reader *r, size_t max_event_bytes);
void sse_reader_fini(struct sse_reader *r);
void sse_reader_reset(struct sse_reader *r);
/*
 * Takes bytes off *input until one event is complete: 1 with *event, 0 all
 * input used, -1 an event larger than the limit (ERR_UPSTREAM_FORMAT). The
 * event is good until the next call and as long as the input's bytes.
 */
int sse_next(struct sse_reader *r, struct str *input, struct sse_event *event_r,
    struct err *err) MUST_CHECK;
/*
 * At a clean end of the stream: 1 when data was pending without its blank
 * line (given out as an event; a last line without its end counts as whole,
 * so the caller must check that the data makes sense), 0 nothing.
 */
int sse_finish(struct sse_reader *r, struct sse_event *event_r) MUST_CHECK;

/*
 * JSON that may have been written in many lines, as one: from an offset on,
 * line ends become blanks. They stand between its tokens (there are none inside
 * of strings) and would end a data line.
 */
void sse_one_line(struct buf *out, size_t from);

/* Appends "data: ...\n\n" (after an event: line when there is a name); data
   with line ends in it becomes several data lines. -1: no room. */
int sse_write(struct buf *out, struct str name, struct str data);

#endif
