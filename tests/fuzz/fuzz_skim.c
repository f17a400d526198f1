/*
 * The skimmer against jansson and against itself: what jansson takes is taken;
 * what is taken can be walked to its end; spans lie in the text; strings can
 * be unescaped into valid UTF-8.
 */
#include "fuzz.h"

#include <jansson.h>

#include "wire/json/skim.h"

static void
check_string(const struct skim_value *v)
{
	struct buf b;

	buf_init(&b, v->value.n);
	FUZZ_CHECK(skim_unescape(v->value, &b) == 0);
	FUZZ_CHECK(b.len == skim_text_bytes(v->value));
	FUZZ_CHECK(str_utf8_ok(buf_str(&b)));
	buf_fini(&b);
}

static void
walk(struct skim_iter *it, size_t depth)
{
	struct skim_iter sub;
	struct skim_value v;
	struct str key;
	int r;

	FUZZ_CHECK(depth <= SKIM_MAX_DEPTH);
	while ((r = skim_iter_peek(it, &key)) == 1) {
		enum skim_type type = skim_iter_type(it);

		if (type == SKIM_OBJECT || type == SKIM_ARRAY) {
			skim_iter_enter(it, &sub);
			walk(&sub, depth + 1);
			skim_iter_leave(it, &sub);
			continue;
		}
		FUZZ_CHECK(skim_iter_skip(it, &v) == 1);
		FUZZ_CHECK(v.type == type && v.value_end <= it->text.n);
		FUZZ_CHECK(v.key_start <= v.value_start);
		if (type == SKIM_STRING)
			check_string(&v);
	}
	FUZZ_CHECK(r == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct skim_options any = { .allow_any_top = true };
	struct skim_value a, b, c;
	const struct skim_wanted wanted[] = { { "a", &a }, { "model", &b },
		{ "a.b", &c } };
	struct str text = fuzz_text(data, size);
	struct err err = { .code = ERR_NONE };
	struct skim_iter it;
	json_t *json;
	bool ok;

	ok = skim(text, NULL, 0, &any, &err) == 0;
	FUZZ_CHECK(ok || err.code == ERR_BAD_JSON);
	json =
	    json_loadb(text.p, text.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	/* jansson takes a NUL behind the text for its end. */
	if (json != NULL && !ok && memchr(text.p, '\0', text.n) == NULL)
		FUZZ_CHECK(strstr(err.text, "nested deeper") != NULL);
	json_decref(json);
	if (skim(text, wanted, ARRAY_LEN(wanted), NULL, &err) == 0)
		FUZZ_CHECK(ok);
	skim_iter_init(&it, text);
	if (ok && it.wrong == NULL) {
		walk(&it, 1);
		FUZZ_CHECK(skim_iter_at_end(&it));
	}
	free((void *)(uintptr_t)text.p);
	return 0;
}
