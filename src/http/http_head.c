/*
 * The head of an answer. See http_head.h. Fails only when libevent finds no
 * memory.
 */
#include "http/http_head.h"

#include "base/clock.h"

#include <event2/buffer.h>
#include <event2/util.h>

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

/* Headers that say where the answer ends, or that the server writes. */
static bool
is_ours(struct str name)
{
	static const char *const ours[] = { "connection", "content-length",
		"content-type", "date", "keep-alive", "proxy-connection", "te",
		"trailer", "transfer-encoding", "upgrade" };

	for (size_t i = 0; i < ARRAY_LEN(ours); i++)
		if (str_is_nocase(name, ours[i]))
			return true;
	return false;
}

static bool
is_name(const char *name)
{
	for (const char *p = name; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~' || strchr("\"(),/:;<=>?@[\\]{}", *p))
			return false;
	return *name != '\0';
}

static bool
is_value(const char *value)
{
	for (const char *p = value; *p != '\0'; p++)
		if (((unsigned char)*p < ' ' && *p != '\t') || *p == 0x7f)
			return false;
	return true;
}

void
http_head_line(struct buf *lines, const char *name, const char *value)
{
	size_t name_len = strlen(name), value_len = strlen(value);

	if (!is_name(name) || !is_value(value) || is_ours(str_of(name)))
		return;
	if (buf_reserve(lines, name_len + value_len + 4) != 0)
		return; /* above the limit for all headers together */
	if (buf_add(lines, name, name_len) != 0 ||
	    buf_add(lines, ": ", 2) != 0 ||
	    buf_add(lines, value, value_len) != 0 ||
	    buf_add(lines, "\r\n", 2) != 0)
		buf_clear(lines);
}

static char *
put(char *p, const char *data, size_t n)
{
	if (n > 0)
		memcpy(p, data, n);
	return p + n;
}

static char *
put_text(char *p, const char *text)
{
	return put(p, text, strlen(text));
}

static char *
put_number(char *p, size_t v)
{
	char digits[20];
	size_t n = 0;

	do {
		digits[sizeof(digits) - ++n] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	return put(p, digits + sizeof(digits) - n, n);
}

static char *
put_date(char *p, struct http_date *date)
{
	int64_t secs = clock_wall_nsecs() / NSECS_PER_SEC;

	if (date->len == 0 || secs != date->wall_secs) {
		time_t t = (time_t)secs;
		char text[40];
		struct tm tm;
		int n;

		gmtime_r(&t, &tm);
		evutil_date_rfc1123(text, sizeof(text), &tm);
		n = snprintf(date->line, sizeof(date->line), "Date: %s\r\n",
		    text);
		date->len = (size_t)n;
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
	if (head->content_type != NULL && is_value(head->content_type)) {
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

int
http_head_write(struct evbuffer *out, const struct http_head *head,
    struct http_date *date, struct str inline_body)
{
	size_t most = FIXED_BYTES + head->headers.n + inline_body.n;
	struct evbuffer_iovec v;
	char *p;

	if (head->content_type != NULL)
		most += strlen(head->content_type);
	if (evbuffer_reserve_space(out, (ev_ssize_t)most, &v, 1) != 1)
		return -1;
	p = put_head(v.iov_base, head, date);
	p = put(p, inline_body.p, inline_body.n);
	v.iov_len = (size_t)(p - (char *)v.iov_base);
	return evbuffer_commit_space(out, &v, 1);
}
