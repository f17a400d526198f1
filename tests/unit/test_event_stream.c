/* AWS's event streams: read whole, byte by byte, broken. */
#include "unit.h"

#include "base/event_stream.h"

static struct buf bytes;
static struct event_stream reader;

/* What a reader makes of it: "event/messageStart/{}|..." , at its end "cut",
   "bad" or nothing. */
static void
read_all(struct str input, size_t step, struct buf *out)
{
	struct event_message m;
	struct err err;
	int got = 0;

	event_stream_init(&reader, 4096);
	while (input.n > 0 && got >= 0) {
		struct str piece =
		    str_make(input.p, step < input.n ? step : input.n);

		input.p += piece.n;
		input.n -= piece.n;
		while (
		    (got = event_stream_next(&reader, &piece, &m, &err)) == 1)
			buf_printf(out,
			    STR_FMT "/" STR_FMT STR_FMT "/" STR_FMT "|",
			    STR_ARG(m.message_type), STR_ARG(m.event_type),
			    STR_ARG(m.exception_type), STR_ARG(m.payload));
	}
	if (got < 0)
		assert_int_equal(err.code, ERR_UPSTREAM_FORMAT);
	buf_add_cstr(out, got < 0                        ? "bad"
			  : event_stream_is_cut(&reader) ? "cut"
							 : "");
	event_stream_fini(&reader);
}

static void
check(struct str input, const char *want)
{
	for (size_t step = 1; step <= input.n + 1;
	     step = step < 20 ? step + 1 : 4 * step) {
		struct buf out;

		buf_init(&out, 4096);
		read_all(input, step, &out);
		assert_string_equal(buf_cstr(&out), want);
		buf_fini(&out);
	}
}

static void
messages_come_whole_however_they_are_cut(void **state)
{
	(void)state;
	buf_init(&bytes, 65536);
	event_stream_write(&bytes, "event", ":event-type", "messageStart",
	    str_of("{\"role\":\"assistant\"}"));
	event_stream_write(&bytes, "event", ":event-type", "x", str_of(""));
	event_stream_write(&bytes, "exception", ":exception-type",
	    "throttlingException", str_of("{\"message\":\"slow\"}"));
	check(buf_str(&bytes),
	    "event/messageStart/{\"role\":\"assistant\"}|event/x/|"
	    "exception/throttlingException/{\"message\":\"slow\"}|");
	check(str_make(bytes.data, bytes.len - 1),
	    "event/messageStart/{\"role\":\"assistant\"}|event/x/|cut");
	check(str_make(bytes.data, 3), "cut");
	buf_fini(&bytes);
}

/* A message as another encoder wrote it: an empty one, and one with a header
   of each type. */
static void
messages_of_others(void **state)
{
	static const char empty[] = "\x00\x00\x00\x10\x00\x00\x00\x00\x05\xc2"
				    "\x48\xeb\x7d\x98\xc8\xff";

	static const char types[] =
	    "\x00\x00\x00\x7e\x00\x00\x00\x6c\x67\xc4\xac\xb4\x0b\x3a"
	    "\x65\x76\x65\x6e\x74\x2d\x74\x79\x70\x65\x07\x00\x01\x6d"
	    "\x0d\x3a\x6d\x65\x73\x73\x61\x67\x65\x2d\x74\x79\x70\x65"
	    "\x07\x00\x05\x65\x76\x65\x6e\x74\x01\x61\x00\x01\x62\x01"
	    "\x01\x63\x02\x09\x01\x64\x03\x00\x09\x01\x65\x04\x00\x00"
	    "\x00\x09\x01\x66\x05\x00\x00\x00\x00\x00\x00\x00\x00\x01"
	    "\x67\x06\x00\x02\x78\x79\x01\x68\x08\x00\x00\x00\x00\x00"
	    "\x00\x00\x00\x01\x69\x09\x00\x00\x00\x00\x00\x00\x00\x00"
	    "\x00\x00\x00\x00\x00\x00\x00\x00\x7b\x7d\x45\xb2\x07\x4b";

	(void)state;
	check(str_make(empty, 16), "//|");
	check(str_make(types, 126), "event/m/{}|");
}

static void
every_wrong_byte_is_found(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&bytes, 65536);
	event_stream_write(&bytes, "event", ":event-type", "m", str_of("{}"));
	for (size_t i = 0; i < bytes.len; i++) {
		bytes.data[i] ^= 0x40;
		buf_init(&out, 4096);
		read_all(buf_str(&bytes), SIZE_MAX, &out);
		assert_string_equal(buf_cstr(&out), "bad");
		buf_fini(&out);
		bytes.data[i] ^= 0x40;
	}
	buf_fini(&bytes);
}

static void
the_limit_holds(void **state)
{
	char payload[5000];

	(void)state;
	memset(payload, 'a', sizeof(payload));
	buf_init(&bytes, 65536);
	event_stream_write(&bytes, "event", ":event-type", "m",
	    str_make(payload, sizeof(payload)));
	check(buf_str(&bytes), "bad");
	buf_fini(&bytes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_come_whole_however_they_are_cut),
		cmocka_unit_test(messages_of_others),
		cmocka_unit_test(every_wrong_byte_is_found),
		cmocka_unit_test(the_limit_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
