/* Members by name. See pick.h. */
#include "wire/pick.h"

#include "base/jsonw.h"

/* All members that are left; as skim_iter_next() at the end. */
static int
walk(struct skim_iter *it, const struct skim_wanted *wanted, size_t n)
{
	struct skim_value v;
	struct str key;
	int r;

	for (size_t i = 0; i < n; i++)
		*wanted[i].value_r = (struct skim_value){ .type = SKIM_ABSENT };
	while ((r = skim_iter_next(it, &key, &v)) == 1) {
		for (size_t i = 0; i < n; i++) {
			if (!str_is(key, wanted[i].key))
				continue;
			if (v.type == SKIM_NULL)
				v.type = SKIM_ABSENT;
			*wanted[i].value_r = v;
			break;
		}
	}
	return r;
}

void
pick(const struct skim_value *object, const struct skim_wanted *wanted,
    size_t n)
{
	struct skim_iter it;

	skim_iter_init(&it,
	    object->type == SKIM_OBJECT ? object->value : str_of("{}"));
	it.max_depth = SKIM_TOP_DEPTH;
	(void)walk(&it, wanted, n);
}

int
pick_checked(struct str text, size_t max_depth,
    const struct skim_wanted *wanted, size_t n, struct err *err)
{
	struct skim_iter it;

	skim_iter_init(&it, text);
	it.max_depth = max_depth;
	if (!it.is_object && it.wrong == NULL)
		it.wrong = "not a JSON object";
	if (walk(&it, wanted, n) != 0 || !skim_iter_at_end(&it))
		return skim_iter_err(&it, err);
	return 0;
}

struct skim_value
pick_one(const struct skim_value *object, const char *key)
{
	struct skim_value v;
	struct skim_wanted wanted = { key, &v };

	pick(object, &wanted, 1);
	return v;
}

struct skim_value
pick_root(struct str text)
{
	struct skim_value v = { .type = SKIM_ABSENT };

	v.value = text = str_trim(text);
	v.value_end = text.n;
	if (text.n == 0)
		return v;
	switch (text.p[0]) {
	case '{':
		v.type = SKIM_OBJECT;
		break;
	case '[':
		v.type = SKIM_ARRAY;
		break;
	case '"':
		v.type = SKIM_STRING;
		break;
	case 't':
		v.type = SKIM_TRUE;
		break;
	case 'f':
		v.type = SKIM_FALSE;
		break;
	case 'n':
		break;
	default:
		v.type = SKIM_NUMBER;
	}
	return v;
}

void
pick_add_text(const struct skim_value *string, struct buf *out)
{
	/* Without room the buffer is marked; its owner looks. */
	if (string->type == SKIM_STRING &&
	    skim_unescape(string->value, out) != 0)
		out->overflowed = true;
}

struct str
pick_text(const struct skim_value *string, struct arena *arena)
{
	struct str raw, text;
	struct buf b;

	if (string->type != SKIM_STRING)
		return str_make("", 0);
	raw = str_make(string->value.p + 1, string->value.n - 2);
	if (raw.n == 0 || memchr(raw.p, '\\', raw.n) == NULL)
		return raw;
	buf_init(&b, raw.n);
	pick_add_text(string, &b);
	text = arena_str(arena, buf_str(&b));
	buf_fini(&b);
	return text;
}

struct str
pick_inside(const struct skim_value *string)
{
	if (string->type != SKIM_STRING)
		return str_make("", 0);
	return str_make(string->value.p + 1, string->value.n - 2);
}

bool
pick_is_empty(const struct skim_value *string)
{
	return string->type != SKIM_STRING || string->value.n <= 2;
}

void
pick_replace(struct str object, const struct pick_edit *edits, size_t n,
    struct buf *out)
{
	unsigned done = 0;
	struct skim_iter it;
	struct skim_value v;
	struct jsonw w;
	struct str key;

	jsonw_init(&w, out);
	jsonw_open(&w, '{');
	skim_iter_init(&it, object);
	it.max_depth = SKIM_TOP_DEPTH;
	while (skim_iter_next(&it, &key, &v) == 1) {
		struct str value = v.value;

		for (size_t i = 0; i < n; i++) {
			if (!str_is(key, edits[i].key))
				continue;
			value = edits[i].value;
			done |= 1U << i;
		}
		/* The key as it stands, quotes and colon. */
		if (w.comma)
			buf_add_char(out, ',');
		buf_add(out, object.p + v.key_start,
		    v.value_start - v.key_start);
		buf_add_str(out, value);
		w.comma = true;
	}
	for (size_t i = 0; i < n; i++) {
		if (!edits[i].add || (done & 1U << i) != 0)
			continue;
		jsonw_key(&w, edits[i].key);
		jsonw_raw(&w, edits[i].value);
	}
	jsonw_close(&w, '}');
}

bool
pick_is_blank(const struct skim_value *string)
{
	if (pick_is_empty(string))
		return true;
	for (size_t i = 1; i + 1 < string->value.n; i++) {
		char c = string->value.p[i];

		if (c == '\\')
			c = strchr("ntr", string->value.p[++i]) != NULL ? ' '
									: 'x';
		if (c != ' ')
			return false;
	}
	return true;
}

/* Bytes of a string with its quotes, from its first one. */
static size_t
string_bytes(struct str s)
{
	size_t i = 1;

	while (i < s.n && s.p[i] != '"')
		i += s.p[i] == '\\' ? 2 : 1;
	return i < s.n ? i + 1 : s.n;
}

void
pick_compact(struct str json, struct buf *out)
{
	size_t start = 0, i = 0;

	while (i < json.n) {
		if (json.p[i] == '"') {
			i += string_bytes(str_make(json.p + i, json.n - i));
		} else if (json.p[i] == ' ' || json.p[i] == '\n' ||
			   json.p[i] == '\r' || json.p[i] == '\t') {
			buf_add(out, json.p + start, i - start);
			start = ++i;
		} else {
			i++;
		}
	}
	buf_add(out, json.p + start, json.n - start);
}
