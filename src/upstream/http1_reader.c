/* An HTTP/1 answer, strictly. See http1_reader.h. */
#include "upstream/http1_reader.h"

#include "base/num.h"

#define MAX_INTERIMS 16

enum state {
	STATE_STATUS,
	STATE_FIELDS,
	STATE_LENGTH, /* a body of known length */
	STATE_CLOSE,  /* a body up to the connection's end */
	STATE_SIZE,   /* a chunk's size */
	STATE_CHUNK,
	STATE_CHUNK_END, /* the line end behind its bytes */
	STATE_TRAILERS,
	STATE_END,
	STATE_BAD,
};

/* What may stand in a header's name (RFC 9110, 5.6.2). */
static const bool is_token[256] = {
	['a' ... 'z'] = true,
	['A' ... 'Z'] = true,
	['0' ... '9'] = true,
	['!'] = true,
	['#' ... '\''] = true,
	['*'] = true,
	['+'] = true,
	['-'] = true,
	['.'] = true,
	['^' ... '`'] = true,
	['|'] = true,
	['~'] = true,
};

static enum http1_event
bad(struct http1_reader *r, const char *text)
{
	r->state = STATE_BAD;
	r->text = text;
	return HTTP1_BAD;
}

void
http1_reader_init(struct http1_reader *r)
{
	memset(r, 0, sizeof(*r));
	buf_init(&r->line, HTTP1_HEAD_BYTES);
	http1_reader_start(r, false);
}

void
http1_reader_fini(struct http1_reader *r)
{
	buf_fini(&r->line);
}

void
http1_reader_start(struct http1_reader *r, bool to_head_request)
{
	struct buf line = r->line;

	memset(r, 0, sizeof(*r));
	r->line = line;
	buf_clear(&r->line);
	r->no_body = to_head_request;
	r->length = -1;
	r->room = HTTP1_HEAD_BYTES;
}

/* ---- lines -------------------------------------------------------------- */

/*
 * The next whole line without its end: 1, 0 when it has not all come, -1 when
 * it is longer than what is left of the room. strict: it must end in CR LF.
 */
static int
take_line(struct http1_reader *r, struct str *in, bool strict,
    struct str *line_r)
{
	const char *end = memchr(in->p, '\n', in->n);
	size_t n = end != NULL ? (size_t)(end - in->p) + 1 : in->n;
	struct str line = { in->p, n };

	if (r->line_used)
		buf_clear(&r->line);
	r->line_used = false;
	if (n > r->room)
		return -1;
	r->room -= n;
	in->p += n;
	in->n -= n;
	if (end == NULL || r->line.len > 0) {
		if (buf_add_str(&r->line, line) != 0)
			return -1;
		if (end == NULL)
			return 0;
		r->line_used = true;
		line = buf_str(&r->line);
	}
	line.n--;
	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	else if (strict)
		return -1;
	*line_r = line;
	return 1;
}

static bool
has_control(struct str line)
{
	return memchr(line.p, '\r', line.n) != NULL ||
	       memchr(line.p, '\0', line.n) != NULL;
}

/* ---- the head ----------------------------------------------------------- */

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* What does not begin like HTTP/1 is refused before its line ends. */
static bool
may_be_http(struct str line)
{
	static const char start[] = "HTTP/1.";
	size_t n = line.n < sizeof(start) - 1 ? line.n : sizeof(start) - 1;

	return memcmp(line.p, start, n) == 0;
}

/* "HTTP/1.1 200 OK"; the reason and the blank before it may be missing. */
static enum http1_event
read_status(struct http1_reader *r, struct str line)
{
	const char *p = line.p;

	if (line.n < 12 || !may_be_http(line) || has_control(line) ||
	    (p[7] != '0' && p[7] != '1') || p[8] != ' ' || p[9] < '1' ||
	    p[9] > '5' || !is_digit(p[10]) || !is_digit(p[11]) ||
	    (line.n > 12 && p[12] != ' '))
		return bad(r, "the answer is not HTTP/1");
	r->http10 = p[7] == '0';
	r->status = (p[9] - '0') * 100 + (p[10] - '0') * 10 + (p[11] - '0');
	r->state = STATE_FIELDS;
	return HTTP1_MORE;
}

static const char *
note_length(struct http1_reader *r)
{
	int64_t length = 0;

	if (r->length >= 0)
		return "the answer has two lengths";
	if (r->value.n == 0 || r->value.n > 18)
		return "the answer's length is no number";
	for (size_t i = 0; i < r->value.n; i++) {
		if (!is_digit(r->value.p[i]))
			return "the answer's length is no number";
		length = length * 10 + (r->value.p[i] - '0');
	}
	r->length = length;
	return NULL;
}

static void
note_connection(struct http1_reader *r)
{
	struct str rest = r->value;

	while (rest.n > 0) {
		struct str token = str_trim(str_cut(&rest, ','));

		if (str_is_nocase(token, "close"))
			r->close = true;
		else if (str_is_nocase(token, "keep-alive"))
			r->keep = true;
	}
}

/* The headers that decide about the framing. NULL, or what is wrong. */
static const char *
note_framing(struct http1_reader *r)
{
	switch (r->name.n) {
	case 10:
		if (str_is_nocase(r->name, "connection"))
			note_connection(r);
		return NULL;
	case 14:
		if (str_is_nocase(r->name, "content-length"))
			return note_length(r);
		return NULL;
	case 17:
		if (!str_is_nocase(r->name, "transfer-encoding"))
			return NULL;
		if (r->chunked || !str_is_nocase(r->value, "chunked"))
			return "the answer's transfer coding is not known";
		r->chunked = true;
		return NULL;
	default:
		return NULL;
	}
}

/* An interim answer is over: the next one. */
static enum http1_event
drop_interim(struct http1_reader *r)
{
	if (r->status == 101)
		return bad(r, "the answer changes to another protocol");
	if (++r->interims > MAX_INTERIMS)
		return bad(r, "too many interim answers");
	r->state = STATE_STATUS;
	r->length = -1;
	r->chunked = r->close = r->keep = false;
	return HTTP1_MORE;
}

/* The empty line: how the body is framed. */
static enum http1_event
end_head(struct http1_reader *r)
{
	if (r->status < 200)
		return drop_interim(r);
	if (r->chunked && r->length >= 0)
		return bad(r, "the answer has a length and chunks");
	if (r->chunked && r->http10)
		return bad(r, "an HTTP/1.0 answer has chunks");
	r->keep_alive = !r->close && (!r->http10 || r->keep);
	if (r->no_body || r->status == 204 || r->status == 304) {
		r->state = STATE_END;
	} else if (r->chunked) {
		r->state = STATE_SIZE;
		r->room = HTTP1_SIZE_BYTES;
	} else if (r->length >= 0) {
		r->left = (uint64_t)r->length;
		r->state = r->left > 0 ? STATE_LENGTH : STATE_END;
	} else {
		r->keep_alive = false;
		r->left = UINT64_MAX;
		r->state = STATE_CLOSE;
	}
	return HTTP1_HEAD;
}

/* One header, or the head's end. */
static enum http1_event
read_field(struct http1_reader *r, struct str line)
{
	const char *wrong;
	size_t n = 0;

	if (line.n == 0)
		return end_head(r);
	while (n < line.n && is_token[(unsigned char)line.p[n]])
		n++;
	if (n == 0 || n == line.n || line.p[n] != ':' || has_control(line))
		return bad(r, "a header of the answer is malformed");
	if (++r->fields > HTTP1_FIELDS)
		return bad(r, "the answer has too many headers");
	r->name = str_make(line.p, n);
	r->value = str_trim(str_make(line.p + n + 1, line.n - n - 1));
	wrong = note_framing(r);
	if (wrong != NULL)
		return bad(r, wrong);
	return r->status < 200 ? HTTP1_MORE : HTTP1_FIELD;
}

/* ---- the body ----------------------------------------------------------- */

/* Bytes of the body from the input, `left` at most. */
static enum http1_event
give_body(struct http1_reader *r, struct str *in, enum state after)
{
	size_t n = in->n < r->left ? in->n : (size_t)r->left;

	r->body = str_make(in->p, n);
	in->p += n;
	in->n -= n;
	r->left -= n;
	if (r->left == 0)
		r->state = after;
	return HTTP1_BODY;
}

/* "1a2b", perhaps with ";extension"s, which say nothing to us. */
static bool
read_hex(struct str line, uint64_t *v_r)
{
	uint64_t v = 0;
	size_t n = 0;

	for (; n < line.n && num_hex_digit(line.p[n]) >= 0; n++) {
		if (n == 15)
			return false;
		v = v << 4 | (uint64_t)num_hex_digit(line.p[n]);
	}
	if (n == 0)
		return false;
	while (n < line.n && (line.p[n] == ' ' || line.p[n] == '\t'))
		n++;
	*v_r = v;
	return n == line.n || line.p[n] == ';';
}

static enum http1_event
read_size(struct http1_reader *r, struct str line)
{
	if (has_control(line) || !read_hex(line, &r->left))
		return bad(r, "a chunk's size is malformed");
	r->state = r->left > 0 ? STATE_CHUNK : STATE_TRAILERS;
	r->room = r->left > 0 ? 2 : HTTP1_TAIL_BYTES;
	return HTTP1_MORE;
}

static enum http1_event
read_chunk_end(struct http1_reader *r, struct str line)
{
	if (line.n != 0)
		return bad(r, "a chunk is not as long as its size says");
	r->state = STATE_SIZE;
	r->room = HTTP1_SIZE_BYTES;
	return HTTP1_MORE;
}

static enum http1_event
read_trailer(struct http1_reader *r, struct str line)
{
	if (has_control(line))
		return bad(r, "the answer's trailers are malformed");
	if (line.n == 0)
		r->state = STATE_END;
	return HTTP1_MORE;
}

/* ---- the driver --------------------------------------------------------- */

/* A line that is too long, or lacks its CR where it must have one. */
static enum http1_event
bad_line(struct http1_reader *r)
{
	switch ((enum state)r->state) {
	case STATE_STATUS:
	case STATE_FIELDS:
		return bad(r, "the answer's head is too large");
	case STATE_SIZE:
		return bad(r, "a chunk's size is malformed");
	case STATE_CHUNK_END:
		return bad(r, "a chunk is not as long as its size says");
	default:
		return bad(r, "the answer's trailers are malformed");
	}
}

static enum http1_event
read_line(struct http1_reader *r, struct str *in)
{
	bool in_head = r->state == STATE_STATUS || r->state == STATE_FIELDS;
	struct str line;
	int got = take_line(r, in, !in_head, &line);

	if (got < 0)
		return bad_line(r);
	if (got == 0) {
		if (r->state == STATE_STATUS && !may_be_http(buf_str(&r->line)))
			return bad(r, "the answer is not HTTP/1");
		return HTTP1_MORE;
	}
	switch ((enum state)r->state) {
	case STATE_STATUS:
		return read_status(r, line);
	case STATE_FIELDS:
		return read_field(r, line);
	case STATE_SIZE:
		return read_size(r, line);
	case STATE_CHUNK_END:
		return read_chunk_end(r, line);
	default:
		return read_trailer(r, line);
	}
}

enum http1_event
http1_reader_next(struct http1_reader *r, struct str *in)
{
	enum http1_event event = HTTP1_MORE;

	do {
		if (r->state == STATE_END)
			return HTTP1_END;
		if (r->state == STATE_BAD)
			return HTTP1_BAD;
		if (in->n == 0)
			return HTTP1_MORE;
		r->began = true;
		if (r->state == STATE_LENGTH)
			event = give_body(r, in, STATE_END);
		else if (r->state == STATE_CHUNK)
			event = give_body(r, in, STATE_CHUNK_END);
		else if (r->state == STATE_CLOSE)
			event = give_body(r, in, STATE_CLOSE);
		else
			event = read_line(r, in);
	} while (event == HTTP1_MORE);
	return event;
}

enum http1_eof
http1_reader_eof(const struct http1_reader *r)
{
	switch ((enum state)r->state) {
	case STATE_STATUS:
	case STATE_FIELDS:
		return r->began ? HTTP1_EOF_IN_HEAD : HTTP1_EOF_UNANSWERED;
	case STATE_CLOSE:
	case STATE_END:
		return HTTP1_EOF_WHOLE;
	default:
		return HTTP1_EOF_IN_BODY;
	}
}
