/*
 * The search in the trace files: every line that is wanted once, the newest
 * first, over files and blocks, in any number of pieces; what is no line of
 * ours is stepped over.
 */
#include "scratch.h"
#include "unit.h"

#include "base/buf.h"
#include "base/fd.h"
#include "base/num.h"
#include "station/trace_search.h"

#define PER_FILE 3000

struct scene {
	char *dir, *path;
};

/* What a search found: the numbers of the lines, in their order. */
struct found {
	size_t count, stop_after; /* 0: never */
	int64_t numbers[10000];
	struct trace_place last;
};

static void
add_line(struct buf *b, int64_t n)
{
	/* Of many lengths, and with a text that looks like a member. */
	buf_printf(b,
	    "{\"run_id\":\"r%lld\",\"model\":\"m\",\"time\":"
	    "\"2026-11-%02lldT00:00:00.000000Z\",\"team\":\"t%lld\","
	    "\"user\":\"x\\\",\\\"team\\\":\\\"t0\",\"n\":%lld,\"pad\":\"",
	    (long long)n, (long long)(n * 20 / (3 * PER_FILE) + 1),
	    (long long)(n % 7), (long long)n);
	for (int64_t i = 0; i < n * 37 % 900; i++)
		buf_add_char(b, 'x');
	buf_add_cstr(b, "\"}\n");
}

static void
write_file(const char *path, struct str text)
{
	struct err err;

	assert_int_equal(file_write(path, text, &err), 0);
}

static int
setup(void **state)
{
	struct scene *s = xcalloc(1, sizeof(*s));

	s->dir = scratch_make();
	s->path = path_join(s->dir, "traces.jsonl");
	for (int file = 2; file >= 0; file--) {
		char *path = file == 0 ? xstrdup(s->path)
				       : xasprintf("%s.%d", s->path, file);
		struct buf b;

		buf_init(&b, 64 * 1024 * 1024);
		for (int64_t i = 0; i < PER_FILE; i++)
			add_line(&b, (2 - file) * PER_FILE + i);
		write_file(path, buf_str(&b));
		buf_fini(&b);
		free(path);
	}
	*state = s;
	return 0;
}

static int
teardown(void **state)
{
	struct scene *s = *state;

	scratch_remove(s->dir);
	free(s->path);
	free(s);
	return 0;
}

static bool
on_line(void *arg, struct str text, const struct trace_place *place)
{
	struct found *f = arg;

	assert_int_equal(num_int64(trace_member(text, "n"),
			     &f->numbers[f->count++]),
	    0);
	f->last = *place;
	return f->stop_after == 0 || f->count % f->stop_after != 0;
}

static void
search(const struct scene *s, const struct trace_wanted *w, struct found *f)
{
	enum trace_search_state at = TRACE_SEARCH_MORE;
	struct trace_search *search;
	struct err err;

	assert_int_equal(trace_search_open(s->path, w, &search, &err), 0);
	while (at == TRACE_SEARCH_MORE || at == TRACE_SEARCH_WAIT ||
	       at == TRACE_SEARCH_STOPPED)
		at = trace_search_step(search, on_line, f, &err);
	assert_int_equal(at, TRACE_SEARCH_END);
	trace_search_close(&search);
}

static struct trace_wanted
with(const char *text)
{
	struct trace_wanted w = { .text_count = text != NULL };

	if (text != NULL)
		w.texts[0] = str_of(text);
	return w;
}

static void
test_all_lines_newest_first(void **state)
{
	static const size_t stops[] = { 0, 1, 3, 1000 };

	for (size_t i = 0; i < ARRAY_LEN(stops); i++) {
		struct trace_wanted w = with(NULL);
		struct found f = { .stop_after = stops[i] };

		search(*state, &w, &f);
		assert_int_equal(f.count, 3 * PER_FILE);
		for (size_t n = 0; n < f.count; n++)
			assert_int_equal(f.numbers[n],
			    3 * PER_FILE - 1 - (int64_t)n);
	}
}

static void
test_by_text_and_time(void **state)
{
	struct trace_wanted w = with(",\"team\":\"t0\"");
	struct found f = { 0 }, one = { 0 }, none = { 0 }, day = { 0 };

	search(*state, &w, &f);
	/* Not those whose user has such a text in it. */
	assert_int_equal(f.count, (3 * PER_FILE + 6) / 7);
	w = with("{\"run_id\":\"r4567\"");
	search(*state, &w, &one);
	assert_int_equal(one.count, 1);
	assert_int_equal(one.numbers[0], 4567);
	w = with("{\"run_id\":\"r\"");
	search(*state, &w, &none);
	assert_int_equal(none.count, 0);
	w = with(NULL);
	snprintf(w.since, sizeof(w.since), "2026-11-03T00:00:00.000000Z");
	snprintf(w.until, sizeof(w.until), "2026-11-04T00:00:00.000000Z");
	search(*state, &w, &day);
	assert_int_equal(day.count, 3 * PER_FILE / 20);
	assert_int_equal(day.numbers[0], 3 * 3 * PER_FILE / 20 - 1);
}

static void
test_it_goes_on_from_a_place(void **state)
{
	const struct scene *s = *state;
	struct trace_wanted w = with(",\"team\":\"t3\"");
	struct found all = { 0 }, parts = { 0 };
	enum trace_search_state at;
	struct err err;

	search(s, &w, &all);
	do {
		struct trace_search *search;
		size_t before = parts.count;

		parts.stop_after = 100;
		assert_int_equal(trace_search_open(s->path, &w, &search, &err),
		    0);
		do
			at = trace_search_step(search, on_line, &parts, &err);
		while (at == TRACE_SEARCH_MORE || at == TRACE_SEARCH_WAIT);
		trace_search_close(&search);
		w.before = parts.last;
		if (parts.count == before)
			break;
	} while (at == TRACE_SEARCH_STOPPED);
	assert_int_equal(parts.count, all.count);
	assert_memory_equal(parts.numbers, all.numbers,
	    all.count * sizeof(all.numbers[0]));
	w.before = (struct trace_place){ 1, 0 };
	assert_int_equal(trace_search_open(s->path, &w,
			     &(struct trace_search *){ NULL }, &err),
	    -1);
	assert_int_equal(err.code, ERR_BAD_REQUEST);
}

static void
test_what_is_no_line_is_stepped_over(void **state)
{
	const struct scene *s = *state;
	struct trace_wanted w = with(NULL);
	struct found f = { 0 };
	struct buf b;

	buf_init(&b, 8 * 1024 * 1024);
	add_line(&b, 1);
	buf_add_cstr(&b, "{no json\n\n\nx\n");
	for (int i = 0; i < 1000000; i++)
		buf_add_char(&b, 'y'); /* longer than blocks */
	buf_add_char(&b, '\n');
	add_line(&b, 2);
	buf_add_cstr(&b, "{\"n\":3"); /* under way */
	write_file(s->path, buf_str(&b));
	buf_fini(&b);
	w.texts[0] = str_of("\"n\":");
	w.text_count = 1;
	search(s, &w, &f);
	assert_int_equal(f.count, 2 * PER_FILE + 2);
	assert_int_equal(f.numbers[0], 2);
	assert_int_equal(f.numbers[1], 1);
}

static void
test_members(void **state)
{
	struct str line = str_of("{\"a\":\"x\\\",\\\"b\\\":1\",\"b\":2.5,"
				 "\"c\":null,\"d\":\"\"}");

	(void)state;
	assert_true(str_is(trace_member(line, "a"), "\"x\\\",\\\"b\\\":1\""));
	assert_true(str_is(trace_member(line, "b"), "2.5"));
	assert_true(str_is(trace_member(line, "c"), "null"));
	assert_true(str_is(trace_member(line, "d"), "\"\""));
	assert_int_equal(trace_member(line, "e").n, 0);
	assert_int_equal(trace_member(str_of("{\"a\":\"x"), "a").n, 2);
	assert_int_equal(trace_member(str_of(""), "a").n, 0);
}

#define SCENE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE_TEST(test_all_lines_newest_first),
		SCENE_TEST(test_by_text_and_time),
		SCENE_TEST(test_it_goes_on_from_a_place),
		SCENE_TEST(test_what_is_no_line_is_stepped_over),
		cmocka_unit_test(test_members),
	};

	return cmocka_run_group_tests_name("trace_search", tests, NULL, NULL);
}
