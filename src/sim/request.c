/* An HTTP/1 request out of bytes. See request.h. */
#include "sim/request.h"

#include "base/num.h"

#include <strings.h>

#define CHUNK_LINE_MAX 1024        /* a size line with its extensions */
#define TRAILERS_MAX   (8 * 1024)  /* all trailer lines */
#define GAP_MAX        (64 * 1024) /* framing left lying before it is moved */

void
request_init(struct request *r)
{
	memset(r, 0, offsetof(struct request, headers));
	memset((char *)r + offsetof(struct request, header_count), 0,
	    sizeof(*r) - offsetof(struct request, header_count));
}

static bool
is_token(char c)
{
	static const char marks[] = "!#$%&'*+-.^_`|~";

	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr(marks, c) != NULL);
}

static bool
is_token_word(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (!is_token(s.p[i]))
			return false;
	}
	return s.n > 0;
}

static int
bad(struct err *err, const char *what)
{
	return err_set(err, ERR_BAD_HTTP, "%s", what);
}

/* "POST /v1/x?y HTTP/1.1" */
static int
parse_request_line(struct request *r, struct str line, struct err *err)
{
	struct str version, target;
	size_t scheme;

	r->method = str_cut(&line, ' ');
	target = str_cut(&line, ' ');
	version = line;
	if (!is_token_word(r->method))
		return bad(err, "the method is not a token");
	if (version.n != 8 || !str_starts(version, "HTTP/1.") ||
	    (version.p[7] != '0' && version.p[7] != '1'))
		return bad(err, "the version is not HTTP/1.0 or HTTP/1.1");
	r->minor = version.p[7] - '0';
	/* absolute-form: what stands behind the authority */
	scheme = str_starts(target, "http://") ? 7 : 0;
	if (scheme > 0) {
		target.p += scheme;
		target.n -= scheme;
		while (target.n > 0 && target.p[0] != '/') {
			target.p++;
			target.n--;
		}
	}
	if (target.n == 0 || target.p[0] != '/')
		return bad(err, "the target does not begin with '/'");
	for (size_t i = 0; i < target.n; i++) {
		if ((unsigned char)target.p[i] <= 0x20 || target.p[i] == 0x7f)
			return bad(err, "a control byte in the target");
	}
	r->query = target;
	r->path = str_cut(&r->query, '?');
	return 0;
}

static int
take_length(struct request *r, struct str value, struct err *err)
{
	int64_t n;

	if (value.n == 0 || value.p[0] < '0' || value.p[0] > '9' ||
	    num_int64(value, &n) != 0)
		return bad(err, "Content-Length is not a number");
	if (r->has_length)
		return bad(err, "two Content-Length headers");
	if (n > REQUEST_BODY_MAX)
		return err_set(err, ERR_TOO_LARGE,
		    "the body has %lld bytes, above the limit of %d",
		    (long long)n, REQUEST_BODY_MAX);
	r->has_length = true;
	r->length = (size_t)n;
	return 0;
}

static void
take_connection(struct request *r, struct str value)
{
	while (value.n > 0) {
		struct str word = str_trim(str_cut(&value, ','));

		if (str_is_nocase(word, "close"))
			r->keep_alive = false;
		else if (str_is_nocase(word, "keep-alive") && r->minor == 0)
			r->keep_alive = true;
	}
}

/* What a header means for the framing; most mean nothing. */
static int
take_header(struct request *r, const struct request_header *h, bool *host,
    struct err *err)
{
	switch (h->name.n) {
	case 4:
		*host = *host || str_is_nocase(h->name, "host");
		return 0;
	case 6:
		if (str_is_nocase(h->name, "expect"))
			r->expects_continue =
			    str_is_nocase(h->value, "100-continue");
		return 0;
	case 10:
		if (str_is_nocase(h->name, "connection"))
			take_connection(r, h->value);
		break;
	case 14:
		if (str_is_nocase(h->name, "content-length"))
			return take_length(r, h->value, err);
		break;
	case 17:
		if (!str_is_nocase(h->name, "transfer-encoding"))
			break;
		if (!str_is_nocase(h->value, "chunked"))
			return err_set(err, ERR_NOT_IMPLEMENTED,
			    "a Transfer-Encoding other than chunked");
		if (r->chunked)
			return bad(err, "two Transfer-Encoding headers");
		r->chunked = true;
		break;
	default:
		break;
	}
	if (h->name.n > 6 && strncasecmp(h->name.p, "x-sim-", 6) == 0)
		r->has_faults = true;
	return 0;
}

/* Blanks and tabs only: a CR or LF that is left over must be seen. */
static struct str
trim_blanks(struct str s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t')) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

static int
parse_header_line(struct request_header *h, struct str line, struct err *err)
{
	const char *colon = memchr(line.p, ':', line.n);

	if (colon == NULL)
		return bad(err, "a header line without a colon");
	h->name = str_make(line.p, (size_t)(colon - line.p));
	h->value = trim_blanks(str_make(colon + 1, line.n - h->name.n - 1));
	if (!is_token_word(h->name))
		return bad(err, "a header name that is not a token");
	for (size_t i = 0; i < h->value.n; i++) {
		unsigned char c = (unsigned char)h->value.p[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return bad(err, "a control byte in a header");
	}
	return 0;
}

/* Takes the line up to the next CRLF off *rest. */
static struct str
cut_line(struct str *rest)
{
	ptrdiff_t at = str_find(*rest, "\r\n");
	struct str line = *rest;

	if (at < 0) {
		*rest = str_make(NULL, 0);
		return line;
	}
	line.n = (size_t)at;
	rest->p += at + 2;
	rest->n -= (size_t)at + 2;
	return line;
}

static int
parse_head(struct request *r, struct str head, struct err *err)
{
	bool host = false;

	r->head = head;
	r->header_count = 0;
	if (parse_request_line(r, cut_line(&head), err) != 0)
		return -1;
	r->keep_alive = r->minor == 1;
	while (head.n > 0) {
		struct request_header *h = &r->headers[r->header_count];
		struct str line = cut_line(&head);

		if (r->header_count == REQUEST_HEADERS_MAX)
			return err_set(err, ERR_HEADERS_TOO_LARGE,
			    "more than %d headers", REQUEST_HEADERS_MAX);
		if (line.p[0] == ' ' || line.p[0] == '\t')
			return bad(err, "a folded header");
		if (parse_header_line(h, line, err) != 0 ||
		    take_header(r, h, &host, err) != 0)
			return -1;
		r->header_count++;
	}
	if (r->minor == 1 && !host)
		return bad(err, "no Host header");
	if (r->chunked && (r->has_length || r->minor == 0))
		return bad(err, "Transfer-Encoding with Content-Length or in "
				"HTTP/1.0");
	return 0;
}

static void
move_slice(struct str *s, ptrdiff_t by)
{
	if (s->p != NULL)
		s->p += by;
}

/* The buffer was moved when it grew: the slices follow. */
static void
rebase(struct request *r, const char *data)
{
	ptrdiff_t by = data - r->base;

	if (by == 0)
		return;
	move_slice(&r->head, by);
	move_slice(&r->method, by);
	move_slice(&r->path, by);
	move_slice(&r->query, by);
	for (size_t i = 0; i < r->header_count; i++) {
		move_slice(&r->headers[i].name, by);
		move_slice(&r->headers[i].value, by);
	}
	r->base = data;
}

static int
step_head(struct request *r, struct buf *in, struct err *err)
{
	size_t from = r->scanned > 3 ? r->scanned - 3 : 0;
	struct str fresh;
	ptrdiff_t end;

	/* An empty line or two before the request line is tolerated (RFC). */
	while (
	    r->scanned == 0 && in->len >= 2 && memcmp(in->data, "\r\n", 2) == 0)
		buf_consume(in, 2);
	if (in->len < 2)
		return 0; /* a CR alone may be half of such a line */
	fresh = str_make(in->data + from, in->len - from);
	end = str_find(fresh, "\r\n\r\n");
	if (end < 0 && str_find(fresh, "\n\n") >= 0)
		return bad(err, "lines that end without CR");
	if (end < 0 ? in->len > REQUEST_HEAD_MAX
		    : from + (size_t)end > REQUEST_HEAD_MAX)
		return err_set(err, ERR_HEADERS_TOO_LARGE,
		    "the head is larger than %d bytes", REQUEST_HEAD_MAX);
	if (end < 0) {
		r->scanned = in->len;
		return 0;
	}
	r->base = in->data;
	r->body_start = from + (size_t)end + 4;
	r->raw = r->body_start;
	if (parse_head(r, str_make(in->data, from + (size_t)end), err) != 0)
		return -1;
	r->state = r->chunked ? REQUEST_CHUNK_SIZE : REQUEST_BODY;
	return 1;
}

static int
step_body(struct request *r, struct buf *in)
{
	if (in->len - r->body_start < r->length)
		return 0;
	r->body_bytes = r->length;
	r->total_bytes = r->body_start + r->length;
	r->state = REQUEST_WHOLE;
	return 1;
}

/* The line at r->raw, without CRLF: 1 there, 0 not yet, -1 longer than max. */
static int
raw_line(struct request *r, struct buf *in, size_t max, struct str *line_r)
{
	struct str rest = str_make(in->data + r->raw, in->len - r->raw);
	ptrdiff_t at = str_find(rest, "\r\n");

	if (at < 0 ? rest.n > max : (size_t)at > max)
		return -1;
	if (at < 0)
		return 0;
	*line_r = str_make(rest.p, (size_t)at);
	r->raw += (size_t)at + 2;
	return 1;
}

static int
parse_chunk_size(struct str line, size_t *size_r)
{
	size_t size = 0, i;

	for (i = 0; i < line.n && i <= 8; i++) {
		char c = line.p[i];
		int digit;

		if (c >= '0' && c <= '9')
			digit = c - '0';
		else if (c >= 'a' && c <= 'f')
			digit = c - 'a' + 10;
		else if (c >= 'A' && c <= 'F')
			digit = c - 'A' + 10;
		else
			break;
		size = size * 16 + (size_t)digit;
	}
	if (i == 0 || i > 8)
		return -1;
	if (i < line.n && line.p[i] != ';')
		return -1;
	*size_r = size;
	return 0;
}

static int
step_chunk_size(struct request *r, struct buf *in, struct err *err)
{
	struct str line;
	int rc = raw_line(r, in, CHUNK_LINE_MAX, &line);

	if (rc == 0)
		return 0;
	if (rc < 0 || parse_chunk_size(line, &r->chunk_left) != 0)
		return bad(err, "a chunk size that is not a hex number");
	if (r->chunk_left > REQUEST_BODY_MAX - r->body_bytes)
		return err_set(err, ERR_TOO_LARGE,
		    "the body is above the limit of %d bytes",
		    REQUEST_BODY_MAX);
	r->state = r->chunk_left == 0 ? REQUEST_TRAILERS : REQUEST_CHUNK_DATA;
	return 1;
}

/* Moves what is there of a chunk behind the part already decoded. */
static int
step_chunk_data(struct request *r, struct buf *in)
{
	size_t n = in->len - r->raw;

	if (n == 0)
		return 0;
	if (n > r->chunk_left)
		n = r->chunk_left;
	memmove(in->data + r->body_start + r->body_bytes, in->data + r->raw, n);
	r->body_bytes += n;
	r->raw += n;
	r->chunk_left -= n;
	if (r->chunk_left == 0)
		r->state = REQUEST_CHUNK_END;
	return 1;
}

static int
step_chunk_end(struct request *r, struct buf *in, struct err *err)
{
	if (in->len - r->raw < 2)
		return 0;
	if (memcmp(in->data + r->raw, "\r\n", 2) != 0)
		return bad(err, "a chunk that does not end with CRLF");
	r->raw += 2;
	r->state = REQUEST_CHUNK_SIZE;
	return 1;
}

static int
step_trailers(struct request *r, struct buf *in, struct err *err)
{
	struct request_header ignored;
	struct str line;
	int rc = raw_line(r, in, TRAILERS_MAX, &line);

	if (rc == 0)
		return 0;
	if (rc < 0)
		return bad(err, "a trailer line is too long");
	if (line.n == 0) {
		r->total_bytes = r->raw;
		r->state = REQUEST_WHOLE;
		return 1;
	}
	r->trailer_bytes += line.n;
	if (r->trailer_bytes > TRAILERS_MAX)
		return bad(err, "the trailers are too large");
	return parse_header_line(&ignored, line, err) == 0 ? 1 : -1;
}

/* Framing already read would fill the buffer in the end: close the gap. */
static void
close_gap(struct request *r, struct buf *in)
{
	size_t end = r->body_start + r->body_bytes;

	if (!r->chunked || r->state == REQUEST_WHOLE || r->raw - end < GAP_MAX)
		return;
	memmove(in->data + end, in->data + r->raw, in->len - r->raw);
	in->len -= r->raw - end;
	r->raw = end;
}

int
request_parse(struct request *r, struct buf *in, struct err *err)
{
	int rc = 1;

	if (r->state != REQUEST_HEAD)
		rebase(r, in->data);
	while (rc == 1 && r->state != REQUEST_WHOLE) {
		switch (r->state) {
		case REQUEST_HEAD:
			rc = step_head(r, in, err);
			break;
		case REQUEST_BODY:
			rc = step_body(r, in);
			break;
		case REQUEST_CHUNK_SIZE:
			rc = step_chunk_size(r, in, err);
			break;
		case REQUEST_CHUNK_DATA:
			rc = step_chunk_data(r, in);
			break;
		case REQUEST_CHUNK_END:
			rc = step_chunk_end(r, in, err);
			break;
		case REQUEST_TRAILERS:
			rc = step_trailers(r, in, err);
			break;
		case REQUEST_WHOLE:
			break;
		}
	}
	if (rc < 0)
		return -1;
	if (r->state == REQUEST_WHOLE)
		r->body = str_make(in->data + r->body_start, r->body_bytes);
	else if (r->state != REQUEST_HEAD)
		close_gap(r, in);
	return rc;
}

int
request_header(const struct request *r, const char *name, struct str *value_r)
{
	for (size_t i = 0; i < r->header_count; i++) {
		if (str_is_nocase(r->headers[i].name, name)) {
			*value_r = r->headers[i].value;
			return 1;
		}
	}
	return 0;
}

struct str
request_query(const struct request *r, const char *name)
{
	struct str rest = r->query;

	while (rest.n > 0) {
		struct str pair = str_cut(&rest, '&');
		struct str key = str_cut(&pair, '=');

		if (str_is(key, name))
			return pair.p == NULL ? str_make("", 0) : pair;
	}
	return str_make("", 0);
}
