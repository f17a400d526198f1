/*
 * The reader of providers' answers under random bytes: whole, byte for byte
 * and in pieces it says the same, and it never gives a byte that was not
 * there.
 */
#include "fuzz.h"

#include "upstream/http1_reader.h"

/* Reads in pieces of a size; 0: in pieces that the text decides. Returns how
   many bytes are the answer's. */
static size_t
read_answer(struct str text, size_t piece, bool head_request, struct buf *out)
{
	uint32_t seed = (uint32_t)text.n;
	enum http1_event event = HTTP1_MORE;
	struct http1_reader r;
	struct buf body;
	size_t at = 0;

	http1_reader_init(&r);
	http1_reader_start(&r, head_request);
	buf_init(&body, 1 << 20);
	while (at < text.n && event == HTTP1_MORE) {
		size_t n = piece > 0 ? piece : 1 + fuzz_next(&seed) % 9;
		struct str copy, in;

		n = n < text.n - at ? n : text.n - at;
		in = copy = fuzz_text((const uint8_t *)text.p + at, n);
		do {
			event = http1_reader_next(&r, &in);
			FUZZ_CHECK(
			    in.n <= copy.n && in.p == copy.p + (copy.n - in.n));
			if (event == HTTP1_FIELD)
				buf_printf(out, STR_FMT ": " STR_FMT "\n",
				    STR_ARG(r.name), STR_ARG(r.value));
			else if (event == HTTP1_HEAD)
				buf_printf(out, "%d %d %lld\n", r.status,
				    r.keep_alive, (long long)r.length);
			else if (event == HTTP1_BODY)
				buf_add_str(&body, r.body);
		} while (event == HTTP1_FIELD || event == HTTP1_HEAD ||
			 event == HTTP1_BODY);
		FUZZ_CHECK(event != HTTP1_MORE || in.n == 0);
		FUZZ_CHECK(event != HTTP1_BAD || r.text != NULL);
		at += n - in.n;
		free((void *)(uintptr_t)copy.p);
	}
	FUZZ_CHECK(body.len <= text.n);
	FUZZ_CHECK(event != HTTP1_END || r.length < 0 || body.len == 0 ||
		   body.len == (size_t)r.length);
	buf_add_str(out, buf_str(&body));
	buf_printf(out, "\nend %d eof %d", event, http1_reader_eof(&r));
	buf_fini(&body);
	http1_reader_fini(&r);
	return event == HTTP1_BAD ? 0 : at;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole, bytes, pieces;
	struct str text;
	bool head_request;
	size_t n;

	if (size == 0)
		return 0;
	head_request = (data[0] & 15) == 15;
	text = str_make((const char *)data + 1, size - 1);
	buf_init(&whole, 16 << 20);
	buf_init(&bytes, 16 << 20);
	buf_init(&pieces, 16 << 20);
	n = read_answer(text, SIZE_MAX, head_request, &whole);
	FUZZ_CHECK(read_answer(text, 1, head_request, &bytes) == n);
	FUZZ_CHECK(read_answer(text, 0, head_request, &pieces) == n);
	FUZZ_CHECK(str_eq(buf_str(&whole), buf_str(&bytes)));
	FUZZ_CHECK(str_eq(buf_str(&whole), buf_str(&pieces)));
	buf_fini(&whole);
	buf_fini(&bytes);
	buf_fini(&pieces);
	return 0;
}
