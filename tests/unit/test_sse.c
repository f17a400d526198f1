/* Server-sent events: every way to write them, cut in every way. */
#include "unit.h"

#include "base/hash.h"
#include "wire/sse.h"

#define MAX_EVENT 4096

/* Events as text: "name|data;" each, "#;" for comments only. */
static void
show(const struct sse_event *e, struct buf *out)
{
	if (e->comment_only) {
		buf_add_cstr(out, "#;");
		return;
	}
	buf_add_str(out, e->name);
	buf_add_char(out, '|');
	buf_add_str(out, e->data);
	buf_add_char(out, ';');
	assert_int_equal(e->many_lines,
	    e->data.n > 0 && memchr(e->data.p, '\n', e->data.n) != NULL);
}

/* Feeds text in pieces that `cut` gives (0: all that is left). */
static void
read_in_pieces(struct str text, size_t (*cut)(size_t left), struct buf *out)
{
	struct sse_reader r;
	struct sse_event e;
	struct err err;

	sse_reader_init(&r, MAX_EVENT);
	while (text.n > 0) {
		size_t n = cut(text.n);
		char *copy;
		struct str piece;

		/* Its own memory, freed afterwards: borrowing is caught. */
		copy = xmalloc(n);
		memcpy(copy, text.p, n);
		piece = str_make(copy, n);
		while (sse_next(&r, &piece, &e, &err) == 1)
			show(&e, out);
		assert_int_equal(piece.n, 0);
		free(copy);
		text.p += n;
		text.n -= n;
	}
	if (sse_finish(&r, &e) == 1) {
		buf_add_cstr(out, "END:");
		show(&e, out);
	}
	sse_reader_fini(&r);
}

static size_t
whole(size_t left)
{
	return left;
}

static size_t
one(size_t left)
{
	(void)left;
	return 1;
}

static size_t
at_random(size_t left)
{
	size_t n = 1 + (size_t)(random_u64() % 7);

	return n < left ? n : left;
}

static const struct {
	const char *name, *text, *want;
} rows[] = {
	{ "usual", "data: {\"a\":1}\n\ndata: [DONE]\n\n",
	    "|{\"a\":1};|[DONE];" },
	{ "CRLF", "data: a\r\n\r\ndata: b\r\n\r\n", "|a;|b;" },
	{ "CR alone", "data: a\r\rdata: b\r\r", "|a;|b;" },
	{ "mixed", "data: a\r\n\ndata: b\n\r\ndata: c\r\rdata: d\n\n",
	    "|a;|b;|c;|d;" },
	{ "no blank after the colon", "data:x\n\ndata:  y\n\n", "|x;| y;" },
	{ "BOM",
	    "\xef\xbb\xbf"
	    "data: x\n\n",
	    "|x;" },
	{ "BOM only at the start",
	    "data: x\n\n\xef\xbb\xbf"
	    "data: y\n\n",
	    "|x;" },
	{ "several data lines", "data: {\ndata: \"a\":1\ndata: }\n\n",
	    "|{\n\"a\":1\n};" },
	{ "empty data", "data:\n\ndata\n\n", "|;|;" },
	{ "empty and more", "data\ndata: x\ndata:\n\n", "|\nx\n;" },
	{ "names", "event: ping\ndata: {}\n\nevent:stop\ndata:1\n\ndata:2\n\n",
	    "ping|{};stop|1;|2;" },
	{ "name without data", "event: ping\n\ndata: x\n\n", "|x;" },
	{ "comments", ": keep-alive\n\n:\n\n: a\n: b\n\ndata: x\n\n",
	    "#;#;#;|x;" },
	{ "comment within", ": c\ndata: x\n: d\n\n", "|x;" },
	{ "other fields",
	    "id: 7\nretry: 10\nfoo\nfoo: bar\ndata: x\n\nid: 8\n\n", "|x;" },
	{ "field names are exact", "Data: x\ndatax: y\n data: z\n\n", "" },
	{ "blank lines", "\n\n\r\n\r\rdata: x\n\n\n\n", "|x;" },
	{ "no last blank line", "data: x\n\ndata: [DONE]\n",
	    "|x;END:|[DONE];" },
	{ "no line end at all", "data: x\n\ndata: [DONE]", "|x;END:|[DONE];" },
	{ "cut before data", "data: x\n\neve", "|x;" },
	{ "cut in a comment", "data: x\n\n: pi", "|x;" },
	{ "UTF-8", "data: h\xc3\xa9 \xf0\x9f\x98\x80\n\n",
	    "|h\xc3\xa9 \xf0\x9f\x98\x80;" },
	{ "colon in data", "data: a: b:c\n\n", "|a: b:c;" },
	{ "long line",
	    "data: 0123456789012345678901234567890123456789\r\n\r\n"
	    "data: next\n\n",
	    "|0123456789012345678901234567890123456789;|next;" },
};

static void
test_events_however_they_are_cut(void **state)
{
	size_t (*const cuts[])(
	    size_t) = { whole, one, at_random, at_random, at_random };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		for (size_t k = 0; k < ARRAY_LEN(cuts); k++) {
			struct buf out;

			buf_init(&out, 65536);
			read_in_pieces(str_of(rows[i].text), cuts[k], &out);
			if (strcmp(buf_cstr(&out), rows[i].want) != 0)
				fail_msg("%s, cut %zu: %s", rows[i].name, k,
				    buf_cstr(&out));
			buf_fini(&out);
		}
	}
}

/* Every row behind every other one, cut in two at every byte. */
static void
test_two_pieces_at_every_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct str text = str_of(rows[i].text);

		for (size_t at = 1; at < text.n; at++) {
			struct sse_reader r;
			struct sse_event e;
			struct err err;
			struct buf out;
			struct str a = str_make(text.p, at);
			struct str b = str_make(text.p + at, text.n - at);

			buf_init(&out, 65536);
			sse_reader_init(&r, MAX_EVENT);
			while (sse_next(&r, &a, &e, &err) == 1)
				show(&e, &out);
			while (sse_next(&r, &b, &e, &err) == 1)
				show(&e, &out);
			if (sse_finish(&r, &e) == 1) {
				buf_add_cstr(&out, "END:");
				show(&e, &out);
			}
			assert_string_equal(buf_cstr(&out), rows[i].want);
			sse_reader_fini(&r);
			buf_fini(&out);
		}
	}
}

static void
test_whole_events_are_not_copied(void **state)
{
	static const char text[] = "event: a\ndata: {\"x\":1}\n\n";
	struct str input = str_of(text);
	struct sse_reader r;
	struct sse_event e;
	struct err err;

	(void)state;
	sse_reader_init(&r, MAX_EVENT);
	assert_int_equal(sse_next(&r, &input, &e, &err), 1);
	assert_ptr_equal(e.data.p, text + 15);
	assert_int_equal(r.data.size, 0);
	sse_reader_fini(&r);
}

/* Feeds a line of n bytes in pieces; 1 an event, 0 none, -1 refused. */
static int
feed_line(size_t n, size_t piece)
{
	struct sse_reader r;
	struct sse_event e;
	struct err err;
	char *text = xmalloc(n + 8);
	struct str all;
	int result = 0;

	memset(text, 'x', n + 8);
	memcpy(text, "data: ", 6);
	memcpy(text + 6 + n, "\n\n", 2);
	all = str_make(text, n + 8);
	sse_reader_init(&r, MAX_EVENT);
	while (all.n > 0 && result == 0) {
		struct str s = str_make(all.p, piece < all.n ? piece : all.n);

		all.p += s.n;
		all.n -= s.n;
		while (s.n > 0 && result == 0)
			result = sse_next(&r, &s, &e, &err);
	}
	if (result == -1)
		assert_int_equal(err.code, ERR_UPSTREAM_FORMAT);
	sse_reader_fini(&r);
	free(text);
	return result;
}

static void
test_events_have_a_maximum(void **state)
{
	(void)state;
	assert_int_equal(feed_line(100, 10000), 1);
	assert_int_equal(feed_line(MAX_EVENT - 6, 7), 1);
	assert_int_equal(feed_line(MAX_EVENT, 10000), 1);
	assert_int_equal(feed_line(MAX_EVENT + 1, 10000), -1);
	assert_int_equal(feed_line(MAX_EVENT + 1, 7), -1);
	assert_int_equal(feed_line(1000000, 100), -1);
}

static void
test_many_small_data_lines_have_a_maximum(void **state)
{
	struct sse_reader r;
	struct sse_event e;
	struct err err;
	int result = 0;

	(void)state;
	sse_reader_init(&r, MAX_EVENT);
	for (int i = 0; i < 10000 && result == 0; i++) {
		struct str s = str_of("data: 0123456789\n");

		result = sse_next(&r, &s, &e, &err);
	}
	assert_int_equal(result, -1);
	sse_reader_fini(&r);
}

static void
test_a_huge_event_gives_its_memory_back(void **state)
{
	struct sse_reader r;
	struct sse_event e;
	struct err err;
	struct buf text;
	struct str s;

	(void)state;
	buf_init(&text, 1 << 20);
	buf_add_cstr(&text, "data: ");
	for (int i = 0; i < 50000; i++)
		buf_add_cstr(&text, "0123456789");
	sse_reader_init(&r, 1 << 20);
	s = buf_str(&text);
	assert_int_equal(sse_next(&r, &s, &e, &err), 0);
	s = str_of("\n\ndata: x\n\n");
	assert_int_equal(sse_next(&r, &s, &e, &err), 1);
	assert_int_equal(e.data.n, 500000);
	assert_int_equal(sse_next(&r, &s, &e, &err), 1);
	assert_str(e.data, "x");
	assert_true(r.line.size + r.data.size < 32768);
	sse_reader_fini(&r);
	buf_fini(&text);
}

static void
test_reset_forgets(void **state)
{
	struct sse_reader r;
	struct sse_event e;
	struct err err;
	struct str s = str_of("event: x\ndata: half");

	(void)state;
	sse_reader_init(&r, MAX_EVENT);
	assert_int_equal(sse_next(&r, &s, &e, &err), 0);
	sse_reader_reset(&r);
	s = str_of("data: new\n\n");
	assert_int_equal(sse_next(&r, &s, &e, &err), 1);
	assert_str(e.name, "");
	assert_str(e.data, "new");
	sse_reader_fini(&r);
}

static void
test_writing_reads_back(void **state)
{
	static const struct {
		const char *name, *data, *want;
	} out_rows[] = {
		{ "", "x", "data: x\n\n" },
		{ "error", "{}", "event: error\ndata: {}\n\n" },
		{ "", "a\nb", "data: a\ndata: b\n\n" },
		{ "", "a\r\nb\rc", "data: a\ndata: b\ndata: c\n\n" },
	};
	struct buf b;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(out_rows); i++) {
		buf_init(&b, 256);
		assert_int_equal(sse_write(&b, str_of(out_rows[i].name),
				     str_of(out_rows[i].data)),
		    0);
		assert_string_equal(buf_cstr(&b), out_rows[i].want);
		buf_fini(&b);
	}
	buf_init(&b, 10); /* no room: nothing is left behind */
	assert_int_equal(sse_write(&b, str_of(""), str_of("0123456789")), -1);
	assert_int_equal(b.len, 0);
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_events_however_they_are_cut),
		cmocka_unit_test(test_two_pieces_at_every_byte),
		cmocka_unit_test(test_whole_events_are_not_copied),
		cmocka_unit_test(test_events_have_a_maximum),
		cmocka_unit_test(test_many_small_data_lines_have_a_maximum),
		cmocka_unit_test(test_a_huge_event_gives_its_memory_back),
		cmocka_unit_test(test_reset_forgets),
		cmocka_unit_test(test_writing_reads_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
