/*
 * The skimmer: a walk over members and elements, and skim() on top of it. The
 * bytes are looked at by skim_scan.c; values by skim_text.c. See skim.h.
 */
#include "wire/json/skim.h"

#include "wire/json/skim_scan.h"
#include "wire/json/skim_text.h"

static const char trailing[] = "something follows the JSON text";

/* What a value is, by its first byte. */
static const uint8_t types[256] = {
	['{'] = SKIM_OBJECT,
	['['] = SKIM_ARRAY,
	['"'] = SKIM_STRING,
	['t'] = SKIM_TRUE,
	['f'] = SKIM_FALSE,
	['n'] = SKIM_NULL,
	['-'] = SKIM_NUMBER,
	['0' ... '9'] = SKIM_NUMBER,
};

/* ---- the walk ---------------------------------------------------------- */

static inline const uint8_t *
iter_place(const struct skim_iter *it)
{
	return (const uint8_t *)it->text.p + it->at;
}

static inline void
iter_move(struct skim_iter *it, const uint8_t *p)
{
	it->at = (size_t)(p - (const uint8_t *)it->text.p);
}

static int
iter_fail(struct skim_iter *it, const uint8_t *p, const char *what)
{
	scan_fail(it, p, what);
	return -1;
}

void
skim_iter_init(struct skim_iter *it, struct str container)
{
	const uint8_t *end, *p;

	it->text = container;
	it->at = 0;
	it->key_start = 0;
	it->depth = 1;
	it->max_depth = SKIM_MAX_DEPTH;
	it->begun = false;
	it->is_object = false;
	it->escaped = false;
	it->count = 0;
	it->wrong = NULL;
	if (container.n == 0) {
		it->wrong = "the text is empty";
		return;
	}
	end = scan_end(it);
	p = scan_blank(iter_place(it), end);
	iter_move(it, p);
	if (scan_peek(p, end) != '{' && scan_peek(p, end) != '[') {
		it->wrong = "not a JSON object or array";
		return;
	}
	it->is_object = *p == '{';
	it->at++;
}

void
skim_iter_enter(const struct skim_iter *it, struct skim_iter *child)
{
	child->text = it->text;
	child->at = it->at + 1;
	child->key_start = it->at;
	child->depth = it->depth + 1;
	child->max_depth = it->max_depth;
	child->begun = false;
	child->is_object = it->text.p[it->at] == '{';
	child->wrong = it->depth < it->max_depth ? NULL : scan_too_deep;
}

void
skim_iter_leave(struct skim_iter *it, const struct skim_iter *child)
{
	it->at = child->at;
	if (child->wrong != NULL)
		it->wrong = child->wrong;
}

/* The key between its quotes with escapes undone, when that can matter: every
   escape makes it shorter, at most by a factor of six. */
static struct str
decode_key(struct skim_iter *it, struct str raw)
{
	char text[6 * SKIM_KEY_BYTES];
	size_t n;

	if (raw.n > sizeof(text))
		return raw;
	n = skim_decode(raw, text);
	if (n > sizeof(it->key))
		return raw;
	memcpy(it->key, text, n);
	return str_make(it->key, n);
}

/* At a key, which is read: 1 in front of its value. */
static inline int
iter_key(struct skim_iter *it, const uint8_t *p, struct str *key_r)
{
	const uint8_t *end = scan_end(it), *behind;

	if (scan_peek(p, end) != '"')
		return iter_fail(it, p, "a key in quotes is missing");
	behind = scan_string(it, p);
	if (behind == NULL)
		return -1;
	*key_r = str_make((const char *)p + 1, (size_t)(behind - p) - 2);
	if (it->escaped)
		*key_r = decode_key(it, *key_r);
	p = scan_blank(behind, end);
	if (scan_peek(p, end) != ':')
		return iter_fail(it, p, "a colon is missing behind a key");
	iter_move(it, scan_blank(p + 1, end));
	return 1;
}

int
skim_iter_peek(struct skim_iter *it, struct str *key_r)
{
	const uint8_t *end = scan_end(it), *p;

	*key_r = str_make("", 0);
	if (it->wrong != NULL)
		return -1;
	p = scan_blank(iter_place(it), end);
	if (scan_peek(p, end) == (it->is_object ? '}' : ']')) {
		iter_move(it, p + 1);
		return 0;
	}
	if (it->begun) {
		if (scan_peek(p, end) != ',')
			return iter_fail(it, p,
			    "a comma or closing bracket is missing");
		p = scan_blank(p + 1, end);
	}
	it->begun = true;
	iter_move(it, p);
	it->key_start = it->at;
	return it->is_object ? iter_key(it, p, key_r) : 1;
}

enum skim_type
skim_iter_type(const struct skim_iter *it)
{
	if (it->at >= it->text.n)
		return SKIM_ABSENT;
	return types[(uint8_t)it->text.p[it->at]];
}

int
skim_iter_skip(struct skim_iter *it, struct skim_value *value_r)
{
	const uint8_t *start = iter_place(it), *p;

	if (it->wrong != NULL)
		return -1;
	it->count = 0;
	if (scan_peek(start, scan_end(it)) == '"')
		p = scan_string(it, start);
	else
		p = scan_value(it, start, it->depth);
	if (p == NULL)
		return -1;
	value_r->type = types[*start];
	value_r->key_start = it->key_start;
	value_r->value_start = it->at;
	value_r->value = str_make((const char *)start, (size_t)(p - start));
	iter_move(it, p);
	value_r->value_end = it->at;
	value_r->count = it->count;
	return 1;
}

int
skim_iter_next(struct skim_iter *it, struct str *key_r,
    struct skim_value *value_r)
{
	int r = skim_iter_peek(it, key_r);

	return r <= 0 ? r : skim_iter_skip(it, value_r);
}

bool
skim_iter_at_end(struct skim_iter *it)
{
	iter_move(it, scan_blank(iter_place(it), scan_end(it)));
	if (it->at == it->text.n)
		return true;
	it->wrong = trailing;
	return false;
}

/* ---- skim() ------------------------------------------------------------ */

/* True when `key` is the wanted name up to its dot (or its end). */
static bool
wanted_top(const char *wanted, struct str key, const char **below_r)
{
	/* The first byte tells most names apart. */
	if (key.n == 0 || wanted[0] != key.p[0] ||
	    strnlen(wanted, key.n) < key.n || memcmp(wanted, key.p, key.n) != 0)
		return false;
	*below_r = wanted[key.n] == '.' ? wanted + key.n + 1 : NULL;
	return wanted[key.n] == '\0' || wanted[key.n] == '.';
}

static int
note_wanted(const struct skim_wanted *wanted, size_t n, struct str key,
    const struct skim_value *v, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		const char *below;

		if (!wanted_top(wanted[i].key, key, &below))
			continue;
		if (wanted[i].value_r->type != SKIM_ABSENT)
			return err_set(err, ERR_BAD_JSON,
			    "at byte %zu: \"" STR_FMT "\" comes twice",
			    v->key_start, STR_ARG(key));
		*wanted[i].value_r = *v;
	}
	return 0;
}

/* The row "a.b" holds the value of "a" so far: goes one below. */
static int
note_below(struct str text, const struct skim_wanted *wanted, struct err *err)
{
	const char *dot = strchr(wanted->key, '.');
	struct skim_value parent = *wanted->value_r, v;
	struct skim_iter it, top = { .text = text, .depth = 1 };
	struct str key;
	int r;

	memset(wanted->value_r, 0, sizeof(*wanted->value_r));
	if (parent.type != SKIM_OBJECT)
		return 0;
	top.at = parent.value_start;
	top.max_depth = SKIM_TOP_DEPTH; /* it was checked before */
	skim_iter_enter(&top, &it);
	while ((r = skim_iter_next(&it, &key, &v)) == 1) {
		if (!str_is(key, dot + 1))
			continue;
		if (wanted->value_r->type != SKIM_ABSENT)
			return err_set(err, ERR_BAD_JSON,
			    "at byte %zu: \"%s\" comes twice", v.key_start,
			    wanted->key);
		*wanted->value_r = v;
	}
	return r;
}

static int
bad_json(struct err *err, size_t at, const char *wrong, size_t max_depth)
{
	if (wrong == scan_too_deep)
		return err_set(err, ERR_BAD_JSON,
		    "at byte %zu: nested deeper than %zu", at, max_depth);
	return err_set(err, ERR_BAD_JSON, "at byte %zu: %s", at, wrong);
}

int
skim_iter_err(const struct skim_iter *it, struct err *err)
{
	return bad_json(err, it->at, it->wrong, it->max_depth);
}

/* A text whose top-level value is no object. */
static int
check_text(struct str text, size_t max_depth, struct err *err)
{
	struct skim_iter it = { .text = text, .max_depth = max_depth };
	const uint8_t *p;

	p = scan_value(&it, scan_blank(iter_place(&it), scan_end(&it)), 0);
	if (p == NULL)
		return skim_iter_err(&it, err);
	iter_move(&it, p);
	return skim_iter_at_end(&it) ? 0 : skim_iter_err(&it, err);
}

static int
check_object(struct skim_iter *it, const struct skim_wanted *wanted, size_t n,
    struct err *err)
{
	struct str text = it->text, key;
	struct skim_value v;
	int r;

	while ((r = skim_iter_next(it, &key, &v)) == 1) {
		if (note_wanted(wanted, n, key, &v, err) != 0)
			return -1;
	}
	if (r == 0 && !skim_iter_at_end(it))
		r = -1;
	if (r != 0)
		return skim_iter_err(it, err);
	for (size_t i = 0; i < n; i++) {
		if (strchr(wanted[i].key, '.') != NULL &&
		    note_below(text, &wanted[i], err) != 0)
			return -1;
	}
	return 0;
}

int
skim(struct str text, const struct skim_wanted *wanted, size_t n,
    const struct skim_options *options, struct err *err)
{
	size_t max_depth = SKIM_MAX_DEPTH;
	struct skim_iter it;

	if (options != NULL && options->max_depth != 0)
		max_depth = options->max_depth;
	if (max_depth > SKIM_TOP_DEPTH)
		max_depth = SKIM_TOP_DEPTH;
	for (size_t i = 0; i < n; i++)
		memset(wanted[i].value_r, 0, sizeof(*wanted[i].value_r));
	if (text.n == 0)
		return err_set(err, ERR_BAD_JSON, "the text is empty");
	skim_iter_init(&it, text);
	it.max_depth = max_depth;
	if (it.is_object)
		return check_object(&it, wanted, n, err);
	if (options == NULL || !options->allow_any_top)
		return err_set(err, ERR_BAD_JSON, "not a JSON object");
	return check_text(text, max_depth, err);
}
