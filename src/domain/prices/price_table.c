/*
 * A price file, in our form or in the de-facto one, told apart by content.
 * Owns the file's text and an index by name. A file is checked to its last
 * byte when it is loaded; a model's numbers are read again, and kept, when it
 * is asked for, so that a table of thousands costs little more than its text.
 *
 * Fails (ERR_CONFIG with file, line and model) on anything that is no JSON,
 * and on a price that is no number, is negative or out of range. A model
 * without the prices that its mode needs is in the table, not known.
 */
#include "base/arena.h"
#include "base/fd.h"
#include "base/num.h"
#include "domain/prices/price_model.h"

#define PRICE_FILE_MAX_BYTES (16 * 1024 * 1024)
#define PRICE_FORMAT         "tallygate-prices/1"

struct price_entry {
	struct str name; /* in the arena */
	size_t offset;   /* of its object, in the text */
	/* In the arena; NULL until it is asked for. */
	struct price_model *model;
};

struct price_table {
	char *name; /* of the file, for messages */
	char *text;
	size_t text_bytes;
	bool is_ours;
	char *label;
	struct arena *arena;
	struct price_entry *entries; /* by name */
	size_t count, size;
	size_t inexact, implausible, unknown;
	char *unknown_field;
};

/* ---- the file ----------------------------------------------------------- */

static struct price_entry *
add_entry(struct price_table *t, struct str name)
{
	struct price_entry *e;

	if (t->count == t->size) {
		t->size = t->size == 0 ? 256 : t->size * 2;
		t->entries =
		    xrealloc(t->entries, t->size * sizeof(*t->entries));
	}
	e = &t->entries[t->count++];
	e->name = arena_str(t->arena, name);
	e->model = NULL;
	return e;
}

static int
read_entry(struct price_table *t, struct price_json *j, struct str name)
{
	struct price_entry *e = add_entry(t, name);
	struct price_model m;

	if (price_json_peek(j) < 0)
		return -1;
	e->offset = (size_t)(j->p - t->text);
	if (price_model_read(j, t->is_ours, &m) != 0)
		return err_prefix(j->err, "model \"" STR_FMT "\"",
		    STR_ARG(e->name));
	t->inexact += m.inexact;
	t->implausible += m.implausible;
	if (m.unknown > 0 && t->unknown == 0)
		t->unknown_field = arena_strdup(t->arena, m.unknown_field);
	t->unknown += m.unknown;
	return 0;
}

static int
read_models(struct price_table *t, struct price_json *j)
{
	struct str name;
	int rc;

	if (price_json_enter(j, '{') != 0)
		return -1;
	while ((rc = price_json_member(j, &name)) == 1) {
		if (!t->is_ours &&
		    (str_is(name, "sample_spec") ||
			str_is(name, "fallback_generalizations")))
			rc = price_json_skip(j);
		else if (!t->is_ours && str_is(name, "format"))
			rc = price_json_fail(j,
			    "this format is not known; known are \"%s\" and "
			    "the form of model_prices_and_context_window.json",
			    PRICE_FORMAT);
		else
			rc = read_entry(t, j, name);
		if (rc != 0)
			return -1;
	}
	return rc;
}

static int
read_head_field(struct price_table *t, struct price_json *j, struct str key)
{
	bool is_format = str_is(key, "format");
	struct str s;

	if (!is_format && !str_is(key, "version")) {
		if (!str_is(key, "source") && t->unknown++ == 0)
			t->unknown_field =
			    arena_strndup(t->arena, key.p, key.n);
		return price_json_skip(j);
	}
	if (price_json_string(j, &s) != 0)
		return -1;
	if (is_format && !str_is(s, PRICE_FORMAT))
		return price_json_fail(j,
		    "format \"" STR_FMT "\" is not known; \"%s\" is",
		    STR_ARG(s), PRICE_FORMAT);
	if (!is_format)
		t->label = arena_strndup(t->arena, s.p, s.n);
	return 0;
}

static int
read_ours(struct price_table *t, struct price_json *j)
{
	bool has_models = false;
	struct str key;
	int rc;

	if (price_json_enter(j, '{') != 0)
		return -1;
	while ((rc = price_json_member(j, &key)) == 1) {
		if (str_is(key, "models") && !has_models) {
			has_models = true;
			rc = read_models(t, j);
		} else {
			rc = read_head_field(t, j, key);
		}
		if (rc != 0)
			return -1;
	}
	if (rc == 0 && !has_models)
		return price_json_fail(j, "\"models\" is missing");
	return rc;
}

static int
compare_names(struct str a, struct str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int order = memcmp(a.p, b.p, n);

	return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

static int
compare_entries(const void *a, const void *b)
{
	const struct price_entry *x = a, *y = b;
	int order = compare_names(x->name, y->name);

	return order != 0 ? order
			  : (x->offset > y->offset) - (x->offset < y->offset);
}

/* Of a name that stands there twice, the de-facto form means the last (its
   files have such slips); our form refuses it. */
static int
index_entries(struct price_table *t, struct err *err)
{
	size_t kept = 0;

	qsort(t->entries, t->count, sizeof(*t->entries), compare_entries);
	for (size_t i = 0; i < t->count; i++) {
		if (i + 1 < t->count &&
		    str_eq(t->entries[i].name, t->entries[i + 1].name)) {
			if (!t->is_ours)
				continue;
			return err_set(err, ERR_CONFIG,
			    "%s: model \"" STR_FMT "\" stands there twice",
			    t->name, STR_ARG(t->entries[i].name));
		}
		t->entries[kept++] = t->entries[i];
	}
	t->count = kept;
	return 0;
}

static int
read_table(struct price_table *t, struct err *err)
{
	struct price_json j;
	struct str text = str_make(t->text, t->text_bytes);

	t->is_ours = str_find(text, "\"tallygate-prices/") >= 0;
	if (price_json_open(&j, text, t->name, err) != 0 ||
	    (t->is_ours ? read_ours(t, &j) : read_models(t, &j)) != 0 ||
	    price_json_end(&j) != 0)
		return -1;
	if (t->count == 0)
		return err_set(err, ERR_CONFIG, "%s: no model in it", t->name);
	return index_entries(t, err);
}

/* Takes text over. */
static int
make_table(char *text, size_t n, const char *name, struct price_table **t_r,
    struct err *err)
{
	struct price_table *t = xcalloc(1, sizeof(*t));

	t->arena = xcalloc(1, sizeof(*t->arena));
	arena_init(t->arena, 16 * 1024);
	t->name = xstrdup(name);
	t->text = text;
	t->text_bytes = n;
	t->label = arena_strdup(t->arena, "");
	t->unknown_field = t->label;
	if (read_table(t, err) != 0) {
		price_table_free(&t);
		return -1;
	}
	*t_r = t;
	return 0;
}

int
price_table_load(const char *path, struct price_table **t_r, struct err *err)
{
	struct buf b;
	size_t n;
	char *text;

	buf_init(&b, PRICE_FILE_MAX_BYTES);
	if (file_read(path, &b, err) != 0) {
		buf_fini(&b);
		return err_prefix(err, "price table");
	}
	text = buf_take(&b, &n);
	buf_fini(&b);
	if (text == NULL)
		text = xstrdup("");
	return make_table(text, n, path, t_r, err);
}

int
price_table_parse(struct str text, const char *name, struct price_table **t_r,
    struct err *err)
{
	return make_table(xstrndup(text.n == 0 ? "" : text.p, text.n), text.n,
	    name, t_r, err);
}

void
price_table_free(struct price_table **t)
{
	if (*t == NULL)
		return;
	arena_fini((*t)->arena);
	free((*t)->arena);
	free((*t)->entries);
	free((*t)->text);
	free((*t)->name);
	free(*t);
	*t = NULL;
}

/* ---- asking ------------------------------------------------------------- */

size_t
price_table_count(const struct price_table *t)
{
	return t->count;
}

struct str
price_table_name(const struct price_table *t, size_t i)
{
	return t->entries[i].name;
}

struct str
price_table_label(const struct price_table *t)
{
	return str_of(t->label);
}

size_t
price_table_inexact(const struct price_table *t)
{
	return t->inexact;
}

size_t
price_table_implausible(const struct price_table *t)
{
	return t->implausible;
}

size_t
price_table_unknown(const struct price_table *t, struct str *first_r)
{
	*first_r = str_of(t->unknown_field);
	return t->unknown;
}

/* Reads the model's numbers into memory. The text was checked at load. */
static const struct price_model *
expand(const struct price_table *t, struct price_entry *e)
{
	struct price_model *m = arena_alloc(t->arena, sizeof(*m));
	struct price_json j;
	struct err err;

	price_json_at(&j, str_make(t->text, t->text_bytes), e->offset, t->name,
	    &err);
	if (price_model_read(&j, t->is_ours, m) != 0)
		return NULL;
	m->j = NULL;
	price_seal(&m->price);
	e->model = m;
	return m;
}

const struct price_model *
price_table_model(const struct price_table *t, struct str name)
{
	size_t low = 0, high = t->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		struct price_entry *e = &t->entries[mid];
		int order = compare_names(name, e->name);

		if (order == 0)
			return e->model != NULL ? e->model : expand(t, e);
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

const struct price *
price_table_find(const struct price_table *t, struct str name)
{
	const struct price_model *m = price_table_model(t, name);

	return m == NULL ? NULL : &m->price;
}
