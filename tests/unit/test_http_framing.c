/*
 * The reader of requests: every row of the table of what lax servers accept and
 * should not, the limits, and where it found the headers; each message whole,
 * byte by byte and cut at random places, always with the same verdict.
 */
#include "unit.h"

#include "base/buf.h"
#include "http/http_framing.h"

#define H "Host: a\r\n"

/* clang-format off */
static const struct row {
	const char *what;
	const char *bytes;
	int status;        /* 0: good */
	uint64_t body;     /* good: its bytes */
	const char *rest;  /* good: what is left for the next message */
} rows[] = {
	/* ---- good ---- */
	{ "get", "GET / HTTP/1.1\r\n" H "\r\n", 0, 0, "" },
	{ "get 1.0 without host", "GET / HTTP/1.0\r\n\r\n", 0, 0, "" },
	{ "get with a body", "GET / HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\nhi", 0, 2, "" },
	{ "post", "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhelloGET", 0, 5, "GET" },
	{ "post of nothing", "POST / HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\nG", 0, 0, "G" },
	{ "leading zeros", "POST / HTTP/1.1\r\n" H "Content-Length: 0005\r\n\r\nhello", 0, 5, "" },
	{ "blanks around a value", "POST / HTTP/1.1\r\n" H "Content-Length:   5  \t\r\n\r\nhello", 0, 5, "" },
	{ "no blank before a value", "POST / HTTP/1.1\r\nhost:a\r\ncontent-LENGTH:5\r\n\r\nhello", 0, 5, "" },
	{ "pipelined", "GET / HTTP/1.1\r\n" H "\r\nGET /2 HTTP/1.1\r\n", 0, 0, "GET /2 HTTP/1.1\r\n" },
	{ "chunked", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\nX", 0, 15, "X" },
	{ "chunked of nothing", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0, 0, "" },
	{ "chunk size with zeros", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n00000002\r\nhi\r\n000\r\n\r\n", 0, 2, "" },
	{ "trailer", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nAuthorization: x\r\nContent-Length: 9\r\n\r\nN", 0, 2, "N" },
	{ "empty value", "GET / HTTP/1.1\r\n" H "X:\r\nY: \r\n\r\n", 0, 0, "" },
	{ "tab and utf-8 in a value", "GET / HTTP/1.1\r\n" H "X: a\tb \xc3\xa9\r\n\r\n", 0, 0, "" },
	{ "empty host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 0, 0, "" },
	{ "host with port", "GET / HTTP/1.1\r\nHost: [::1]:4000\r\n\r\n", 0, 0, "" },
	{ "unknown method", "BREW /pot HTTP/1.1\r\n" H "\r\n", 0, 0, "" },
	{ "query", "GET /a?b=c&d=%20 HTTP/1.1\r\n" H "\r\n", 0, 0, "" },
	{ "two slashes", "GET //v1/models HTTP/1.1\r\n" H "\r\n", 0, 0, "" },
	{ "expect continue", "POST / HTTP/1.1\r\n" H "Expect: 100-Continue\r\nContent-Length: 2\r\n\r\nhi", 0, 2, "" },
	{ "expect in 1.0", "POST / HTTP/1.0\r\nExpect: tea\r\nContent-Length: 2\r\n\r\nhi", 0, 2, "" },
	{ "head without a body", "HEAD / HTTP/1.1\r\n" H "\r\nX", 0, 0, "X" },
	{ "head with length 0", "HEAD / HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n", 0, 0, "" },
	{ "shortest request line", "A / HTTP/1.0\r\n\r\n", 0, 0, "" },
	{ "delete", "DELETE /k HTTP/1.1\r\n" H "\r\n", 0, 0, "" },
	/* ---- two lengths ---- */
	{ "CL and TE", "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, 0, NULL },
	{ "TE and CL", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400, 0, NULL },
	{ "two lengths", "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400, 0, NULL },
	{ "one length twice", "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400, 0, NULL },
	{ "list of lengths", "POST / HTTP/1.1\r\n" H "Content-Length: 5, 5\r\n\r\nhello", 400, 0, NULL },
	{ "length +5", "POST / HTTP/1.1\r\n" H "Content-Length: +5\r\n\r\nhello", 400, 0, NULL },
	{ "length -0", "POST / HTTP/1.1\r\n" H "Content-Length: -0\r\n\r\n", 400, 0, NULL },
	{ "length 0x5", "POST / HTTP/1.1\r\n" H "Content-Length: 0x5\r\n\r\nhello", 400, 0, NULL },
	{ "length of nothing", "POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n", 400, 0, NULL },
	{ "length 5 5", "POST / HTTP/1.1\r\n" H "Content-Length: 5 5\r\n\r\nhello", 400, 0, NULL },
	{ "blank before the colon", "POST / HTTP/1.1\r\n" H "Content-Length : 31\r\n\r\n", 400, 0, NULL },
	{ "tab before the length", "POST / HTTP/1.1\r\n" H "Content-Length:\t5\r\n\r\nhello", 400, 0, NULL },
	{ "no length", "POST / HTTP/1.1\r\n" H "\r\nhello", 411, 0, NULL },
	{ "put without length", "PUT / HTTP/1.1\r\n" H "\r\n", 411, 0, NULL },
	{ "patch without length", "PATCH / HTTP/1.1\r\n" H "\r\n", 411, 0, NULL },
	{ "1.0 post without length", "POST / HTTP/1.0\r\n\r\nhello", 411, 0, NULL },
	/* ---- encodings ---- */
	{ "TE gzip", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip\r\n\r\n", 501, 0, NULL },
	{ "TE xchunked", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n", 501, 0, NULL },
	{ "TE gzip, chunked", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n", 501, 0, NULL },
	{ "TE chunked, chunked", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, chunked\r\n\r\n", 501, 0, NULL },
	{ "TE identity", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n", 501, 0, NULL },
	{ "TE empty", "POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n\r\n", 501, 0, NULL },
	{ "TE twice", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400, 0, NULL },
	{ "TE after a tab", "POST / HTTP/1.1\r\n" H "Transfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n", 400, 0, NULL },
	{ "TE after a blank and a tab", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: \tchunked\r\n\r\n0\r\n\r\n", 400, 0, NULL },
	{ "folded TE", "POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400, 0, NULL },
	{ "TE with vertical tab", "POST / HTTP/1.1\r\n" H "Transfer-Encoding:\vchunked\r\n\r\n0\r\n\r\n", 400, 0, NULL },
	{ "TE in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, 0, NULL },
	/* ---- lines ---- */
	{ "folded header", "GET / HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n", 400, 0, NULL },
	{ "folded by tab", "GET / HTTP/1.1\r\n" H "X: a\r\n\tb\r\n\r\n", 400, 0, NULL },
	{ "blank behind the request line", "GET / HTTP/1.1\r\n X: a\r\n" H "\r\n", 400, 0, NULL },
	{ "bare LF everywhere", "GET / HTTP/1.1\nHost: a\n\n", 400, 0, NULL },
	{ "bare LF in a header", "GET / HTTP/1.1\r\n" H "X: a\nY: b\r\n\r\n", 400, 0, NULL },
	{ "bare LF at the end", "GET / HTTP/1.1\r\n" H "\n", 400, 0, NULL },
	{ "bare CR in a value", "GET / HTTP/1.1\r\n" H "X: a\rb\r\n\r\n", 400, 0, NULL },
	{ "two CR", "GET / HTTP/1.1\r\n" H "X: a\r\r\n\r\n", 400, 0, NULL },
	{ "DEL in a value", "GET / HTTP/1.1\r\n" H "X: a\x7f\r\n\r\n", 400, 0, NULL },
	{ "empty name", "GET / HTTP/1.1\r\n" H ": v\r\n\r\n", 400, 0, NULL },
	{ "name without colon", "GET / HTTP/1.1\r\n" H "Foo\r\n\r\n", 400, 0, NULL },
	{ "bad name", "GET / HTTP/1.1\r\n" H "Fo(o: a\r\n\r\n", 400, 0, NULL },
	{ "8-bit name", "GET / HTTP/1.1\r\n" H "Fo\xc3\xb6: a\r\n\r\n", 400, 0, NULL },
	{ "empty line first", "\r\nGET / HTTP/1.1\r\n" H "\r\n", 400, 0, NULL },
	/* ---- request line ---- */
	{ "0.9", "GET /\r\n", 400, 0, NULL },
	{ "HTTP/0.9", "GET / HTTP/0.9\r\n\r\n", 400, 0, NULL },
	{ "HTTP/1.9", "GET / HTTP/1.9\r\n" H "\r\n", 400, 0, NULL },
	{ "HTTP/2.0", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, 0, NULL },
	{ "HTTP/2.0 on a path", "GET / HTTP/2.0\r\n" H "\r\n", 400, 0, NULL },
	{ "HTTP/1.10", "GET / HTTP/1.10\r\n" H "\r\n", 400, 0, NULL },
	{ "http/1.1", "GET / http/1.1\r\n" H "\r\n", 400, 0, NULL },
	{ "blank behind the version", "GET / HTTP/1.1 \r\n" H "\r\n", 400, 0, NULL },
	{ "blank in the target", "GET /a b HTTP/1.1\r\n" H "\r\n", 400, 0, NULL },
	{ "two blanks", "GET  / HTTP/1.1\r\n" H "\r\n", 400, 0, NULL },
	{ "tab for a blank", "GET\t/ HTTP/1.1\r\n" H "\r\n", 400, 0, NULL },
	{ "absolute target", "GET http://a/ HTTP/1.1\r\n" H "\r\n", 400, 0, NULL },
	{ "star", "OPTIONS * HTTP/1.1\r\n" H "\r\n", 400, 0, NULL },
	{ "fragment", "GET /a#b HTTP/1.1\r\n" H "\r\n", 400, 0, NULL },
	{ "8-bit target", "GET /\xc3\xa9 HTTP/1.1\r\n" H "\r\n", 400, 0, NULL },
	{ "control in the target", "GET /\x01 HTTP/1.1\r\n" H "\r\n", 400, 0, NULL },
	{ "connect to a host", "CONNECT a:443 HTTP/1.1\r\n" H "\r\n", 400, 0, NULL },
	{ "connect to a path", "CONNECT /a HTTP/1.1\r\n" H "\r\n", 405, 0, NULL },
	{ "no method", " / HTTP/1.1\r\n" H "\r\n", 400, 0, NULL },
	{ "method of 21", "ABCDEFGHIJKLMNOPQRSTU / HTTP/1.1\r\n" H "\r\n", 400, 0, NULL },
	{ "TLS hello", "\x16\x03\x01\x02", 400, 0, NULL },
	/* ---- host ---- */
	{ "no host", "GET / HTTP/1.1\r\nX: a\r\n\r\n", 400, 0, NULL },
	{ "two hosts", "GET / HTTP/1.1\r\n" H H "\r\n", 400, 0, NULL },
	{ "two hosts in 1.0", "GET / HTTP/1.0\r\n" H H "\r\n", 400, 0, NULL },
	{ "host list", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400, 0, NULL },
	{ "host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, 0, NULL },
	{ "host with a user", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400, 0, NULL },
	/* ---- bodies where servers differ on whether there is one ---- */
	{ "head with a body", "HEAD / HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\nhi", 400, 0, NULL },
	{ "head with chunks", "HEAD / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, 0, NULL },
	{ "trace with a body", "TRACE / HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\nhi", 400, 0, NULL },
	{ "unknown with a body", "BREW / HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\nhi", 400, 0, NULL },
	{ "lower case is unknown", "post / HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\nhi", 400, 0, NULL },
	/* ---- chunks ---- */
#define C "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
	{ "chunk 0x5", C "0x5\r\nhello\r\n0\r\n\r\n", 400, 0, NULL },
	{ "chunk +5", C "+5\r\nhello\r\n0\r\n\r\n", 400, 0, NULL },
	{ "chunk -1", C "-1\r\nhello\r\n0\r\n\r\n", 400, 0, NULL },
	{ "chunk with junk", C "5 junk\r\nhello\r\n0\r\n\r\n", 400, 0, NULL },
	{ "chunk blank before", C " 5\r\nhello\r\n0\r\n\r\n", 400, 0, NULL },
	{ "chunk extension", C "5;a=b\r\nhello\r\n0\r\n\r\n", 400, 0, NULL },
	{ "chunk without size", C "\r\nhello\r\n0\r\n\r\n", 400, 0, NULL },
	{ "chunk without CRLF", C "5\r\nhello0\r\n\r\n", 400, 0, NULL },
	{ "chunk with LF behind", C "5\r\nhello\n0\r\n\r\n", 400, 0, NULL },
	{ "chunk size with LF", C "5\nhello\r\n0\r\n\r\n", 400, 0, NULL },
	{ "chunk with CR alone", C "5\r\nhello\r0\r\n\r\n", 400, 0, NULL },
	{ "chunk with CR and junk", C "5\r\nhello\rX0\r\n\r\n", 400, 0, NULL },
	{ "chunk too long", C "5\r\nhello!\r\n0\r\n\r\n", 400, 0, NULL },
	{ "chunk size of 9 digits", C "000000005\r\nhello\r\n0\r\n\r\n", 400, 0, NULL },
	{ "end of chunks with LF", C "0\r\n\n", 400, 0, NULL },
	{ "end of chunks with size LF", C "0\n\r\n", 400, 0, NULL },
	{ "folded trailer", C "0\r\nA: b\r\n c\r\n\r\n", 400, 0, NULL },
	{ "trailer with LF", C "0\r\nA: b\n\r\n", 400, 0, NULL },
	{ "trailer without name", C "0\r\n: b\r\n\r\n", 400, 0, NULL },
	/* ---- expectations ---- */
	{ "expect tea", "POST / HTTP/1.1\r\n" H "Expect: tea\r\nContent-Length: 2\r\n\r\nhi", 417, 0, NULL },
	{ "expect tea and continue", "POST / HTTP/1.1\r\n" H "Expect: 100-continue, tea\r\nContent-Length: 2\r\n\r\nhi", 417, 0, NULL },
	/* ---- sizes ---- */
	{ "body of 65", "POST / HTTP/1.1\r\n" H "Content-Length: 65\r\n\r\n", 413, 0, NULL },
	{ "body of 2^64 + 5", "POST / HTTP/1.1\r\n" H "Content-Length: 18446744073709551621\r\n\r\n", 413, 0, NULL },
	{ "body of 40 digits", "POST / HTTP/1.1\r\n" H "Content-Length: 1000000000000000000000000000000000000000\r\n\r\n", 413, 0, NULL },
	{ "chunk of 65", C "41\r\n", 413, 0, NULL },
	{ "chunk of ffffffff", C "ffffffff\r\n", 413, 0, NULL },
	{ "65 in two chunks", C "1\r\na\r\n40\r\n", 413, 0, NULL },
};
/* clang-format on */

static const struct http_framing_limits limits = { 1024, 64 };

enum cut {
	WHOLE,
	BYTEWISE,
	RANDOM
};

static size_t
piece(enum cut cut, size_t left)
{
	switch (cut) {
	case WHOLE:
		return left;
	case BYTEWISE:
		return 1;
	case RANDOM:
		break;
	}
	return 1 + (size_t)random() % (left < 9 ? left : 9);
}

/* Feeds all; returns how many bytes the message took. */
static size_t
feed(struct http_framing *f, const struct http_framing_limits *l,
    struct str bytes, enum cut cut)
{
	size_t at = 0;

	http_framing_init(f, l);
	while (at < bytes.n && f->verdict <= FRAMING_HEAD) {
		size_t n = piece(cut, bytes.n - at), used;

		uint64_t skip = http_framing_skippable(f);
		char *copy;

		if (skip > 0) {
			used = skip < n ? (size_t)skip : n;
			http_framing_skip(f, used);
			at += used;
			continue;
		}
		/* A copy of just these bytes, so that reading past them is
		   seen by the sanitizer. */
		copy = xmalloc(n);
		memcpy(copy, bytes.p + at, n);
		used = http_framing_feed(f, copy, n);
		free(copy);
		if (f->verdict == FRAMING_BAD)
			break;
		assert_true(used > 0 && used <= n);
		if (f->verdict == FRAMING_MORE &&
		    http_framing_skippable(f) == 0)
			assert_int_equal(used, n);
		at += used;
	}
	return at;
}

static void
check_row(const struct row *row, enum cut cut)
{
	struct str bytes = str_of(row->bytes);
	struct http_framing f;
	size_t used = feed(&f, &limits, bytes, cut);

	if (row->status == 0) {
		if (f.verdict != FRAMING_DONE)
			fail_msg("%s: %d %s", row->what, f.status, f.text);
		assert_int_equal(f.body_bytes, row->body);
		assert_str(str_make(bytes.p + used, bytes.n - used), row->rest);
	} else {
		if (f.verdict != FRAMING_BAD || f.status != row->status)
			fail_msg("%s: verdict %d, status %d, wanted %d",
			    row->what, (int)f.verdict, f.status, row->status);
		assert_non_null(f.text);
		assert_true(f.code != ERR_NONE);
	}
}

static void
test_table_whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check_row(&rows[i], WHOLE);
}

static void
test_table_byte_by_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check_row(&rows[i], BYTEWISE);
}

static void
test_table_at_random_cuts(void **state)
{
	(void)state;
	srandom(7);
	for (int round = 0; round < 50; round++)
		for (size_t i = 0; i < ARRAY_LEN(rows); i++)
			check_row(&rows[i], RANDOM);
}

/* Every proper beginning of a good message asks for more. */
static void
test_beginnings_ask_for_more(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct str bytes = str_of(rows[i].bytes);

		if (rows[i].status != 0)
			continue;
		bytes.n -= strlen(rows[i].rest);
		for (size_t n = 0; n < bytes.n; n++) {
			struct http_framing f;

			feed(&f, &limits, str_make(bytes.p, n), WHOLE);
			assert_true(f.verdict == FRAMING_MORE ||
				    f.verdict == FRAMING_HEAD);
		}
	}
}

static void
test_nul_is_refused_anywhere_in_a_head(void **state)
{
	static const char good[] =
	    "GET /a HTTP/1.1\r\nHost: a\r\nX-Y: b c\r\n\r\n";

	(void)state;
	for (size_t i = 0; i < sizeof(good) - 1; i++) {
		char bytes[sizeof(good)];
		struct http_framing f;

		memcpy(bytes, good, sizeof(good));
		bytes[i] = '\0';
		feed(&f, &limits, str_make(bytes, sizeof(good) - 1), WHOLE);
		assert_int_equal(f.verdict, FRAMING_BAD);
		assert_int_equal(f.status, 400);
	}
}

static int
status_of(struct buf *b, const struct http_framing_limits *l, enum cut cut)
{
	struct http_framing f;

	feed(&f, l, buf_str(b), cut);
	return f.verdict == FRAMING_BAD    ? f.status
	       : f.verdict == FRAMING_DONE ? 0
					   : 1;
}

static void
test_head_bytes_are_limited_exactly(void **state)
{
	static const struct http_framing_limits l = { 100, 64 };

	(void)state;
	for (enum cut cut = WHOLE; cut <= RANDOM; cut++) {
		struct buf b;

		buf_init(&b, 1000);
		buf_add_cstr(&b, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
		while (b.len < 100 - 4)
			buf_add_char(&b, 'x');
		buf_add_cstr(&b, "\r\n\r\n");
		assert_int_equal(b.len, 100);
		assert_int_equal(status_of(&b, &l, cut), 0);
		b.len -= 4;
		buf_add_cstr(&b, "x\r\n\r\n");
		assert_int_equal(status_of(&b, &l, cut), 431);
		/* What comes behind the limit is not looked at. */
		b.len -= 4;
		buf_add(&b, "xxxxx\0\n", 7);
		assert_int_equal(status_of(&b, &l, cut), 431);
		buf_fini(&b);
	}
}

static void
test_request_line_is_limited(void **state)
{
	static const struct http_framing_limits l = { 1 << 20, 64 };
	static const char end[] = " HTTP/1.1\r\nHost: a\r\n\r\n";
	size_t fixed = strlen("GET / HTTP/1.1\r\n");

	(void)state;
	for (enum cut cut = WHOLE; cut <= RANDOM; cut++) {
		struct buf b;

		buf_init(&b, 1 << 16);
		buf_add_cstr(&b, "GET /");
		for (size_t i = 0; i < FRAMING_LINE_BYTES - fixed; i++)
			buf_add_char(&b, 'a');
		buf_add_cstr(&b, end);
		assert_int_equal(status_of(&b, &l, cut), 0);
		b.len -= strlen(end);
		buf_add_char(&b, 'a');
		buf_add_cstr(&b, end);
		assert_int_equal(status_of(&b, &l, cut), 431);
		buf_fini(&b);
	}
}

static void
test_header_lines_are_counted(void **state)
{
	static const struct http_framing_limits l = { 1 << 20, 64 };

	(void)state;
	for (int count = 99; count <= 101; count++) {
		struct buf b;

		buf_init(&b, 1 << 16);
		buf_add_cstr(&b, "GET / HTTP/1.1\r\nHost: a\r\n");
		for (int i = 1; i < count; i++)
			buf_add_cstr(&b, "a:\r\n");
		buf_add_cstr(&b, "\r\n");
		assert_int_equal(status_of(&b, &l, RANDOM),
		    count > 100 ? 431 : 0);
		buf_fini(&b);
	}
}

static void
test_trailers_are_limited(void **state)
{
	static const struct http_framing_limits l = { 1 << 20, 64 };

	(void)state;
	for (enum cut cut = WHOLE; cut <= RANDOM; cut++) {
		struct buf b;

		buf_init(&b, 1 << 16);
		buf_add_cstr(&b, C "0\r\n");
		for (int i = 0; i < FRAMING_TRAILER_BYTES / 8; i++)
			buf_add_cstr(&b, "ab: cd\r\n");
		buf_add_cstr(&b, "\r\n");
		assert_int_equal(status_of(&b, &l, cut), 431);
		b.len -= 10;
		buf_add_cstr(&b, "\r\n");
		assert_int_equal(status_of(&b, &l, cut), 0);
		buf_fini(&b);
	}
}

static void
test_body_at_the_limit_passes(void **state)
{
	struct http_framing f;
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	buf_add_cstr(&b, "POST / HTTP/1.1\r\n" H "Content-Length: 64\r\n\r\n");
	for (int i = 0; i < 64; i++)
		buf_add_char(&b, '\0');
	feed(&f, &limits, buf_str(&b), RANDOM);
	assert_int_equal(f.verdict, FRAMING_DONE);
	assert_int_equal(f.body_bytes, 64);
	buf_clear(&b);
	buf_add_cstr(&b, C "40\r\n");
	for (int i = 0; i < 64; i++)
		buf_add_char(&b, '\n');
	buf_add_cstr(&b, "\r\n0\r\n\r\n");
	feed(&f, &limits, buf_str(&b), RANDOM);
	assert_int_equal(f.verdict, FRAMING_DONE);
	assert_int_equal(f.body_bytes, 64);
	buf_fini(&b);
}

static void
test_what_the_head_says(void **state)
{
	static const struct {
		const char *bytes;
		const char *method;
		bool keep_alive, expect, chunked;
	} heads[] = {
		{ "GET / HTTP/1.1\r\n" H "\r\n", "GET", true, false, false },
		{ "GET / HTTP/1.1\r\n" H "Connection: close\r\n\r\n", "GET",
		    false, false, false },
		{ "GET / HTTP/1.1\r\n" H "Connection: TE, Close\r\n\r\n", "GET",
		    false, false, false },
		{ "GET / HTTP/1.1\r\n" H
		  "Connection: keep-alive\r\nConnection: close\r\n\r\n",
		    "GET", false, false, false },
		{ "GET / HTTP/1.0\r\n\r\n", "GET", false, false, false },
		{ "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "GET",
		    true, false, false },
		{ "BREW-COFFEE-AND-TEAS / HTTP/1.1\r\n" H "\r\n",
		    "BREW-COFFEE-AND-TEAS", true, false, false },
		{ "PUT / HTTP/1.1\r\n" H "Expect: 100-continue\r\n"
		  "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		    "PUT", true, true, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
		struct http_framing f;

		feed(&f, &limits, str_of(heads[i].bytes), RANDOM);
		assert_int_equal(f.verdict, FRAMING_DONE);
		assert_string_equal(f.method_name, heads[i].method);
		assert_int_equal(f.keep_alive, heads[i].keep_alive);
		assert_int_equal(f.expect_continue, heads[i].expect);
		assert_int_equal(f.chunked, heads[i].chunked);
	}
}

static void
check_place(const char *head, struct http_span span, const char *text)
{
	if (text == NULL)
		assert_int_equal(span.at, 0);
	else
		assert_str(str_make(head + span.at, span.n), text);
}

static void
test_headers_are_found_where_they_stand(void **state)
{
	static const char head[] =
	    "POST /a?b HTTP/1.1\r\nAUTHORIZATION:  Bearer x \r\n" H
	    "Authorization: second\r\nX-Request-Id:\r\nX-Request-Idle: a\r\n"
	    "Content-Length: 0\r\nanthropic-versio: b\r\nx-api-key:c\r\n\r\n";

	(void)state;
	for (enum cut cut = WHOLE; cut <= RANDOM; cut++) {
		struct http_framing f;

		feed(&f, &limits, str_of(head), cut);
		assert_int_equal(f.verdict, FRAMING_DONE);
		check_place(head, f.target, "/a?b");
		check_place(head, f.known[HTTP_NAME_AUTHORIZATION],
		    "Bearer x ");
		check_place(head, f.known[HTTP_NAME_HOST], "a");
		check_place(head, f.known[HTTP_NAME_X_REQUEST_ID], "");
		check_place(head, f.known[HTTP_NAME_X_API_KEY], "c");
		check_place(head, f.known[HTTP_NAME_CONTENT_LENGTH], "0");
		check_place(head, f.known[HTTP_NAME_ANTHROPIC_VERSION], NULL);
		check_place(head, f.known[HTTP_NAME_EXPECT], NULL);
	}
}

static void
test_trailers_are_not_noted(void **state)
{
	struct http_framing f;

	(void)state;
	feed(&f, &limits, str_of(C "0\r\nAuthorization: x\r\n\r\n"), WHOLE);
	assert_int_equal(f.verdict, FRAMING_DONE);
	assert_int_equal(f.known[HTTP_NAME_AUTHORIZATION].at, 0);
}

static void
test_every_name_is_in_the_table(void **state)
{
	static const struct {
		const char *text;
		enum http_name name;
	} names[] = {
#define NAME_ROW(NAME, text) { text, HTTP_NAME_##NAME },
		HTTP_ASKED_NAMES(NAME_ROW) HTTP_RESERVED_NAMES(NAME_ROW)
#undef NAME_ROW
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct str text = str_of(names[i].text);

		assert_int_equal(http_name_find(text), names[i].name);
		text.n--;
		assert_int_not_equal(http_name_find(text), names[i].name);
	}
	assert_int_equal(http_name_find_nocase(str_of("Content-LENGTH")),
	    HTTP_NAME_CONTENT_LENGTH);
	assert_int_equal(http_name_find(str_of("")), HTTP_NAME_OTHER);
	assert_int_equal(http_name_find(str_of("a-name-of-twenty-five-abc")),
	    HTTP_NAME_OTHER);
	assert_true(http_name_is_reserved(HTTP_NAME_CONTENT_LENGTH));
	assert_true(http_name_is_reserved(HTTP_NAME_DATE));
	assert_false(http_name_is_reserved(HTTP_NAME_X_REQUEST_ID));
}

static void
test_body_bytes_may_be_skipped(void **state)
{
	static const char head[] =
	    "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\n";
	struct http_framing f;

	(void)state;
	feed(&f, &limits, str_of(head), WHOLE);
	assert_int_equal(f.verdict, FRAMING_HEAD);
	assert_int_equal(f.head_bytes, strlen(head));
	assert_int_equal(http_framing_skippable(&f), 5);
	http_framing_skip(&f, 3);
	assert_int_equal(http_framing_skippable(&f), 2);
	http_framing_skip(&f, 2);
	assert_int_equal(f.verdict, FRAMING_DONE);
	assert_int_equal(f.body_bytes, 5);

	feed(&f, &limits, str_of(C), WHOLE);
	assert_int_equal(http_framing_skippable(&f), 0);
	http_framing_feed(&f, "4\r\n", 3);
	assert_int_equal(http_framing_skippable(&f), 4);
	http_framing_skip(&f, 4);
	http_framing_feed(&f, "\r\n0\r\n\r\n", 7);
	assert_int_equal(f.verdict, FRAMING_DONE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table_whole),
		cmocka_unit_test(test_table_byte_by_byte),
		cmocka_unit_test(test_table_at_random_cuts),
		cmocka_unit_test(test_beginnings_ask_for_more),
		cmocka_unit_test(test_nul_is_refused_anywhere_in_a_head),
		cmocka_unit_test(test_head_bytes_are_limited_exactly),
		cmocka_unit_test(test_request_line_is_limited),
		cmocka_unit_test(test_header_lines_are_counted),
		cmocka_unit_test(test_trailers_are_limited),
		cmocka_unit_test(test_body_at_the_limit_passes),
		cmocka_unit_test(test_what_the_head_says),
		cmocka_unit_test(test_headers_are_found_where_they_stand),
		cmocka_unit_test(test_trailers_are_not_noted),
		cmocka_unit_test(test_every_name_is_in_the_table),
		cmocka_unit_test(test_body_bytes_may_be_skipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
