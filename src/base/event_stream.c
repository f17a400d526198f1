/* AWS's event streams. See event_stream.h. */
#include "base/event_stream.h"

#define PRELUDE_BYTES 12
#define CRC_BYTES     4
#define LEAST_BYTES   (PRELUDE_BYTES + CRC_BYTES)
#define TYPE_STRING   7

void
event_stream_init(struct event_stream *s, size_t max_message_bytes)
{
	memset(s, 0, sizeof(*s));
	s->max_message_bytes = max_message_bytes;
	buf_init(&s->message, max_message_bytes);
}

void
event_stream_fini(struct event_stream *s)
{
	buf_fini(&s->message);
}

static uint32_t
read_u32(const char *p)
{
	const unsigned char *b = (const unsigned char *)p;

	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 |
	       (uint32_t)b[2] << 8 | b[3];
}

/* CRC-32 (IEEE 802.3), four bits a step. */
static uint32_t
crc_of(const char *p, size_t n)
{
	static const uint32_t steps[16] = { 0x00000000, 0x1db71064, 0x3b6e20c8,
		0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
		0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0,
		0x86d3d2d4, 0xa00ae278, 0xbdbdf21c };
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < n; i++) {
		crc ^= (unsigned char)p[i];
		crc = crc >> 4 ^ steps[crc & 15];
		crc = crc >> 4 ^ steps[crc & 15];
	}
	return ~crc;
}

/* Moves up to n bytes more into the message; true when it has n in all. */
static bool
fill(struct event_stream *s, struct str *input, size_t n)
{
	size_t more = n - s->message.len;

	if (s->message.len >= n)
		return true;
	if (more > input->n)
		more = input->n;
	(void)buf_add(&s->message, input->p, more); /* n is within max */
	input->p += more;
	input->n -= more;
	return s->message.len >= n;
}

static int
bad(struct err *err, const char *what)
{
	return err_set(err, ERR_UPSTREAM_FORMAT, "event stream: %s", what);
}

/* Bytes of a header's value by its type; strings and bytes say it themselves
   (-1), unknown types are a fault (-2). */
static int
value_bytes(unsigned char type)
{
	static const signed char sizes[] = { 0, 0, 1, 2, 4, 8, -1, -1, 8, 16 };

	return type < ARRAY_LEN(sizes) ? sizes[type] : -2;
}

static void
note_header(struct event_message *m, struct str name, struct str value)
{
	if (str_is(name, ":message-type"))
		m->message_type = value;
	else if (str_is(name, ":event-type"))
		m->event_type = value;
	else if (str_is(name, ":exception-type") || str_is(name, ":error-code"))
		m->exception_type = value;
	else if (str_is(name, ":error-message"))
		m->error_message = value;
}

/* Takes n bytes off the front; false when there are not so many. */
static bool
take(struct str *rest, size_t n, struct str *piece_r)
{
	if (rest->n < n)
		return false;
	*piece_r = str_make(rest->p, n);
	rest->p += n;
	rest->n -= n;
	return true;
}

static int
read_headers(struct str rest, struct event_message *m, struct err *err)
{
	struct str name, piece, value;
	unsigned char type;
	int size;

	while (rest.n > 0) {
		if (!take(&rest, 1, &piece) ||
		    !take(&rest, (unsigned char)piece.p[0], &name) ||
		    !take(&rest, 1, &piece))
			return bad(err, "a header is cut");
		type = (unsigned char)piece.p[0];
		size = value_bytes(type);
		if (size == -1) {
			if (!take(&rest, 2, &piece))
				return bad(err, "a header is cut");
			size = (unsigned char)piece.p[0] << 8 |
			       (unsigned char)piece.p[1];
		}
		if (size < 0)
			return bad(err, "a header of an unknown type");
		if (!take(&rest, (size_t)size, &value))
			return bad(err, "a header is cut");
		if (type == TYPE_STRING)
			note_header(m, name, value);
	}
	return 0;
}

static int
read_message(struct event_stream *s, size_t total, size_t headers,
    struct event_message *m_r, struct err *err)
{
	const char *p = s->message.data;
	struct str none = str_make("", 0);

	if (read_u32(p + total - CRC_BYTES) != crc_of(p, total - CRC_BYTES))
		return bad(err, "a message's checksum is wrong");
	m_r->message_type = m_r->event_type = none;
	m_r->exception_type = m_r->error_message = none;
	if (read_headers(str_make(p + PRELUDE_BYTES, headers), m_r, err) != 0)
		return -1;
	m_r->payload = str_make(p + PRELUDE_BYTES + headers,
	    total - LEAST_BYTES - headers);
	s->clear_next = true;
	return 1;
}

int
event_stream_next(struct event_stream *s, struct str *input,
    struct event_message *m_r, struct err *err)
{
	size_t total, headers;

	if (s->clear_next)
		buf_clear(&s->message);
	s->clear_next = false;
	if (!fill(s, input, PRELUDE_BYTES))
		return 0;
	if (read_u32(s->message.data + 8) != crc_of(s->message.data, 8))
		return bad(err, "a prelude's checksum is wrong");
	total = read_u32(s->message.data);
	headers = read_u32(s->message.data + 4);
	if (total < LEAST_BYTES || headers > total - LEAST_BYTES)
		return bad(err, "a message's lengths cannot be");
	if (total > s->max_message_bytes)
		return bad(err, "a message is larger than the limit");
	if (!fill(s, input, total))
		return 0;
	return read_message(s, total, headers, m_r, err);
}

bool
event_stream_is_cut(const struct event_stream *s)
{
	return s->message.len > 0 && !s->clear_next;
}

/* ---- writing ------------------------------------------------------------ */

static void
add_u32(struct buf *out, uint32_t v)
{
	char b[4] = { (char)(v >> 24), (char)(v >> 16), (char)(v >> 8),
		(char)v };

	buf_add(out, b, sizeof(b));
}

static void
add_header(struct buf *out, const char *name, const char *value)
{
	size_t n = strlen(name), v = strlen(value);

	buf_add_char(out, (char)n);
	buf_add(out, name, n);
	buf_add_char(out, TYPE_STRING);
	buf_add_char(out, (char)(v >> 8));
	buf_add_char(out, (char)v);
	buf_add(out, value, v);
}

void
event_stream_write(struct buf *out, const char *message_type, const char *kind,
    const char *value, struct str payload)
{
	size_t start = out->len;
	struct buf headers;

	buf_init(&headers, 4096);
	add_header(&headers, kind, value);
	add_header(&headers, ":content-type", "application/json");
	add_header(&headers, ":message-type", message_type);
	if (buf_reserve(out, LEAST_BYTES + headers.len + payload.n) == 0) {
		add_u32(out, (uint32_t)(LEAST_BYTES + headers.len + payload.n));
		add_u32(out, (uint32_t)headers.len);
		add_u32(out, crc_of(out->data + start, 8));
		buf_add_str(out, buf_str(&headers));
		buf_add_str(out, payload);
		add_u32(out, crc_of(out->data + start, out->len - start));
	}
	buf_fini(&headers);
}
