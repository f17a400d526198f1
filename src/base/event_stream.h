/*
 * AWS's binary event streams (application/vnd.amazon.eventstream), read
 * incrementally: bytes cut anywhere in, whole messages out.
 *
 *   u32 total length, u32 length of the headers, u32 CRC of these eight bytes,
 *   headers, payload, u32 CRC of all before it      (big-endian)
 *   a header: u8 length, name, u8 type, value (strings: u16 length, bytes)
 *
 * Both checksums are checked. Bounded by max_message_bytes. Source: Amazon's
 * description of the encoding.
 */
#ifndef BASE_EVENT_STREAM_H
#define BASE_EVENT_STREAM_H

#include "base/buf.h"
#include "base/err.h"

#include <stdint.h>

/* A message; what it holds is good until the next call on the reader. */
struct event_message {
	struct str message_type; /* ":message-type": event, exception, error */
	struct str event_type;   /* ":event-type"; "" none */
	struct str exception_type; /* ":exception-type", ":error-code"; "" */
	struct str error_message;  /* ":error-message"; "" */
	struct str payload;
};

struct event_stream {
	size_t max_message_bytes;
	struct buf message; /* the one under way */
	bool clear_next;    /* the caller has seen the last one */
};

void event_stream_init(struct event_stream *s, size_t max_message_bytes);
void event_stream_fini(struct event_stream *s);
/*
 * Takes bytes off *input until one message is complete: 1 with *m_r, 0 all
 * input used, -1 ERR_UPSTREAM_FORMAT: a wrong checksum, a length that cannot
 * be, a header that is none, or a message larger than the limit.
 */
int event_stream_next(struct event_stream *s, struct str *input,
    struct event_message *m_r, struct err *err) MUST_CHECK;
/* Bytes of a message that did not come to its end are there. */
bool event_stream_is_cut(const struct event_stream *s);

/* A message with these headers and this payload, appended (the simulator and
   tests). kind ":event-type" or ":exception-type", with its value. */
void event_stream_write(struct buf *out, const char *message_type,
    const char *kind, const char *value, struct str payload);

#endif
