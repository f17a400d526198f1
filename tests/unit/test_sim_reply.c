/* How the simulator sends: framing, pace, and every way to go wrong. */
#include "unit.h"

#include "base/clock.h"
#include "sim/reply.h"

#define MSEC NSECS_PER_MSEC

/* A source of `count` chunks "c0", "c1" … and the terminal "END". */
struct source {
	int at, count;
};

static int
next(void *ctx, struct reply_chunk *chunk)
{
	struct source *s = ctx;

	if (s->at > s->count)
		return 0;
	if (s->at == s->count) {
		buf_add_cstr(&chunk->json, "END");
		chunk->last = true;
	} else {
		buf_printf(&chunk->json, "c%d", s->at);
		chunk->tokens = 1;
	}
	s->at++;
	return 1;
}

struct fixture {
	struct reply reply;
	struct source source;
	struct buf out;
	int64_t until;
};

static int
setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	reply_init(&f->reply);
	buf_init(&f->out, 4 << 20);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	reply_fini(&f->reply);
	buf_fini(&f->out);
	free(f);
	return 0;
}

static struct faults *
prepare(struct fixture *f, int minor)
{
	reply_reset(&f->reply);
	faults_init(&f->reply.faults);
	f->reply.minor = minor;
	f->reply.keep_alive = minor == 1;
	buf_clear(&f->out);
	return &f->reply.faults;
}

static struct faults *
plain(struct fixture *f, const char *body)
{
	struct faults *faults = prepare(f, 1);

	buf_add_cstr(&f->reply.body, body);
	f->reply.body_tokens = 2;
	return faults;
}

static struct faults *
stream(struct fixture *f, int chunks)
{
	struct faults *faults = prepare(f, 1);

	f->source.at = 0;
	f->source.count = chunks;
	f->reply.source = next;
	f->reply.source_ctx = &f->source;
	f->reply.content_type = "text/event-stream";
	return faults;
}

/* Steps at `now` until it waits or ends. */
static enum reply_step
step_at(struct fixture *f, int64_t now)
{
	enum reply_step step;

	do {
		step = reply_step(&f->reply, now, &f->out, &f->until);
	} while (step == REPLY_MORE);
	return step;
}

static enum reply_step
run(struct fixture *f)
{
	reply_begin(&f->reply, 0);
	return step_at(f, 0);
}

/* The bytes behind the head. */
static const char *
body_of(struct fixture *f)
{
	const char *end = strstr(buf_cstr(&f->out), "\r\n\r\n");

	assert_non_null(end);
	return end + 4;
}

#define C0 "a\r\ndata: c0\n\n\r\n"
#define C1 "a\r\ndata: c1\n\n\r\n"
#define C2 "a\r\ndata: c2\n\n\r\n"
#define E  "b\r\ndata: END\n\n\r\n"
#define Z  "0\r\n\r\n"

static void
test_plain_answer(void **state)
{
	struct fixture *f = *state;

	plain(f, "{\"a\":1}");
	f->reply.server = "server: t\r\n";
	buf_add_cstr(&f->reply.extra, "x: y\r\n");
	assert_int_equal(run(f), REPLY_END);
	assert_string_equal(buf_cstr(&f->out),
	    "HTTP/1.1 200 OK\r\nserver: t\r\ncontent-type: "
	    "application/json\r\nx: y\r\ncontent-length: 7\r\n\r\n{\"a\":1}");
	assert_int_equal(f->reply.outcome, OUTCOME_SERVED);
	assert_int_equal(f->reply.after, AFTER_KEEP);
	assert_int_equal(f->reply.tokens_sent, 2);
}

static void
test_stream_is_chunked(void **state)
{
	struct fixture *f = *state;

	stream(f, 2);
	assert_int_equal(run(f), REPLY_END);
	assert_string_equal(body_of(f), C0 C1 E Z);
	assert_non_null(
	    strstr(buf_cstr(&f->out), "transfer-encoding: chunked\r\n"));
	assert_null(strstr(buf_cstr(&f->out), "content-length"));
	assert_int_equal(f->reply.outcome, OUTCOME_SERVED);
	assert_int_equal(f->reply.after, AFTER_KEEP);
	assert_int_equal(f->reply.tokens_sent, 2);
}

static void
test_http10_gets_no_chunks_and_a_close(void **state)
{
	struct fixture *f = *state;

	stream(f, 1);
	f->reply.minor = 0;
	f->reply.keep_alive = true;
	assert_int_equal(run(f), REPLY_END);
	assert_string_equal(body_of(f), "data: c0\n\ndata: END\n\n");
	assert_non_null(strstr(buf_cstr(&f->out), "connection: close\r\n"));
	assert_int_equal(f->reply.after, AFTER_LINGER);
	/* with a length the connection can be kept, but must say so */
	plain(f, "{}");
	f->reply.minor = 0;
	assert_int_equal(run(f), REPLY_END);
	assert_non_null(
	    strstr(buf_cstr(&f->out), "connection: keep-alive\r\n"));
	assert_int_equal(f->reply.after, AFTER_KEEP);
}

static void
test_latency_and_pace(void **state)
{
	struct fixture *f = *state;
	struct faults *faults = stream(f, 3);

	faults->latency_ms = 50;
	faults->ttft_ms = 20;
	faults->tokens_per_second = 100 * FAULT_REAL_ONE;
	reply_begin(&f->reply, 0);
	assert_int_equal(step_at(f, 0), REPLY_WAIT);
	assert_int_equal(f->until, 50 * MSEC);
	assert_int_equal(f->out.len, 0);
	assert_int_equal(step_at(f, 50 * MSEC), REPLY_WAIT);
	assert_string_equal(body_of(f), ""); /* the head alone */
	assert_int_equal(f->until, 70 * MSEC);
	assert_int_equal(step_at(f, 70 * MSEC - 1), REPLY_WAIT);
	assert_string_equal(body_of(f), "");
	assert_int_equal(step_at(f, 70 * MSEC), REPLY_WAIT);
	assert_string_equal(body_of(f), C0);
	assert_int_equal(f->until, 80 * MSEC);
	/* late: what is due comes at once, the pace is not lost */
	assert_int_equal(step_at(f, 95 * MSEC), REPLY_END);
	assert_string_equal(body_of(f), C0 C1 C2 E Z);
}

static void
test_plain_answer_takes_as_long_as_its_stream(void **state)
{
	struct fixture *f = *state;
	struct faults *faults = plain(f, "{}");

	faults->latency_ms = 10;
	faults->ttft_ms = 5;
	faults->tokens_per_second = FAULT_REAL_ONE; /* 2 tokens: 2 s */
	assert_int_equal(run(f), REPLY_WAIT);
	assert_int_equal(f->until, 2015 * MSEC);
	assert_int_equal(step_at(f, f->until), REPLY_END);
}

static void
test_slow_head_comes_in_parts(void **state)
{
	struct fixture *f = *state;
	struct faults *faults = plain(f, "{}");
	size_t before = 0;
	char *whole;
	int parts = 0;

	assert_int_equal(run(f), REPLY_END);
	whole = xstrdup(buf_cstr(&f->out));
	faults = plain(f, "{}");
	faults->slow_headers_ms = 80;
	reply_begin(&f->reply, 0);
	while (step_at(f, f->until) == REPLY_WAIT) {
		assert_true(f->out.len > before || parts == 0);
		before = f->out.len;
		parts++;
		assert_int_equal(f->until, parts * 10 * MSEC);
	}
	assert_int_equal(parts, 8);
	assert_string_equal(buf_cstr(&f->out), whole);
	free(whole);
}

static void
test_cuts(void **state)
{
	static const struct {
		int64_t after_chunks;
		enum fault_ending mode;
		const char *body;
		enum reply_after after;
		int64_t tokens;
	} rows[] = {
		{ 0, ENDING_CLOSE, "", AFTER_CLOSE, 0 },
		{ 2, ENDING_CLOSE, C0 C1, AFTER_CLOSE, 2 },
		{ 2, ENDING_RESET, C0 C1, AFTER_RESET, 2 },
		{ 1, ENDING_CLEAN, C0 Z, AFTER_KEEP, 1 },
		{ 1, ENDING_HALF, C0 "a\r\ndata", AFTER_CLOSE, 1 },
		/* never with the terminal event, however large N is */
		{ 99, ENDING_CLOSE, C0 C1 C2, AFTER_CLOSE, 3 },
		{ 3, ENDING_CLEAN, C0 C1 C2 Z, AFTER_KEEP, 3 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct faults *faults = stream(f, 3);

		faults->cut_after_chunks = rows[i].after_chunks;
		faults->cut_mode = rows[i].mode;
		assert_int_equal(run(f), REPLY_END);
		assert_string_equal(body_of(f), rows[i].body);
		assert_int_equal(f->reply.outcome, OUTCOME_CUT);
		assert_int_equal(f->reply.after, rows[i].after);
		assert_int_equal(f->reply.tokens_sent, rows[i].tokens);
	}
}

static void
test_cut_plain_sends_half(void **state)
{
	struct fixture *f = *state;

	plain(f, "0123456789")->cut_plain = 1;
	assert_int_equal(run(f), REPLY_END);
	assert_string_equal(body_of(f), "01234");
	assert_non_null(strstr(buf_cstr(&f->out), "content-length: 10\r\n"));
	assert_int_equal(f->reply.outcome, OUTCOME_CUT);
	assert_int_equal(f->reply.after, AFTER_CLOSE);
	assert_int_equal(f->reply.tokens_sent, 0);
	/* an error answer is not cut */
	plain(f, "0123456789")->cut_plain = 1;
	f->reply.status = 500;
	assert_int_equal(run(f), REPLY_END);
	assert_string_equal(body_of(f), "0123456789");
	assert_int_equal(f->reply.outcome, OUTCOME_ERROR);
}

static void
test_stalls(void **state)
{
	struct fixture *f = *state;

	stream(f, 3)->stall_after_chunks = 1;
	assert_int_equal(run(f), REPLY_STALL);
	assert_string_equal(body_of(f), C0);
	assert_int_equal(step_at(f, 3600 * NSECS_PER_SEC), REPLY_STALL);
	assert_string_equal(body_of(f), C0);
	assert_int_equal(f->reply.outcome, OUTCOME_STALLED);
	stream(f, 3)->stall_after_chunks = 99;
	assert_int_equal(run(f), REPLY_STALL);
	assert_string_equal(body_of(f), C0 C1 C2);
	plain(f, "0123456789")->stall_after_chunks = 0;
	assert_int_equal(run(f), REPLY_STALL);
	assert_string_equal(body_of(f), "01234");
}

static void
test_malformed(void **state)
{
	struct fixture *f = *state;

	stream(f, 2)->malformed_chunk = 2;
	assert_int_equal(run(f), REPLY_END);
	assert_string_equal(body_of(f), C0 "9\r\ndata: c\n\n\r\n" E Z);
	assert_int_equal(f->reply.outcome, OUTCOME_ERROR);
	plain(f, "{\"a\":1}")->malformed_chunk = 1;
	assert_int_equal(run(f), REPLY_END);
	assert_string_equal(body_of(f), "{\"a");
	assert_non_null(strstr(buf_cstr(&f->out), "content-length: 3\r\n"));
	assert_int_equal(f->reply.outcome, OUTCOME_ERROR);
}

static void
test_error_in_a_stream(void **state)
{
	struct fixture *f = *state;

	stream(f, 3)->error_after_chunks = 1;
	buf_add_cstr(&f->reply.error_json, "{}");
	f->reply.error_event = "error";
	assert_int_equal(run(f), REPLY_END);
	assert_string_equal(body_of(f),
	    C0 "17\r\nevent: error\ndata: {}\n\n\r\n" Z);
	assert_int_equal(f->reply.outcome, OUTCOME_ERROR);
	assert_int_equal(f->reply.after, AFTER_LINGER);
}

static void
test_no_head_or_no_http(void **state)
{
	struct fixture *f = *state;
	struct faults *faults = plain(f, "{}");

	faults->close_before_head = 1;
	assert_int_equal(run(f), REPLY_END);
	assert_int_equal(f->out.len, 0);
	assert_int_equal(f->reply.outcome, OUTCOME_CUT);
	assert_int_equal(f->reply.after, AFTER_CLOSE);
	assert_false(f->reply.head_sent);
	faults = plain(f, "{}");
	faults->close_before_head = 1;
	faults->cut_mode = ENDING_RESET;
	assert_int_equal(run(f), REPLY_END);
	assert_int_equal(f->reply.after, AFTER_RESET);
	plain(f, "{}")->garbage = 1;
	assert_int_equal(run(f), REPLY_END);
	assert_true(f->out.len > 0);
	assert_null(strstr(buf_cstr(&f->out), "HTTP/1"));
	assert_int_equal(f->reply.outcome, OUTCOME_CUT);
}

static void
test_giant_header_has_its_size(void **state)
{
	struct fixture *f = *state;
	const char *at;

	plain(f, "{}")->giant_header = 100000;
	assert_int_equal(run(f), REPLY_END);
	at = strstr(buf_cstr(&f->out), "x-sim-giant: ");
	assert_non_null(at);
	assert_int_equal(strspn(at + 13, "g"), 100000);
}

/* A long stream is made piece by piece, not all at once. */
static void
test_long_streams_come_in_batches(void **state)
{
	struct fixture *f = *state;
	int steps = 0;

	stream(f, 100000);
	reply_begin(&f->reply, 0);
	while (reply_step(&f->reply, 0, &f->out, &f->until) == REPLY_MORE) {
		assert_true(f->out.len < 2 * REPLY_BATCH_BYTES);
		buf_clear(&f->out);
		steps++;
	}
	assert_true(steps > 50);
	assert_int_equal(f->reply.tokens_sent, 100000);
}

#define REPLY_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		REPLY_TEST(test_plain_answer),
		REPLY_TEST(test_stream_is_chunked),
		REPLY_TEST(test_http10_gets_no_chunks_and_a_close),
		REPLY_TEST(test_latency_and_pace),
		REPLY_TEST(test_plain_answer_takes_as_long_as_its_stream),
		REPLY_TEST(test_slow_head_comes_in_parts),
		REPLY_TEST(test_cuts),
		REPLY_TEST(test_cut_plain_sends_half),
		REPLY_TEST(test_stalls),
		REPLY_TEST(test_malformed),
		REPLY_TEST(test_error_in_a_stream),
		REPLY_TEST(test_no_head_or_no_http),
		REPLY_TEST(test_giant_header_has_its_size),
		REPLY_TEST(test_long_streams_come_in_batches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
