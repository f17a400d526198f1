/*
 * Forms: any bytes as a body. Parts stand inside of the body, in order, and
 * cover it; as a request, what goes up is what stays of the body with another
 * model's name in it. The same bytes as a sound file have some length. Corpus:
 * tests/fuzz/corpus/fuzz_form.
 */
#include "fuzz.h"

#include "wire/media/form.h"
#include "wire/media/form_request.h"
#include "wire/media/sound.h"

#define TYPE "multipart/form-data; boundary=B"

static void
check_parts(const struct form *f, struct str body)
{
	size_t at = 0;

	for (size_t i = 0; i < f->part_count; i++) {
		const struct form_part *p = &f->parts[i];

		FUZZ_CHECK(p->start == at && p->name.p != NULL);
		FUZZ_CHECK(p->value_start > at);
		FUZZ_CHECK(p->value.p == body.p + p->value_start);
		FUZZ_CHECK(
		    str_starts(str_make(body.p + at, body.n - at), "--B\r\n"));
		at = i + 1 < f->part_count ? f->parts[i + 1].start : f->end;
		FUZZ_CHECK(p->value_start + p->value.n + 2 == at);
	}
	FUZZ_CHECK(str_starts(str_make(body.p + at, body.n - at), "--B--"));
}

static void
check_request(enum wire_api api, struct str body, struct arena *arena)
{
	struct wire_choice choice = { .upstream_model = "up" };
	struct wire_request r;
	struct wire_call call;
	const char *param;
	struct form *f;
	struct err err;
	struct buf out;

	if (form_request_parse(api, str_of(TYPE), body, arena, &r, &param,
		&err) != 0) {
		FUZZ_CHECK(err.text[0] != '\0');
		return;
	}
	memset(&call, 0, sizeof(call));
	form_request_write(&r, &choice, &call);
	buf_init(&out, body.n + 64);
	for (size_t i = 0; i < call.piece_count; i++)
		buf_add_str(&out, call.pieces[i]);
	FUZZ_CHECK(out.len == call.body_bytes && !out.overflowed);
	f = arena_alloc(arena, sizeof(*f));
	FUZZ_CHECK(form_read(str_of(TYPE), buf_str(&out), f, &err) == 0);
	check_parts(f, buf_str(&out));
	buf_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena;
	struct form *f;
	struct str body;
	struct err err = { .text = "" };

	if (size == 0)
		return 0;
	arena_init(&arena, 4096);
	f = arena_alloc(&arena, sizeof(*f));
	body = fuzz_text(data + 1, size - 1);
	FUZZ_CHECK(sound_millis(body) >= 0);
	/* A type of any bytes. */
	if (form_is_type(body))
		(void)form_read(body, str_of("--B--"), f, &err);
	if (form_read(str_of(TYPE), body, f, &err) == 0)
		check_parts(f, body);
	else
		FUZZ_CHECK(err.text[0] != '\0');
	check_request((data[0] & 1) != 0 ? WIRE_TRANSCRIPTIONS
					 : WIRE_IMAGE_EDITS,
	    body, &arena);
	free((void *)(uintptr_t)body.p);
	arena_fini(&arena);
	return 0;
}
