/*
 * The reader of answers: each row is read whole, byte for byte and cut at
 * random, and has to come out the same.
 */
#include "unit.h"

#include "upstream/http1_reader.h"

#define OK "HTTP/1.1 200 OK\r\n"

/* ---- reading ------------------------------------------------------------ */

/* What was read, as text: "200 keep 5 |name=value| body END +rest". */
struct reading {
	struct http1_reader reader;
	struct buf text, body, fields;
	bool over;
};

static void
reading_open(struct reading *r, bool head_request)
{
	http1_reader_init(&r->reader);
	http1_reader_start(&r->reader, head_request);
	buf_init(&r->text, 1 << 20);
	buf_init(&r->body, 1 << 20);
	buf_init(&r->fields, 1 << 20);
	r->over = false;
}

static void
reading_close(struct reading *r)
{
	http1_reader_fini(&r->reader);
	buf_fini(&r->text);
	buf_fini(&r->body);
	buf_fini(&r->fields);
}

static void
note_head(struct reading *r)
{
	buf_printf(&r->text, "%d %s %d", r->reader.status,
	    r->reader.keep_alive ? "keep" : "close", (int)r->reader.length);
	if (r->fields.len > 0)
		buf_printf(&r->text, " |" STR_FMT,
		    STR_ARG(buf_str(&r->fields)));
}

static void
note_end(struct reading *r, const char *word, size_t rest)
{
	if (r->body.len > 0)
		buf_printf(&r->text, " <" STR_FMT ">",
		    STR_ARG(buf_str(&r->body)));
	buf_printf(&r->text, "%s%s", r->text.len > 0 ? " " : "", word);
	if (rest > 0)
		buf_printf(&r->text, " +%zu", rest);
	r->over = true;
}

/* The bytes are copied, so that reading behind them is seen. `behind`: how
   many more there are after these. */
static void
reading_feed(struct reading *r, const char *p, size_t n, size_t behind)
{
	char *copy = xmalloc(n + 1);
	struct str in = { copy, n };
	enum http1_event event = HTTP1_MORE;

	memcpy(copy, p, n);
	do {
		event = http1_reader_next(&r->reader, &in);
		if (event == HTTP1_FIELD)
			buf_printf(&r->fields, STR_FMT "=" STR_FMT "|",
			    STR_ARG(r->reader.name), STR_ARG(r->reader.value));
		else if (event == HTTP1_HEAD)
			note_head(r);
		else if (event == HTTP1_BODY)
			buf_add_str(&r->body, r->reader.body);
		else if (event == HTTP1_END)
			note_end(r, "END", in.n + behind);
		else if (event == HTTP1_BAD)
			note_end(r, "BAD", 0);
	} while (event != HTTP1_MORE && !r->over);
	free(copy);
}

static void
note_eof(struct reading *r)
{
	static const char *const words[] = {
		[HTTP1_EOF_UNANSWERED] = "UNANSWERED",
		[HTTP1_EOF_IN_HEAD] = "IN_HEAD",
		[HTTP1_EOF_IN_BODY] = "IN_BODY",
		[HTTP1_EOF_WHOLE] = "WHOLE",
	};

	if (!r->over)
		note_end(r, words[http1_reader_eof(&r->reader)], 0);
}

/* Pieces of `most` bytes, or of 1 to 7 at random (0). */
static void
check_cut(struct str in, bool head_request, size_t most, const char *want)
{
	struct reading r;

	reading_open(&r, head_request);
	for (size_t at = 0; at < in.n && !r.over;) {
		size_t n = most > 0 ? most : 1 + (size_t)rand() % 7;

		n = n < in.n - at ? n : in.n - at;
		reading_feed(&r, in.p + at, n, in.n - at - n);
		at += n;
	}
	note_eof(&r);
	assert_str(buf_str(&r.text), want);
	reading_close(&r);
}

static void
check_all_cuts(struct str in, bool head_request, const char *want)
{
	check_cut(in, head_request, SIZE_MAX, want);
	check_cut(in, head_request, 1, want);
	for (int i = 0; i < 50; i++)
		check_cut(in, head_request, 0, want);
}

struct row {
	const char *in, *want;
};

static void
check_rows(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		check_all_cuts(str_of(rows[i].in), false, rows[i].want);
}

/* ---- tests -------------------------------------------------------------- */

static void
test_bodies(void **state)
{
	static const struct row rows[] = {
		{ OK "Content-Length: 5\r\n\r\nhello",
		    "200 keep 5 |Content-Length=5| <hello> END" },
		{ OK "content-length:0\r\n\r\n",
		    "200 keep 0 |content-length=0| END" },
		{ OK "Content-Length: 2\r\n\r\nokmore",
		    "200 keep 2 |Content-Length=2| <ok> END +4" },
		{ OK "\r\nup to the end", "200 close -1 <up to the end> "
					  "WHOLE" },
		{ OK "Transfer-Encoding: Chunked\r\n\r\n"
		     "3\r\none\r\nA;x=\"y\"\r\n0123456789\r\n0\r\n\r\n",
		    "200 keep -1 |Transfer-Encoding=Chunked| "
		    "<one0123456789> END" },
		{ OK "Transfer-Encoding: chunked\r\n\r\n"
		     "1 \t;q\r\nx\r\n000\r\nTrailer: y\r\nB: z\r\n\r\nHTTP",
		    "200 keep -1 |Transfer-Encoding=chunked| <x> END +4" },
		{ "HTTP/1.1 204 No Content\r\n\r\n", "204 keep -1 END" },
		{ "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
		    "304 keep 9 |Content-Length=9| END" },
	};

	(void)state;
	check_rows(rows, ARRAY_LEN(rows));
	check_all_cuts(str_of(OK "Content-Length: 12\r\n\r\n"), true,
	    "200 keep 12 |Content-Length=12| END");
}

static void
test_heads(void **state)
{
	static const struct row rows[] = {
		/* The reason, and its blank, may be missing. */
		{ "HTTP/1.1 503 \r\nContent-Length: 0\r\n\r\n",
		    "503 keep 0 |Content-Length=0| END" },
		{ "HTTP/1.1 503\r\nContent-Length: 0\r\n\r\n",
		    "503 keep 0 |Content-Length=0| END" },
		/* A bare LF ends a line of a head. */
		{ "HTTP/1.1 200 OK\nA: b\nContent-Length: 1\n\nx",
		    "200 keep 1 |A=b|Content-Length=1| <x> END" },
		{ OK "A:\t b c \t\r\nEmpty:\r\nContent-Length: 0\r\n\r\n",
		    "200 keep 0 |A=b c|Empty=|Content-Length=0| END" },
		/* Interim answers are passed over, their headers too. */
		{ "HTTP/1.1 100 Continue\r\nX: 1\r\n\r\n"
		  "HTTP/1.1 103 Early Hints\r\nConnection: close\r\n"
		  "Content-Length: 7\r\n\r\n" OK "Content-Length: 1\r\n\r\nx",
		    "200 keep 1 |Content-Length=1| <x> END" },
	};

	(void)state;
	check_rows(rows, ARRAY_LEN(rows));
}

static void
test_keeping_the_connection(void **state)
{
	static const struct row rows[] = {
		{ OK "Connection: close\r\nContent-Length: 0\r\n\r\n",
		    "200 close 0 |Connection=close|Content-Length=0| END" },
		{ OK "Connection: foo, CLOSE\r\nContent-Length: 0\r\n\r\n",
		    "200 close 0 |Connection=foo, CLOSE|Content-Length=0| "
		    "END" },
		{ "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
		    "200 close 0 |Content-Length=0| END" },
		{ "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n"
		  "Content-Length: 0\r\n\r\n",
		    "200 keep 0 |Connection=keep-alive|Content-Length=0| "
		    "END" },
		/* Without a length only the end of it ends the body. */
		{ "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nx",
		    "200 close -1 |Connection=keep-alive| <x> WHOLE" },
	};

	(void)state;
	check_rows(rows, ARRAY_LEN(rows));
}

static void
test_early_ends(void **state)
{
	static const struct row rows[] = {
		{ "", "UNANSWERED" },
		{ "H", "IN_HEAD" },
		{ OK, "IN_HEAD" },
		{ OK "Content-Le", "IN_HEAD" },
		{ "HTTP/1.1 100 Continue\r\n\r\n", "IN_HEAD" },
		{ OK "Content-Length: 5\r\n\r\nhell",
		    "200 keep 5 |Content-Length=5| <hell> IN_BODY" },
		{ OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello",
		    "200 keep -1 |Transfer-Encoding=chunked| <hello> "
		    "IN_BODY" },
		{ OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
		    "200 keep -1 |Transfer-Encoding=chunked| <hello> "
		    "IN_BODY" },
		{ OK "Transfer-Encoding: chunked\r\n\r\n0\r\n",
		    "200 keep -1 |Transfer-Encoding=chunked| IN_BODY" },
	};

	(void)state;
	check_rows(rows, ARRAY_LEN(rows));
}

/* What two readers could take for different answers. */
static void
test_garbage(void **state)
{
	static const char *const heads[] = {
		"this is no HTTP\r\n\r\n",
		"\r\n" OK "Content-Length: 0\r\n\r\n",
		"\x16\x03\x01",
		"X",
		"HTTP/2 200\r\n\r\n",
		"HTTP/1.2 200 OK\r\n\r\n",
		"http/1.1 200 OK\r\n\r\n",
		"HTTP/1.1  200 OK\r\n\r\n",
		"HTTP/1.1 20 OK\r\n\r\n",
		"HTTP/1.1 2000 OK\r\n\r\n",
		"HTTP/1.1 600 No\r\n\r\n",
		"HTTP/1.1 200 O\rK\r\n\r\n",
		"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n",
		OK "Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
		OK "Content-Length: 1\r\nContent-Length: 1\r\n\r\n",
		OK "Content-Length: 1, 1\r\n\r\n",
		OK "Content-Length: +1\r\n\r\n",
		OK "Content-Length: -1\r\n\r\n",
		OK "Content-Length: 0x1\r\n\r\n",
		OK "Content-Length: 1 1\r\n\r\n",
		OK "Content-Length:\r\n\r\n",
		OK "Content-Length: 99999999999999999999\r\n\r\n",
		OK "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
		OK "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
		OK "Transfer-Encoding: gzip, chunked\r\n\r\n",
		OK "Transfer-Encoding: xchunked\r\n\r\n",
		OK "Transfer-Encoding: identity\r\n\r\n",
		OK "Transfer-Encoding: chunked\r\n"
		   "Transfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
		OK "Content-Length : 1\r\n\r\n",
		OK " Content-Length: 1\r\n\r\n",
		OK "A: b\r\n\tfolded\r\n\r\n",
		OK "no colon\r\n\r\n",
		OK ": no name\r\n\r\n",
		OK "A: b\rc\r\n\r\n",
	};
	static const char *const chunks[] = { "\r\nx", "g\r\nx", "-1\r\nx",
		"+1\r\nx", "0x1\r\nx", " 1\r\nx", "1x\r\nx", ";a\r\n",
		"1\nx\r\n", "1\r\nxy\r\n", "1\r\nx\n", "1\r\nx0\r\n\r\n",
		"1\rx\r\n", "fffffffffffffffff\r\n", "10000000000000000\r\nx",
		"0\r\nTrail\rer\r\n\r\n", "0\r\n\n" };
	char text[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(heads); i++)
		check_all_cuts(str_of(heads[i]), false, "BAD");
	for (size_t i = 0; i < ARRAY_LEN(chunks); i++) {
		struct reading r;

		snprintf(text, sizeof(text),
		    OK "Transfer-Encoding: chunked\r\n\r\n%s", chunks[i]);
		reading_open(&r, false);
		for (size_t at = 0; at < strlen(text) && !r.over; at++)
			reading_feed(&r, text + at, 1, 0);
		assert_true(r.over);
		assert_true(str_ends(buf_str(&r.text), " BAD"));
		assert_non_null(r.reader.text);
		reading_close(&r);
	}
	/* A NUL is no part of a head. */
	check_all_cuts(str_make(OK "A: b\0c\r\n\r\n", 28), false, "BAD");
}

/* Feeds `count` times the text behind a start; what it ends with. */
static void
check_flood(const char *start, const char *text, size_t count, const char *want)
{
	struct reading r;

	reading_open(&r, false);
	reading_feed(&r, start, strlen(start), 0);
	for (size_t i = 0; i < count && !r.over; i++)
		reading_feed(&r, text, strlen(text), 0);
	note_eof(&r);
	assert_true(str_ends(buf_str(&r.text), want));
	assert_true(r.reader.line.size <= 2 * HTTP1_HEAD_BYTES);
	reading_close(&r);
}

static void
test_everything_is_bounded(void **state)
{
	static const char chunked[] = OK "Transfer-Encoding: chunked\r\n\r\n";

	(void)state;
	/* One long line, many lines, many interim answers. */
	check_flood(OK "A: ", "0123456789", HTTP1_HEAD_BYTES / 10, "BAD");
	check_flood(OK "A: ", "0123456789", HTTP1_HEAD_BYTES / 20, "IN_HEAD");
	check_flood(OK, "A: b\r\n", HTTP1_FIELDS + 1, "BAD");
	check_flood(OK, "A: b\r\n", HTTP1_FIELDS, "IN_HEAD");
	check_flood("", "HTTP/1.1 100 Continue\r\n\r\n", 17, "BAD");
	check_flood("", "HTTP/1.1 100 Continue\r\n\r\n", 16, "IN_HEAD");
	/* Chunk extensions and trailers. */
	check_flood(chunked, "1;aaaaaaa", HTTP1_SIZE_BYTES / 9 + 1, "BAD");
	check_flood(chunked, "0\r\n", 1, "IN_BODY");
	check_flood(OK "Transfer-Encoding: chunked\r\n\r\n0\r\n",
	    "A: 0123456789\r\n", HTTP1_TAIL_BYTES / 15 + 1, "BAD");
}

static void
test_it_is_used_again(void **state)
{
	static const char first[] = OK "Transfer-Encoding: chunked\r\n"
				       "Connection: close\r\n\r\n2\r\nab";
	static const char next[] = OK "Content-Length: 1\r\n\r\nx";
	struct reading r;

	(void)state;
	reading_open(&r, true);
	reading_feed(&r, OK "A: ", strlen(OK "A: "), 0);
	http1_reader_start(&r.reader, false);
	reading_feed(&r, first, strlen(first), 0);
	buf_clear(&r.text);
	buf_clear(&r.body);
	buf_clear(&r.fields);
	http1_reader_start(&r.reader, false);
	reading_feed(&r, next, strlen(next), 0);
	assert_str(buf_str(&r.text), "200 keep 1 |Content-Length=1| <x> END");
	reading_close(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_heads),
		cmocka_unit_test(test_keeping_the_connection),
		cmocka_unit_test(test_early_ends),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_everything_is_bounded),
		cmocka_unit_test(test_it_is_used_again),
	};

	srand(7);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
