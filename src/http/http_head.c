/* The head of an answer. See http_head.h. Does not fail. */
#include "http/http_head.h"

#include "base/clock.h"
#include "base/num.h"
#include "http/http_name.h"

#include <time.h>

/* Status line, Date, Content-Length, Transfer-Encoding, Connection, the name
   of Content-Type and the empty line: well under this. */
#define FIXED_BYTES 320

/* The ones we expect to send; others get a phrase by their class. */
static const struct {
	int status;
	const char *phrase;
} phrases[] = {
	{ 200, "OK" },
	{ 201, "Created" },
	{ 202, "Accepted" },
	{ 204, "No Content" },
	{ 304, "Not Modified" },
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 402, "Payment Required" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 408, "Request Timeout" },
	{ 409, "Conflict" },
	{ 411, "Length Required" },
	{ 413, "Content Too Large" },
	{ 415, "Unsupported Media Type" },
	{ 417, "Expectation Failed" },
	{ 422, "Unprocessable Content" },
	{ 424, "Failed Dependency" },
	{ 429, "Too Many Requests" },
	{ 431, "Request Header Fields Too Large" },
	{ 500, "Internal Server Error" },
	{ 501, "Not Implemented" },
	{ 502, "Bad Gateway" },
	{ 503, "Service Unavailable" },
	{ 504, "Gateway Timeout" },
	{ 529, "Overloaded" },
};

static const char *
phrase_of(int status)
{
	for (size_t i = 0; i < ARRAY_LEN(phrases); i++)
		if (phrases[i].status == status)
			return phrases[i].phrase;
	return status < 400   ? "OK"
	       : status < 500 ? "Client Error"
			      : "Server Error";
}

bool
http_head_has_body(int status)
{
	return status >= 200 && status != 204 && status != 304;
}

static bool
is_name(struct str name)
{
	/* Letters, digits and what RFC 9110 calls a token beside them. */
	static const bool token[256] = {
		['!'] = true,
		['#' ... '\''] = true,
		['*'] = true,
		['+'] = true,
		['-'] = true,
		['.'] = true,
		['0' ... '9'] = true,
		['A' ... 'Z'] = true,
		['^' ... 'z'] = true,
		['|'] = true,
		['~'] = true,
	};

	for (size_t i = 0; i < name.n; i++)
		if (!token[(unsigned char)name.p[i]])
			return false;
	return name.n > 0;
}

static bool
is_value(struct str value)
{
	for (size_t i = str_plain_run(value); i < value.n; i++)
		if (((unsigned char)value.p[i] < ' ' && value.p[i] != '\t') ||
		    value.p[i] == 0x7f)
			return false;
	return true;
}

static char *
put(char *p, const char *data, size_t n)
{
	if (n > 0)
		memcpy(p, data, n);
	return p + n;
}

void
http_head_line(struct buf *lines, const char *name_text, const char *value_text)
{
	struct str name = str_of(name_text), value = str_of(value_text);
	char *p;

	if (!is_name(name) || !is_value(value) ||
	    http_name_is_reserved(http_name_find_nocase(name)))
		return;
	if (buf_reserve(lines, name.n + value.n + 4) != 0)
		return; /* above the limit for all headers together */
	p = lines->data + lines->len;
	p = put(p, name.p, name.n);
	p = put(p, ": ", 2);
	p = put(p, value.p, value.n);
	p = put(p, "\r\n", 2);
	lines->len = (size_t)(p - lines->data);
}

void
http_head_known_line(struct buf *lines, struct str name, struct str value)
{
	char *p;

	if (!is_value(value) || buf_reserve(lines, name.n + value.n + 2) != 0)
		return;
	p = lines->data + lines->len;
	p = put(p, name.p, name.n);
	p = put(p, value.p, value.n);
	p = put(p, "\r\n", 2);
	lines->len = (size_t)(p - lines->data);
}

static char *
put_text(char *p, const char *text)
{
	return put(p, text, strlen(text));
}

static char *
put_number(char *p, size_t v)
{
	char digits[NUM_TEXT_BYTES];

	return put(p, digits, num_format_uint(v, digits));
}

static char *
put_date(char *p, struct http_date *date)
{
	int64_t secs = clock_wall_nsecs() / NSECS_PER_SEC;

	if (date->len == 0 || secs != date->wall_secs) {
		time_t t = (time_t)secs;
		struct tm tm;

		gmtime_r(&t, &tm);
		/* The process stays in the C locale: English names. */
		date->len = strftime(date->line, sizeof(date->line),
		    "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &tm);
		date->wall_secs = secs;
	}
	return put(p, date->line, date->len);
}

static char *
put_head(char *p, const struct http_head *head, struct http_date *date)
{
	p = put_text(p, "HTTP/1.1 ");
	p = put_number(p, (size_t)head->status);
	*p++ = ' ';
	p = put_text(p, phrase_of(head->status));
	p = put_text(p, "\r\n");
	p = put_date(p, date);
	if (head->content_type != NULL &&
	    is_value(str_of(head->content_type))) {
		p = put_text(p, "Content-Type: ");
		p = put_text(p, head->content_type);
		p = put_text(p, "\r\n");
	}
	if (http_head_has_body(head->status)) {
		if (head->framing == BODY_LENGTH) {
			p = put_text(p, "Content-Length: ");
			p = put_number(p, head->length);
			p = put_text(p, "\r\n");
		} else if (head->framing == BODY_CHUNKED) {
			p = put_text(p, "Transfer-Encoding: chunked\r\n");
		}
	}
	if (head->connection == CONNECTION_CLOSE)
		p = put_text(p, "Connection: close\r\n");
	else if (head->connection == CONNECTION_KEEP_ALIVE)
		p = put_text(p, "Connection: keep-alive\r\n");
	p = put(p, head->headers.p, head->headers.n);
	return put_text(p, "\r\n");
}

size_t
http_head_bytes(const struct http_head *head)
{
	return FIXED_BYTES + head->headers.n +
	       (head->content_type == NULL ? 0 : strlen(head->content_type));
}

void
http_head_write(struct buf *out, const struct http_head *head,
    struct http_date *date)
{
	char *p = put_head(out->data + out->len, head, date);

	out->len = (size_t)(p - out->data);
}
