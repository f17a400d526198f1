/*
 * Forms: what is read from one, what is refused, and what becomes of it on its
 * way to a provider.
 */
#include "unit.h"

#include "config/config.h"
#include "wire/media/form.h"
#include "wire/media/form_request.h"

#define CD   "Content-Disposition: form-data; "
#define TYPE "multipart/form-data; boundary=B"

static struct arena arena;

/* 0, or -1 with the message in err. */
static int
read_form(const char *type, struct str body, struct form *form, struct err *err)
{
	return form_read(str_of(type), body, form, err);
}

static void
test_parts_stand_where_they_are(void **state)
{
	static const char body[] = "--B\r\n" CD "name=\"model\"\r\n\r\nears\r\n"
				   "--B\r\nContent-Type: audio/wav\r\n" CD
				   "filename=\"a;b.wav\"; name=file\r\n\r\n"
				   "\r\n--C\r\n-\r\n--\r\n--B--\r\n";
	struct form *form = arena_alloc(&arena, sizeof(*form));
	struct err err;

	(void)state;
	assert_int_equal(read_form("Multipart/Form-Data; charset=x;boundary=B",
			     str_of(body), form, &err),
	    0);
	assert_int_equal(form->part_count, 2);
	assert_true(str_is(form->parts[0].name, "model"));
	assert_true(str_is(form->parts[0].value, "ears"));
	assert_null(form->parts[0].filename.p);
	assert_int_equal(form->parts[0].start, 0);
	assert_true(str_is(form->parts[1].name, "file"));
	assert_true(str_is(form->parts[1].filename, "a;b.wav"));
	assert_true(str_is(form->parts[1].value, "\r\n--C\r\n-\r\n--"));
	assert_true(str_starts(str_of(body + form->parts[1].start), "--B"));
	assert_true(str_is(str_of(body + form->end), "--B--\r\n"));
}

static void
test_what_two_could_read_differently_is_refused(void **state)
{
	static const struct {
		const char *type, *body, *why;
	} rows[] = {
		{ "multipart/form-data", "--B--", "no boundary" },
		{ "multipart/form-data; boundary=", "--B--", "no boundary" },
		{ TYPE "; boundary=C", "--B--", "two boundaries" },
		{ "multipart/form-data; boundary=\"a b\"", "--a b--",
		    "character" },
		{ TYPE, "", "does not begin" },
		{ TYPE, "x--B\r\n", "does not begin" },
		{ TYPE, "\r\n--B\r\n", "does not begin" },
		{ TYPE, "--B--", "it is empty" },
		{ TYPE, "--B", "behind a boundary" },
		{ TYPE, "--B\n" CD "name=a\n\nx\n--B--", "behind a boundary" },
		{ TYPE, "--Bx\r\n" CD "name=a\r\n\r\nx\r\n--B--",
		    "behind a boundary" },
		{ TYPE, "--B \r\n" CD "name=a\r\n\r\nx\r\n--B--",
		    "behind a boundary" },
		{ TYPE, "--B\r\n" CD "name=a\r\n\r\nx\r\n--B--x",
		    "behind a boundary" },
		{ TYPE, "--B\r\n" CD "name=a\r\n\r\nx\r\n--B--\r\nx",
		    "behind a boundary" },
		{ TYPE, "--B\r\n" CD "name=a\r\n\r\nx", "last boundary" },
		{ TYPE, "--B\r\n" CD "name=a", "have no end" },
		{ TYPE, "--B\r\n" CD "name=a\r\n\r\nx\n--B--",
		    "last boundary" },
		{ TYPE, "--B\r\n\r\nx\r\n--B--", "without a name" },
		{ TYPE, "--B\r\n" CD "x=a\r\n\r\nx\r\n--B--",
		    "without a name" },
		{ TYPE, "--B\r\n" CD "name=a; name=b\r\n\r\nx\r\n--B--",
		    "two names" },
		{ TYPE, "--B\r\n" CD "name=a\r\n" CD "name=b\r\n\r\nx\r\n--B--",
		    "two dispositions" },
		{ TYPE, "--B\r\n" CD "\r\n name=a\r\n\r\nx\r\n--B--",
		    "a folded header" },
		{ TYPE, "--B\r\nx\r\n\r\nx\r\n--B--", "no colon" },
		{ TYPE, "--B\r\n" CD "name=\"a\r\n\r\nx\r\n--B--",
		    "not well formed" },
		{ TYPE, "--B\r\nContent-Disposition: file\r\n\r\nx\r\n--B--",
		    "no form-data" },
		{ TYPE, "--B\r\nA: b\nc: d\r\n" CD "name=a\r\n\r\nx\r\n--B--",
		    "control character" },
	};
	struct form *form = arena_alloc(&arena, sizeof(*form));

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct err err = { .text = "" };

		if (read_form(rows[i].type, str_of(rows[i].body), form, &err) ==
			0 ||
		    strstr(err.text, rows[i].why) == NULL)
			fail_msg("%zu: \"%s\", not \"%s\"", i, err.text,
			    rows[i].why);
		assert_int_equal(err.code, ERR_BAD_REQUEST);
	}
}

/* No beginning of a form is one. */
static void
test_a_cut_form_is_none(void **state)
{
	static const char body[] = "--B\r\n" CD "name=\"model\"\r\n\r\nears\r\n"
				   "--B\r\n" CD "name=f; filename=g\r\n\r\nxx"
				   "\r\n--B--";
	struct form *form = arena_alloc(&arena, sizeof(*form));
	struct err err;

	(void)state;
	for (size_t n = 0; n < sizeof(body) - 1; n++) {
		char *copy = xstrndup(body, n);

		if (read_form(TYPE, str_make(copy, n), form, &err) == 0)
			fail_msg("%zu bytes are a form", n);
		free(copy);
	}
	assert_int_equal(read_form(TYPE, str_of(body), form, &err), 0);
}

static void
test_parts_and_headers_are_bounded(void **state)
{
	struct form *form = arena_alloc(&arena, sizeof(*form));
	struct err err;
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 20);
	for (int i = 0; i <= FORM_MAX_PARTS; i++)
		buf_add_cstr(&b, "--B\r\n" CD "name=a\r\n\r\nx\r\n");
	buf_add_cstr(&b, "--B--");
	assert_int_equal(read_form(TYPE, buf_str(&b), form, &err), -1);
	assert_non_null(strstr(err.text, "too many parts"));
	buf_clear(&b);
	buf_add_cstr(&b, "--B\r\n");
	for (int i = 0; i < 400; i++)
		buf_add_cstr(&b, "X-Name-Of-A-Header: value\r\n");
	buf_add_cstr(&b, CD "name=a\r\n\r\nx\r\n--B--");
	assert_int_equal(read_form(TYPE, buf_str(&b), form, &err), -1);
	assert_non_null(strstr(err.text, "too long"));
	buf_fini(&b);
}

/* ---- requests ----------------------------------------------------------- */

static int
parse(enum wire_api api, const char *body, struct wire_request *r,
    const char **param, struct err *err)
{
	return form_request_parse(api, str_of(TYPE), str_of(body), &arena, r,
	    param, err);
}

static void
test_a_request_is_spliced(void **state)
{
	static const char body[] = "--B\r\n" CD "name=tags\r\n\r\nt\r\n"
				   "--B\r\n" CD "name=model\r\n\r\nears\r\n"
				   "--B\r\n" CD "name=api_key\r\n\r\nk\r\n"
				   "--B\r\n" CD "name=file; filename=f\r\n\r\n"
				   "0123456789\r\n--B--\r\n";
	static const char want[] = "--B\r\n" CD "name=model\r\n\r\nup\r\n"
				   "--B\r\n" CD "name=file; filename=f\r\n\r\n"
				   "0123456789\r\n--B--\r\n";
	struct wire_choice choice = { .upstream_model = "up" };
	struct wire_request r;
	struct wire_call call;
	const char *param;
	struct err err;
	struct buf out;

	(void)state;
	assert_int_equal(parse(WIRE_TRANSCRIPTIONS, body, &r, &param, &err), 0);
	assert_true(str_is(r.model, "ears"));
	assert_int_equal(r.tag_count, 1);
	assert_true(str_is(r.tags[0], "t"));
	assert_int_equal(r.seconds_bound, 1);
	assert_string_equal(r.form_type, TYPE);
	memset(&call, 0, sizeof(call));
	form_request_write(&r, &choice, &call);
	buf_init(&out, 4096);
	for (size_t i = 0; i < call.piece_count; i++)
		buf_add_str(&out, call.pieces[i]);
	assert_string_equal(buf_cstr(&out), want);
	assert_int_equal(call.body_bytes, out.len);
	buf_fini(&out);
}

static void
test_what_is_wrong_with_a_request_is_said(void **state)
{
	static const struct {
		const char *body, *param;
		enum err_code code;
	} rows[] = {
		{ "--B\r\n" CD "name=x\r\n\r\ny\r\n--B--", "model",
		    ERR_MODEL_MISSING },
		{ "--B\r\n" CD "name=model\r\n\r\n\r\n--B--", NULL,
		    ERR_MODEL_MISSING },
		{ "--B\r\n" CD "name=model\r\n\r\na\r\n--B\r\n" CD
		  "name=model\r\n\r\nb\r\n--B--",
		    "model", ERR_BAD_REQUEST },
		{ "--B\r\n" CD "name=model\r\n\r\na\nb\r\n--B--", "model",
		    ERR_BAD_REQUEST },
		{ "--B\r\n" CD "name=n\r\n\r\n0\r\n--B--", "n",
		    ERR_BAD_REQUEST },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct wire_request r;
		const char *param;
		struct err err;

		assert_int_equal(parse(WIRE_IMAGE_EDITS, rows[i].body, &r,
				     &param, &err),
		    -1);
		assert_int_equal(err.code, rows[i].code);
		if (rows[i].param != NULL)
			assert_string_equal(param, rows[i].param);
	}
}

/* Many extras between what stays: more gaps than pieces. */
static void
test_more_extras_than_pieces(void **state)
{
	struct wire_choice choice = { .upstream_model = "up" };
	struct wire_request r;
	struct wire_call call;
	const char *param;
	size_t bytes = 0;
	struct err err;
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 20);
	for (int i = 0; i < 100; i++)
		buf_add_cstr(&b, "--B\r\n" CD "name=mock_a\r\n\r\nx\r\n"
				 "--B\r\n" CD "name=b\r\n\r\ny\r\n");
	buf_add_cstr(&b, "--B\r\n" CD "name=model\r\n\r\nears\r\n--B--");
	assert_int_equal(parse(WIRE_TRANSCRIPTIONS, buf_cstr(&b), &r, &param,
			     &err),
	    0);
	memset(&call, 0, sizeof(call));
	form_request_write(&r, &choice, &call);
	for (size_t i = 0; i < call.piece_count; i++)
		bytes += call.pieces[i].n;
	assert_int_equal(bytes, call.body_bytes);
	assert_true(str_ends(call.pieces[call.piece_count - 1], "\r\n--B--"));
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parts_stand_where_they_are),
		cmocka_unit_test(
		    test_what_two_could_read_differently_is_refused),
		cmocka_unit_test(test_a_cut_form_is_none),
		cmocka_unit_test(test_parts_and_headers_are_bounded),
		cmocka_unit_test(test_a_request_is_spliced),
		cmocka_unit_test(test_what_is_wrong_with_a_request_is_said),
		cmocka_unit_test(test_more_extras_than_pieces),
	};
	int result;

	arena_init(&arena, 16384);
	result = cmocka_run_group_tests(tests, NULL, NULL);
	arena_fini(&arena);
	return result;
}
