/*
 * The schema as a page: markdown for docs/config.md, mdoc for
 * tallygate.yaml(5). Both come from the one table in config_schema.c, so that
 * they cannot say different things. Writes into a bounded buf; fails when the
 * format is unknown or the buf is too small.
 */
#include "config/config_schema.h"

#include "base/num.h"
#include "config/config.h"

#define SECTION_BYTES 128

/* The path without its last name; "" for the top level. */
static void
section_of(const struct config_key *k, char out[SECTION_BYTES])
{
	size_t n = (size_t)(config_key_name(k) - k->path);

	snprintf(out, SECTION_BYTES, "%.*s", n == 0 ? 0 : (int)n - 1, k->path);
}

static bool
same_section(const struct config_key *a, const struct config_key *b)
{
	char sa[SECTION_BYTES], sb[SECTION_BYTES];

	section_of(a, sa);
	section_of(b, sb);
	return strcmp(sa, sb) == 0;
}

/* The first row of its section: the sections are printed in that order. */
static bool
opens_section(size_t i)
{
	for (size_t k = 0; k < i; k++) {
		if (same_section(&config_keys[k], &config_keys[i]))
			return false;
	}
	return true;
}

/* ---- pieces ------------------------------------------------------------- */

static void
add_bytes(struct buf *out, int64_t v)
{
	static const char units[] = " KMGT";
	size_t u = 0;

	while (v >= 1024 && v % 1024 == 0 && u < 4) {
		v /= 1024;
		u++;
	}
	buf_printf(out, u == 0 ? "%lld" : "%lld%c", (long long)v, units[u]);
}

static void
add_limit(struct buf *out, const struct config_key *k, int64_t v)
{
	char text[NUM_TEXT_BYTES];

	switch (k->type) {
	case TYPE_SECONDS:
	case TYPE_DURATION:
		num_format(v, 3, text);
		buf_printf(out, "%s s", text);
		return;
	case TYPE_SIZE:
		add_bytes(out, v);
		return;
	case TYPE_WEIGHT:
		num_format(v, 6, text);
		buf_add_cstr(out, text);
		return;
	default:
		buf_printf(out, "%lld", (long long)v);
		return;
	}
}

static void
add_range(struct buf *out, const struct config_key *k)
{
	struct str rest = str_of(k->choices);

	if (k->choices != NULL) {
		while (rest.n > 0) {
			buf_add_str(out, str_cut(&rest, '|'));
			buf_add_cstr(out, rest.n > 0 ? ", " : "");
		}
		return;
	}
	buf_add_cstr(out, config_type_text(k->type));
	if (k->min == 0 && k->max == 0)
		return;
	buf_add_cstr(out, ", ");
	add_limit(out, k, k->min);
	buf_add_cstr(out, " to ");
	add_limit(out, k, k->max);
}

static bool
has_default(const struct config_key *k)
{
	return k->fallback != NULL && k->fallback[0] != '\0';
}

/* ---- markdown ----------------------------------------------------------- */

static void
markdown_row(struct buf *out, const struct config_key *k)
{
	buf_printf(out, "| `%s` | ", config_key_name(k));
	add_range(out, k);
	if (has_default(k))
		buf_printf(out, " | `%s` | %s |\n", k->fallback, k->help);
	else
		buf_printf(out, " | | %s |\n", k->help);
}

/* `a`, `b`, `c` on one line: keys of one effect. */
static void
markdown_names(struct buf *out, const struct config_key *first,
    enum config_effect effect, const char *title)
{
	bool any = false;

	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *k = &config_keys[i];

		if (k->effect != effect || !same_section(k, first))
			continue;
		buf_printf(out, "%s`%s`", any ? ", " : title,
		    config_key_name(k));
		any = true;
	}
	if (any)
		buf_add_cstr(out, ".\n\n");
}

static void
markdown_section(struct buf *out, const struct config_key *first)
{
	char section[SECTION_BYTES];
	bool any = false;

	section_of(first, section);
	if (section[0] == '\0')
		buf_add_cstr(out, "## Top level\n\n");
	else
		buf_printf(out, "## `%s`\n\n", section);
	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *k = &config_keys[i];

		if (k->effect != EFFECT_USED || !same_section(k, first))
			continue;
		if (!any)
			buf_add_cstr(out,
			    "| key | value | default | meaning |\n"
			    "|---|---|---|---|\n");
		any = true;
		markdown_row(out, k);
	}
	buf_add_cstr(out, any ? "\n" : "");
	markdown_names(out, first, EFFECT_EXTRA, "Kept and given back: ");
	markdown_names(out, first, EFFECT_NONE,
	    "Known, without effect yet (a note): ");
	markdown_names(out, first, EFFECT_MISPLACED,
	    "Known to be written here in vain (a warning): ");
}

/* ---- mdoc --------------------------------------------------------------- */

/* Text on a line of its own: a leading dot or quote would be a macro. */
static void
mdoc_text(struct buf *out, const char *text)
{
	if (*text == '.' || *text == '\'')
		buf_add_cstr(out, "\\&");
	for (; *text != '\0'; text++) {
		if (*text == '\\')
			buf_add_cstr(out, "\\e");
		else
			buf_add_char(out, *text);
	}
}

/* A sentence; names of keys and values keep their first letter. */
static void
mdoc_sentence(struct buf *out, const char *text)
{
	size_t word = strcspn(text, " ");
	char first = text[0];

	if (first >= 'a' && first <= 'z' &&
	    strcspn(text, "_./0123456789") >= word) {
		buf_add_char(out, (char)(first - 'a' + 'A'));
		text++;
	}
	mdoc_text(out, text);
	buf_add_cstr(out, ".\n");
}

static void
mdoc_row(struct buf *out, const struct config_key *k)
{
	struct buf range;

	buf_printf(out, ".It Cm %s\n", config_key_name(k));
	mdoc_sentence(out, k->help);
	buf_init(&range, 4096);
	add_range(&range, k);
	mdoc_sentence(out, buf_cstr(&range));
	buf_fini(&range);
	if (has_default(k))
		buf_printf(out, "Default\n.Ql %s .\n", k->fallback);
}

static void
mdoc_names(struct buf *out, const struct config_key *first, bool after_list)
{
	bool any = false;

	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *k = &config_keys[i];

		if (k->effect != EFFECT_NONE || !same_section(k, first))
			continue;
		if (!any)
			buf_printf(out, "%sKnown, without effect yet:\n",
			    after_list ? ".Pp\n" : "");
		else
			buf_add_cstr(out, " ,\n");
		buf_printf(out, ".Cm %s", config_key_name(k));
		any = true;
	}
	buf_add_cstr(out, any ? " .\n" : "");
}

static void
mdoc_section(struct buf *out, const struct config_key *first)
{
	char section[SECTION_BYTES];
	bool any = false;

	section_of(first, section);
	buf_printf(out, ".Ss %s\n", section[0] == '\0' ? "Top level" : section);
	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *k = &config_keys[i];

		if (k->effect != EFFECT_USED || !same_section(k, first))
			continue;
		if (!any)
			buf_add_cstr(out, ".Bl -tag -width Ds\n");
		any = true;
		mdoc_row(out, k);
	}
	buf_add_cstr(out, any ? ".El\n" : "");
	mdoc_names(out, first, any);
}

int
config_schema_print(struct buf *out, const char *format)
{
	void (*section)(struct buf *, const struct config_key *);

	if (strcmp(format, "markdown") == 0)
		section = markdown_section;
	else if (strcmp(format, "mdoc") == 0)
		section = mdoc_section;
	else
		return -1;
	for (size_t i = 0; i < config_key_count; i++) {
		if (opens_section(i))
			section(out, &config_keys[i]);
	}
	return out->overflowed ? -1 : 0;
}
