/* The event reader: whole or in pieces, the same events. */
#include "fuzz.h"

#include "wire/sse.h"

#define MAX_EVENT 512

static void
note(const struct sse_event *e, struct buf *out)
{
	buf_printf(out, "%d %zu ", e->comment_only, e->name.n);
	buf_add_str(out, e->name);
	buf_printf(out, " %d %zu ", e->many_lines, e->data.n);
	buf_add_str(out, e->data);
	FUZZ_CHECK(e->data.n <= MAX_EVENT);
}

/* Reads in pieces of a size; 0: in pieces that the text decides. */
static void
read_events(struct str text, size_t piece, struct buf *out)
{
	uint32_t seed = (uint32_t)text.n;
	struct sse_reader r;
	struct sse_event e;
	struct err err;
	int got = 0;

	sse_reader_init(&r, MAX_EVENT);
	while (text.n > 0 && got >= 0) {
		size_t n = piece > 0 ? piece : 1 + fuzz_next(&seed) % 9;
		struct str part;

		n = n < text.n ? n : text.n;
		part = fuzz_text((const uint8_t *)text.p, n);
		text.p += n;
		text.n -= n;
		{
			struct str input = part;

			while ((got = sse_next(&r, &input, &e, &err)) == 1)
				note(&e, out);
		}
		free((void *)(uintptr_t)part.p);
	}
	if (got < 0)
		buf_add_cstr(out, "too large");
	else if (sse_finish(&r, &e) == 1)
		note(&e, out);
	sse_reader_fini(&r);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = fuzz_text(data, size);
	struct buf whole, bytes, pieces;

	buf_init(&whole, 16 << 20);
	buf_init(&bytes, 16 << 20);
	buf_init(&pieces, 16 << 20);
	read_events(text, SIZE_MAX, &whole);
	read_events(text, 1, &bytes);
	read_events(text, 0, &pieces);
	/* Where exactly a line is found too long depends on the pieces. */
	if (!str_ends(buf_str(&whole), "too large") &&
	    !str_ends(buf_str(&bytes), "too large") &&
	    !str_ends(buf_str(&pieces), "too large")) {
		FUZZ_CHECK(str_eq(buf_str(&whole), buf_str(&bytes)));
		FUZZ_CHECK(str_eq(buf_str(&whole), buf_str(&pieces)));
	}
	buf_fini(&whole);
	buf_fini(&bytes);
	buf_fini(&pieces);
	free((void *)(uintptr_t)text.p);
	return 0;
}
