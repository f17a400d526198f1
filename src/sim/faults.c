/* The table of fault settings. See faults.h. */
#include "sim/faults.h"

#include "base/num.h"
#include "sim/flavor.h"

#include <stddef.h>

#define FAULT_ROW(name, type, least, most, standard, metavar, help)            \
	{ #name, FAULT_##type, offsetof(struct faults, name), least, most,     \
		standard, metavar, help },
static const struct fault_row rows[] = { FAULTS(FAULT_ROW) };
#undef FAULT_ROW

static const char *const endings[] = { "close", "reset", "half", "clean" };

const struct fault_row *
faults_rows(size_t *count_r)
{
	*count_r = ARRAY_LEN(rows);
	return rows;
}

/* Header and flag names come with '-' and in any case. */
static char
fold(char c)
{
	if (c == '-')
		return '_';
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

const struct fault_row *
faults_find(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t n = 0;

		while (n < name.n && rows[i].name[n] != '\0' &&
		       rows[i].name[n] == fold(name.p[n]))
			n++;
		if (n == name.n && rows[i].name[n] == '\0')
			return &rows[i];
	}
	return NULL;
}

const char *
faults_near(struct str name)
{
	const char *best = NULL;
	int least = 4; /* farther than this is another word */
	char word[40];
	size_t n;

	for (n = 0; n < name.n && n < sizeof(word) - 1; n++)
		word[n] = fold(name.p[n]);
	word[n] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int d = str_distance(word, rows[i].name);

		if (d < least) {
			least = d;
			best = rows[i].name;
		}
	}
	return best;
}

static int64_t *
number_at(struct faults *f, const struct fault_row *row)
{
	return (int64_t *)(void *)((char *)f + row->offset);
}

static int64_t
number_of(const struct faults *f, const struct fault_row *row)
{
	int64_t v;

	memcpy(&v, (const char *)f + row->offset, sizeof(v));
	return v;
}

void
faults_init(struct faults *f)
{
	memset(f, 0, sizeof(*f));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (rows[i].type != FAULT_TEXT)
			*number_at(f, &rows[i]) = rows[i].standard;
	}
}

static int
read_bool(struct str s, int64_t *v_r)
{
	static const char *const words[2][5] = {
		{ "0", "false", "no", "off", "0" },
		{ "1", "true", "yes", "on", "" },
	};

	for (int v = 0; v < 2; v++) {
		for (size_t i = 0; i < ARRAY_LEN(words[v]); i++) {
			if (str_is_nocase(s, words[v][i])) {
				*v_r = v;
				return 0;
			}
		}
	}
	return -1;
}

/* The words of a row that has some; NULL behind the last one, and for others.
 */
static const char *
word_of(const struct fault_row *row, size_t i)
{
	if (row->type == FAULT_ENDING && i < ARRAY_LEN(endings))
		return endings[i];
	if (row->type == FAULT_FLAVOR && i < flavor_count)
		return flavors[i].name;
	return NULL;
}

static int
read_word(const struct fault_row *row, struct str s, int64_t *v_r)
{
	const char *word;

	for (size_t i = 0; (word = word_of(row, i)) != NULL; i++) {
		if (str_is_nocase(s, word)) {
			*v_r = (int64_t)i;
			return 0;
		}
	}
	return -1;
}

static int
read_number(const struct fault_row *row, struct str s, int64_t *v_r)
{
	bool inexact = false;
	int rc = -1;

	switch (row->type) {
	case FAULT_INT:
	case FAULT_STATUS:
		rc = num_int64(s, v_r);
		break;
	case FAULT_REAL:
		rc = num_decimal(s, FAULT_REAL_SCALE, v_r, &inexact);
		break;
	case FAULT_BOOL:
		rc = read_bool(s, v_r);
		break;
	case FAULT_ENDING:
	case FAULT_FLAVOR:
		rc = read_word(row, s, v_r);
		break;
	case FAULT_TEXT:
		break;
	}
	if (rc != 0 || *v_r < row->least || *v_r > row->most)
		return -1;
	if (row->type == FAULT_STATUS && *v_r != 0 && *v_r < 300)
		return -1;
	return 0;
}

/* What the row takes, for messages and --help. */
static void
describe(const struct fault_row *row, struct buf *out)
{
	char least[NUM_TEXT_BYTES], most[NUM_TEXT_BYTES];
	int scale = row->type == FAULT_REAL ? FAULT_REAL_SCALE : 0;

	switch (row->type) {
	case FAULT_INT:
	case FAULT_REAL:
		num_format(row->least, scale, least);
		num_format(row->most, scale, most);
		buf_printf(out, "a number from %s to %s", least, most);
		return;
	case FAULT_STATUS:
		buf_add_cstr(out, "0 or an HTTP status from 300 to 599");
		return;
	case FAULT_BOOL:
		buf_add_cstr(out, "true or false");
		return;
	case FAULT_ENDING:
	case FAULT_FLAVOR:
		for (size_t i = 0; word_of(row, i) != NULL; i++)
			buf_printf(out, "%s%s",
			    i == 0                        ? ""
			    : word_of(row, i + 1) == NULL ? " or "
							  : ", ",
			    word_of(row, i));
		return;
	case FAULT_TEXT:
		buf_printf(out, "at most %d printable bytes",
		    FAULT_TEXT_BYTES - 1);
		return;
	}
}

static int
refuse(const struct fault_row *row, struct str value, struct err *err)
{
	struct buf takes;
	int rc;

	buf_init(&takes, 256);
	describe(row, &takes);
	rc = err_set(err, ERR_USAGE, "%s takes %s, not \"%.*s\"", row->name,
	    buf_cstr(&takes), value.n > 40 ? 40 : (int)value.n, value.p);
	buf_fini(&takes);
	return rc;
}

int
faults_set(struct faults *f, const struct fault_row *row, struct str value,
    struct err *err)
{
	char *text = (char *)f + row->offset;
	int64_t v = 0;

	value = str_trim(value);
	if (row->type != FAULT_TEXT) {
		if (read_number(row, value, &v) != 0)
			return refuse(row, value, err);
		*number_at(f, row) = v;
		return 0;
	}
	if (value.n >= FAULT_TEXT_BYTES)
		return refuse(row, value, err);
	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] < 0x20 || value.p[i] > 0x7e)
			return refuse(row, value, err);
	}
	memset(text, 0, FAULT_TEXT_BYTES);
	memcpy(text, value.p, value.n);
	return 0;
}

static int
set_member(struct faults *f, const char *key, json_t *v, struct err *err)
{
	const struct fault_row *row = faults_find(str_of(key));
	struct faults standard;
	char *text;
	int rc;

	if (row == NULL) {
		const char *near = faults_near(str_of(key));

		return err_set(err, ERR_USAGE,
		    "no setting is named \"%.40s\"%s%s%s", key,
		    near == NULL ? "" : "; did you mean ",
		    near == NULL ? "" : near, near == NULL ? "" : "?");
	}
	if (json_is_string(v))
		return faults_set(f, row,
		    str_make(json_string_value(v), json_string_length(v)), err);
	if (json_is_null(v)) {
		faults_init(&standard);
		memcpy((char *)f + row->offset,
		    (const char *)&standard + row->offset,
		    row->type == FAULT_TEXT ? FAULT_TEXT_BYTES
					    : sizeof(int64_t));
		return 0;
	}
	text = jsonx_dump(v);
	rc = faults_set(f, row, str_of(text), err);
	free(text);
	return rc;
}

int
faults_set_json(struct faults *f, json_t *obj, struct err *err)
{
	struct faults next = *f;
	const char *key;
	json_t *v;

	if (!json_is_object(obj))
		return err_set(err, ERR_USAGE,
		    "settings are an object, {\"latency_ms\":50}");
	json_object_foreach(obj, key, v) {
		if (set_member(&next, key, v, err) != 0)
			return -1;
	}
	*f = next;
	return 0;
}

void
faults_write(const struct faults *f, struct jsonw *w)
{
	jsonw_open(w, '{');
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct fault_row *row = &rows[i];
		int64_t v;

		jsonw_key(w, row->name);
		if (row->type == FAULT_TEXT) {
			jsonw_cstr(w, (const char *)f + row->offset);
			continue;
		}
		v = number_of(f, row);
		if (row->type == FAULT_BOOL)
			jsonw_bool(w, v != 0);
		else if (word_of(row, (size_t)v) != NULL)
			jsonw_cstr(w, word_of(row, (size_t)v));
		else
			jsonw_decimal(w, v,
			    row->type == FAULT_REAL ? FAULT_REAL_SCALE : 0);
	}
	jsonw_close(w, '}');
}

/* "latency_ms" as the flag has it: "latency-ms". */
static void
add_flag_name(struct buf *out, const char *name)
{
	for (; *name != '\0'; name++)
		buf_add_char(out, *name == '_' ? '-' : *name);
}

/* The help text, broken into lines of at most `width` bytes. */
static void
add_wrapped(struct buf *out, const char *text, int indent, size_t width)
{
	struct str rest = str_of(text);
	size_t used = 0;

	while (rest.n > 0) {
		struct str word = str_cut(&rest, ' ');

		if (used > 0 && used + 1 + word.n > width) {
			buf_printf(out, "\n%*s", indent, "");
			used = 0;
		} else if (used > 0) {
			buf_add_char(out, ' ');
			used++;
		}
		buf_add_str(out, word);
		used += word.n;
	}
}

void
faults_help(struct buf *out)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t from = out->len;

		buf_add_cstr(out, "  --");
		add_flag_name(out, rows[i].name);
		if (rows[i].metavar[0] != '\0')
			buf_printf(out, " %s", rows[i].metavar);
		if (out->len - from < 30)
			buf_printf(out, "%*s", (int)(30 - (out->len - from)),
			    "");
		add_wrapped(out, rows[i].help, 30, 49);
		buf_add_char(out, '\n');
	}
}

static void
add_standard(struct buf *out, const struct fault_row *row)
{
	char text[NUM_TEXT_BYTES];

	if (word_of(row, (size_t)row->standard) != NULL) {
		buf_printf(out, "Default: %s.\n",
		    word_of(row, (size_t)row->standard));
	} else if (row->type == FAULT_INT || row->type == FAULT_REAL) {
		num_format(row->standard,
		    row->type == FAULT_REAL ? FAULT_REAL_SCALE : 0, text);
		buf_printf(out, "Default: %s.\n", text);
	}
}

void
faults_mdoc(struct buf *out)
{
	buf_add_cstr(out, ".Bl -tag -width Ds\n");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char first = rows[i].help[0];

		buf_add_cstr(out, ".It Fl -");
		add_flag_name(out, rows[i].name);
		if (rows[i].metavar[0] != '\0')
			buf_printf(out, " Ar %s", rows[i].metavar);
		buf_printf(out, "\n%c",
		    first >= 'a' && first <= 'z' ? first - 'a' + 'A' : first);
		add_wrapped(out, rows[i].help + 1, 0, 72);
		buf_add_cstr(out, ".\n");
		if (rows[i].type != FAULT_TEXT) {
			buf_add_cstr(out, "Takes ");
			describe(&rows[i], out);
			buf_add_cstr(out, ".\n");
		}
		add_standard(out, &rows[i]);
	}
	buf_add_cstr(out, ".El\n");
}
