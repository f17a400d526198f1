/*
 * Strict HTTP/1 framing. See http_framing.h.
 *
 * One function per state reads as far as it can and returns where it stopped;
 * read_part() drives them through one part of the message and
 * http_framing_feed() keeps each part's limit, in one place, so that the
 * verdict is the same however the bytes were cut.
 *
 * Refused although a lenient reader could make sense of it, since servers in
 * front of us have been seen to read it in another way: chunk extensions, a
 * tab before the value of a header that frames the message.
 */
#include "http/http_framing.h"

/* clang-format off */
enum state {
	S_METHOD, S_TARGET, S_VERSION, S_LINE_LF,
	S_NAME, S_BLANK, S_VALUE, S_VALUE_LF, S_HEAD_LF,
	S_BODY,
	S_SIZE, S_SIZE_LF, S_DATA, S_DATA_CR, S_DATA_LF,
	S_END,
};

/* What a byte may be part of. */
#define TOKEN  1 /* method, header name */
#define VALUE  2 /* header value */
#define TARGET 4 /* request target */
#define HOST   8 /* Host's value */
#define ALL    (TOKEN | VALUE | TARGET | HOST)

static const unsigned char classes[256] = {
	['\t'] = VALUE, [' '] = VALUE,
	['!'] = ALL, ['"'] = VALUE | TARGET, ['#'] = VALUE | TOKEN,
	['$'] = ALL, ['%'] = ALL, ['&'] = ALL, ['\''] = ALL,
	['('] = VALUE | TARGET | HOST, [')'] = VALUE | TARGET | HOST,
	['*'] = ALL, ['+'] = ALL, [','] = VALUE | TARGET,
	['-'] = ALL, ['.'] = ALL, ['/'] = VALUE | TARGET,
	['0' ... '9'] = ALL,
	[':'] = VALUE | TARGET | HOST, [';'] = VALUE | TARGET | HOST,
	['<'] = VALUE | TARGET, ['='] = VALUE | TARGET | HOST,
	['>'] = VALUE | TARGET, ['?'] = VALUE | TARGET,
	['@'] = VALUE | TARGET,
	['A' ... 'Z'] = ALL,
	['['] = VALUE | TARGET | HOST, ['\\'] = VALUE | TARGET,
	[']'] = VALUE | TARGET | HOST, ['^'] = VALUE | TARGET | TOKEN,
	['_'] = ALL, ['`'] = VALUE | TARGET | TOKEN,
	['a' ... 'z'] = ALL,
	['{'] = VALUE | TARGET, ['|'] = VALUE | TARGET | TOKEN,
	['}'] = VALUE | TARGET, ['~'] = ALL,
	[0x80 ... 0xff] = VALUE,
};
/* clang-format on */

static bool
is(char c, unsigned char class)
{
	return (classes[(unsigned char)c] & class) != 0;
}

static const char *
bad(struct http_framing *f, int status, enum err_code code, const char *text)
{
	f->verdict = FRAMING_BAD;
	f->status = status;
	f->code = code;
	f->text = text;
	return NULL;
}

static const char *
bad_request(struct http_framing *f, const char *text)
{
	return bad(f, 400, ERR_BAD_HTTP, text);
}

/* ---- request line ------------------------------------------------------ */

static enum framing_method
method_of(const char *name)
{
	static const struct {
		const char *name;
		enum framing_method method;
	} rows[] = {
		{ "POST", FRAMING_POST },
		{ "GET", FRAMING_GET },
		{ "HEAD", FRAMING_HEAD_METHOD },
		{ "PUT", FRAMING_PUT },
		{ "PATCH", FRAMING_PATCH },
		{ "DELETE", FRAMING_DELETE },
		{ "OPTIONS", FRAMING_OPTIONS },
		{ "TRACE", FRAMING_TRACE },
		{ "CONNECT", FRAMING_CONNECT },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (strcmp(rows[i].name, name) == 0)
			return rows[i].method;
	return FRAMING_OTHER;
}

static const char *
on_method(struct http_framing *f, const char *p, const char *end)
{
	for (; p < end; p++) {
		if (*p == ' ' && f->name_len > 0) {
			f->method_name[f->name_len] = '\0';
			f->method = method_of(f->method_name);
			f->name_len = 0;
			f->state = S_TARGET;
			return p + 1;
		}
		if (!is(*p, TOKEN))
			return bad_request(f, "Malformed request line.");
		if (f->name_len == FRAMING_METHOD_BYTES)
			return bad_request(f, "Method too long.");
		f->method_name[f->name_len++] = *p;
	}
	return p;
}

/* Where p stands in the head. */
static uint32_t
place(const struct http_framing *f, const char *p)
{
	return (uint32_t)(f->head_bytes + (size_t)(p - f->piece));
}

static const char *
on_target(struct http_framing *f, const char *p, const char *end)
{
	const char *from = p;

	if (f->target.n == 0) {
		if (*p != '/')
			return bad_request(f,
			    "The request target must be a path.");
		f->target.at = place(f, p);
	}
	while (p < end && is(*p, TARGET))
		p++;
	f->target.n += (uint32_t)(p - from);
	if (p == end)
		return p;
	if (*p != ' ')
		return bad_request(f, "Malformed request target.");
	f->state = S_VERSION;
	return p + 1;
}

/* value_len counts what matched of the version. */
static const char *
on_version(struct http_framing *f, const char *p, const char *end)
{
	static const char version[] = "HTTP/1.";

	for (; p < end; p++) {
		size_t i = f->value_len++;

		if (i < sizeof(version) - 1) {
			if (*p != version[i])
				break;
		} else if (i == sizeof(version) - 1) {
			if (*p != '0' && *p != '1')
				break;
			f->minor = *p - '0';
		} else {
			if (*p != '\r')
				break;
			f->value_len = 0;
			f->state = S_LINE_LF;
			return p + 1;
		}
	}
	if (p < end)
		return bad_request(f, "Not HTTP/1.0 or HTTP/1.1.");
	return p;
}

static const char *
on_line_lf(struct http_framing *f, const char *p)
{
	if (*p != '\n')
		return bad_request(f, "Malformed request line.");
	f->state = S_NAME;
	return p + 1;
}

/* ---- headers ----------------------------------------------------------- */

/* Does this header say where the message ends, or what becomes of the
   connection? */
static bool
is_acted_on(enum http_name name)
{
	switch (name) {
	case HTTP_NAME_HOST:
	case HTTP_NAME_CONTENT_LENGTH:
	case HTTP_NAME_TRANSFER_ENCODING:
	case HTTP_NAME_CONNECTION:
	case HTTP_NAME_EXPECT:
		return true;
	default:
		return false;
	}
}

static const char *
on_first_of_line(struct http_framing *f, const char *p)
{
	if (*p == '\r') {
		f->state = S_HEAD_LF;
		return p + 1;
	}
	if (*p == ' ' || *p == '\t')
		return bad_request(f, "Folded header line.");
	if (*p == ':')
		return bad_request(f, "Empty header name.");
	if (!f->trailer && f->header_count++ == FRAMING_HEADERS)
		return bad(f, 431, ERR_HEADERS_TOO_LARGE,
		    "Too many header lines.");
	return p;
}

static void
end_of_name(struct http_framing *f, size_t len)
{
	enum http_name name = f->trailer
				  ? HTTP_NAME_OTHER
				  : http_name_find(str_make(f->name, len));

	f->field = (unsigned char)name;
	f->acted_on = is_acted_on(name);
	f->name_len = 0;
	f->value_len = 0;
	f->state = S_BLANK;
}

static const char *
on_name(struct http_framing *f, const char *p, const char *end)
{
	size_t n;

	if (f->name_len == 0) {
		p = on_first_of_line(f, p);
		if (p == NULL || f->state != S_NAME)
			return p;
	}
	for (n = f->name_len; p < end; p++) {
		char c = *p;

		if (c == ':') {
			end_of_name(f, n);
			return p + 1;
		}
		if (!is(c, TOKEN))
			return bad_request(f, "Malformed header name.");
		if (n < sizeof(f->name))
			f->name[n++] =
			    (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
	}
	f->name_len = n;
	return p;
}

static const char *
on_blank(struct http_framing *f, const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t')) {
		if (*p == '\t' && f->acted_on)
			return bad_request(f, "Tab before a header value.");
		p++;
	}
	if (p == end)
		return p;
	f->noted = f->field < HTTP_NAME_ASKED && f->known[f->field].at == 0;
	if (f->noted)
		f->known[f->field].at = place(f, p);
	f->state = S_VALUE;
	return p;
}

static const char *
on_value(struct http_framing *f, const char *p, const char *end)
{
	const char *from = p;
	size_t n;

	while (p < end && is(*p, VALUE))
		p++;
	n = (size_t)(p - from);
	if (f->acted_on) {
		if (n > sizeof(f->value) - f->value_len)
			return bad_request(f, "Header value too long.");
		memcpy(f->value + f->value_len, from, n);
		f->value_len += n;
	}
	if (p == end)
		return p;
	if (*p != '\r')
		return bad_request(f, "Malformed header value.");
	if (f->noted)
		f->known[f->field].n = place(f, p) - f->known[f->field].at;
	f->state = S_VALUE_LF;
	return p + 1;
}

static const char *
take_length(struct http_framing *f, struct str value)
{
	uint64_t v = 0;

	if (f->has_length)
		return bad_request(f, "More than one Content-Length.");
	f->has_length = true;
	if (value.n == 0)
		return bad_request(f, "Malformed Content-Length.");
	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] < '0' || value.p[i] > '9')
			return bad_request(f, "Malformed Content-Length.");
		if (v > (UINT64_MAX - 9) / 10)
			v = (UINT64_MAX - 9) / 10; /* too large anyway */
		v = v * 10 + (uint64_t)(value.p[i] - '0');
	}
	f->content_length = v;
	return f->value;
}

static const char *
take_connection(struct http_framing *f, struct str value)
{
	while (value.n > 0) {
		struct str token = str_trim(str_cut(&value, ','));

		if (str_is_nocase(token, "close"))
			f->token_close = true;
		else if (str_is_nocase(token, "keep-alive"))
			f->token_keep_alive = true;
	}
	return f->value;
}

/* A header that we act on is whole. NULL when it is bad. */
static const char *
take_field(struct http_framing *f)
{
	struct str value = str_trim(str_make(f->value, f->value_len));

	switch ((enum http_name)f->field) {
	case HTTP_NAME_HOST:
		f->host_count++;
		for (size_t i = 0; i < value.n; i++)
			if (!is(value.p[i], HOST))
				return bad_request(f, "Malformed Host.");
		break;
	case HTTP_NAME_CONTENT_LENGTH:
		return take_length(f, value);
	case HTTP_NAME_TRANSFER_ENCODING:
		if (f->has_encoding)
			return bad_request(f, "More than one "
					      "Transfer-Encoding.");
		f->has_encoding = true;
		f->chunked = str_is_nocase(value, "chunked");
		f->other_encoding = !f->chunked;
		break;
	case HTTP_NAME_CONNECTION:
		return take_connection(f, value);
	case HTTP_NAME_EXPECT:
		if (str_is_nocase(value, "100-continue"))
			f->expect_continue = true;
		else
			f->other_expect = true;
		break;
	default:
		break;
	}
	return f->value;
}

static const char *
on_value_lf(struct http_framing *f, const char *p)
{
	if (*p != '\n')
		return bad_request(f, "Malformed header value.");
	f->state = S_NAME;
	if (f->acted_on && take_field(f) == NULL)
		return NULL;
	return p + 1;
}

/* ---- the head as a whole ------------------------------------------------ */

static bool
has_body(const struct http_framing *f)
{
	return f->has_encoding || f->content_length > 0;
}

/* What each header said for itself was fine; do they fit together? */
static int
judge_framing(struct http_framing *f)
{
	if (f->host_count > 1 || (f->host_count == 0 && f->minor == 1))
		bad_request(f, "Exactly one Host header is needed.");
	else if (f->has_length && f->has_encoding)
		bad_request(f, "Both Content-Length and Transfer-Encoding.");
	else if (f->has_encoding && f->minor == 0)
		bad_request(f, "Transfer-Encoding in HTTP/1.0.");
	else if (f->other_encoding)
		bad(f, 501, ERR_NOT_IMPLEMENTED,
		    "The only Transfer-Encoding known here is chunked.");
	return f->verdict == FRAMING_BAD ? -1 : 0;
}

static int
judge_method(struct http_framing *f)
{
	switch (f->method) {
	case FRAMING_OTHER:
	case FRAMING_HEAD_METHOD:
	case FRAMING_TRACE:
		if (has_body(f))
			bad_request(f, "This method takes no body.");
		break;
	case FRAMING_CONNECT:
		bad(f, 405, ERR_METHOD, "CONNECT is not served.");
		break;
	case FRAMING_POST:
	case FRAMING_PUT:
	case FRAMING_PATCH:
		if (!f->has_length && !f->has_encoding)
			bad(f, 411, ERR_LENGTH_REQUIRED,
			    err_info(ERR_LENGTH_REQUIRED)->public_text);
		break;
	case FRAMING_GET:
	case FRAMING_DELETE:
	case FRAMING_OPTIONS:
		break;
	}
	return f->verdict == FRAMING_BAD ? -1 : 0;
}

static void
too_large(struct http_framing *f)
{
	bad(f, 413, ERR_TOO_LARGE, err_info(ERR_TOO_LARGE)->public_text);
}

static const char *
end_of_head(struct http_framing *f)
{
	if (judge_framing(f) != 0 || judge_method(f) != 0)
		return NULL;
	if (f->minor == 0) /* knows nothing of expectations */
		f->expect_continue = f->other_expect = false;
	if (f->other_expect)
		return bad(f, 417, ERR_BAD_HTTP,
		    "The only Expect known here is 100-continue.");
	if (f->content_length > f->limits->max_body_bytes) {
		too_large(f);
		return NULL;
	}
	f->keep_alive =
	    !f->token_close && (f->minor == 1 || f->token_keep_alive);
	f->left = f->content_length;
	f->state = f->chunked ? S_SIZE : f->left > 0 ? S_BODY : S_END;
	f->verdict = f->state == S_END ? FRAMING_DONE : FRAMING_HEAD;
	return f->value;
}

/* The LF behind the empty line of a head or a trailer. */
static const char *
on_head_lf(struct http_framing *f, const char *p)
{
	if (*p != '\n')
		return bad_request(f, "Malformed end of the headers.");
	if (f->trailer) {
		f->state = S_END;
		f->verdict = FRAMING_DONE;
	} else if (end_of_head(f) == NULL) {
		return NULL;
	}
	return p + 1;
}

/* ---- bodies ------------------------------------------------------------ */

static const char *
end_of_size(struct http_framing *f, const char *p)
{
	if (f->chunk_digits == 0)
		return bad_request(f, "Malformed chunk size.");
	f->announced += f->chunk;
	if (f->announced > f->limits->max_body_bytes) {
		too_large(f);
		return NULL;
	}
	f->state = S_SIZE_LF;
	return p + 1;
}

static const char *
on_size(struct http_framing *f, const char *p, const char *end)
{
	for (; p < end; p++) {
		unsigned digit;
		char c = *p;

		if (c >= '0' && c <= '9')
			digit = (unsigned)(c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			digit = (unsigned)((c | 0x20) - 'a' + 10);
		else if (c == '\r')
			return end_of_size(f, p);
		else
			break;
		if (f->chunk_digits++ == 8)
			break;
		f->chunk = f->chunk * 16 + digit;
	}
	if (p < end)
		return bad_request(f, "Malformed chunk size.");
	return p;
}

static const char *
on_size_lf(struct http_framing *f, const char *p)
{
	if (*p != '\n')
		return bad_request(f, "Malformed chunk size.");
	f->left = f->chunk;
	f->trailer = f->chunk == 0;
	f->state = f->trailer ? S_NAME : S_DATA;
	f->chunk = 0;
	f->chunk_digits = 0;
	return p + 1;
}

static const char *
on_data_end(struct http_framing *f, const char *p)
{
	if (*p != (f->state == S_DATA_CR ? '\r' : '\n'))
		return bad_request(f, "Malformed end of a chunk.");
	f->state = f->state == S_DATA_CR ? S_DATA_LF : S_SIZE;
	return p + 1;
}

/* ---- the driver --------------------------------------------------------- */

/* Each has a limit of its own. */
enum part {
	PART_LINE, /* and of the head, too */
	PART_HEADERS,
	PART_CHUNKS,
	PART_TRAILER,
	PART_BODY, /* is not fed */
};

static enum part
part_of(const struct http_framing *f)
{
	if (f->trailer)
		return PART_TRAILER;
	if (f->state <= S_LINE_LF)
		return PART_LINE;
	if (f->state < S_BODY)
		return PART_HEADERS;
	return f->state == S_BODY || f->state == S_DATA ? PART_BODY
							: PART_CHUNKS;
}

/* How much more the part may take. */
static size_t
room(const struct http_framing *f, enum part part)
{
	size_t head = f->limits->max_header_bytes - f->head_bytes;
	size_t line = FRAMING_LINE_BYTES - f->line_bytes;

	switch (part) {
	case PART_LINE:
		return line < head ? line : head;
	case PART_HEADERS:
		return head;
	case PART_TRAILER:
		return FRAMING_TRAILER_BYTES - f->trailer_bytes;
	case PART_CHUNKS:
	case PART_BODY:
		break;
	}
	return SIZE_MAX;
}

static const char *
read_state(struct http_framing *f, const char *p, const char *end)
{
	switch ((enum state)f->state) {
	case S_METHOD:
		return on_method(f, p, end);
	case S_TARGET:
		return on_target(f, p, end);
	case S_VERSION:
		return on_version(f, p, end);
	case S_LINE_LF:
		return on_line_lf(f, p);
	case S_NAME:
		return on_name(f, p, end);
	case S_BLANK:
		return on_blank(f, p, end);
	case S_VALUE:
		return on_value(f, p, end);
	case S_VALUE_LF:
		return on_value_lf(f, p);
	case S_HEAD_LF:
		return on_head_lf(f, p);
	case S_SIZE:
		return on_size(f, p, end);
	case S_SIZE_LF:
		return on_size_lf(f, p);
	case S_DATA_CR:
	case S_DATA_LF:
		return on_data_end(f, p);
	case S_BODY:
	case S_DATA:
	case S_END:
		break;
	}
	return end;
}

/* Reads to the end of the part, or of the bytes; the part pays for them. */
static const char *
read_part(struct http_framing *f, enum part part, const char *p,
    const char *end)
{
	f->piece = p;
	while (p != NULL && p < end && f->verdict == FRAMING_MORE &&
	       part_of(f) == part)
		p = read_state(f, p, end);
	if (p == NULL)
		return NULL;
	if (part == PART_TRAILER)
		f->trailer_bytes += (size_t)(p - f->piece);
	if (part == PART_LINE)
		f->line_bytes += (size_t)(p - f->piece);
	if (part == PART_LINE || part == PART_HEADERS)
		f->head_bytes += (size_t)(p - f->piece);
	return p;
}

void
http_framing_init(struct http_framing *f,
    const struct http_framing_limits *limits)
{
	/* name and value are written before they are read. */
	memset(f, 0, offsetof(struct http_framing, name));
	f->state = S_METHOD;
	f->limits = limits;
}

size_t
http_framing_feed(struct http_framing *f, const char *p, size_t n)
{
	const char *start = p, *end = p + n;

	enum part part;

	if (f->verdict == FRAMING_HEAD)
		f->verdict = FRAMING_MORE;
	while (p != NULL && p < end && f->verdict == FRAMING_MORE &&
	       (part = part_of(f)) != PART_BODY) {
		size_t most = room(f, part);

		if (most == 0) {
			bad(f, 431, ERR_HEADERS_TOO_LARGE,
			    err_info(ERR_HEADERS_TOO_LARGE)->public_text);
			break;
		}
		if (most > (size_t)(end - p))
			most = (size_t)(end - p);
		p = read_part(f, part, p, p + most);
	}
	return p == NULL ? 0 : (size_t)(p - start);
}

uint64_t
http_framing_skippable(const struct http_framing *f)
{
	return f->state == S_BODY || f->state == S_DATA ? f->left : 0;
}

void
http_framing_skip(struct http_framing *f, uint64_t n)
{
	if (f->verdict == FRAMING_HEAD)
		f->verdict = FRAMING_MORE;
	f->left -= n;
	f->body_bytes += n;
	if (f->left > 0)
		return;
	if (f->state == S_DATA) {
		f->state = S_DATA_CR;
	} else {
		f->state = S_END;
		f->verdict = FRAMING_DONE;
	}
}

bool
http_framing_in_head(const struct http_framing *f)
{
	return f->state < S_BODY && !f->trailer;
}
