/* Tables for people. See table.h. */
#include "ctl/table.h"

#include "base/num.h"

#include <stdarg.h>

#define MAX_COLUMNS 16
/* Money shows at least this many decimals, at most nine (exact). */
#define USD_DECIMALS 6

struct table {
	char align[MAX_COLUMNS + 1];
	size_t columns;
	char **cells;
	size_t count, size;
};

struct table *
table_new(const char *align)
{
	struct table *t = xcalloc(1, sizeof(*t));

	snprintf(t->align, sizeof(t->align), "%s", align);
	t->columns = strlen(t->align);
	return t;
}

void
table_free(struct table **tp)
{
	struct table *t = *tp;

	if (t == NULL)
		return;
	for (size_t i = 0; i < t->count; i++)
		free(t->cells[i]);
	free(t->cells);
	free(t);
	*tp = NULL;
}

static void
add(struct table *t, char *cell)
{
	if (t->count == t->size) {
		t->size = t->size == 0 ? 64 : t->size * 2;
		t->cells = xrealloc(t->cells, t->size * sizeof(*t->cells));
	}
	/* A cell is one line, whatever a name or an error holds. */
	for (char *p = cell; *p != '\0'; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = ' ';
	}
	t->cells[t->count++] = cell;
}

void
table_cell(struct table *t, const char *fmt, ...)
{
	va_list ap;
	char *cell = NULL;

	va_start(ap, fmt);
	if (vasprintf(&cell, fmt, ap) < 0)
		abort();
	va_end(ap);
	add(t, cell);
}

void
table_cell_int(struct table *t, int64_t v)
{
	char digits[NUM_TEXT_BYTES], out[2 * NUM_TEXT_BYTES];
	size_t n = num_format(v, 0, digits), o = 0;

	for (size_t i = 0; i < n; i++) {
		if (i > 0 && (n - i) % 3 == 0 && digits[i - 1] != '-')
			out[o++] = ',';
		out[o++] = digits[i];
	}
	out[o] = '\0';
	add(t, xstrdup(out));
}

void
table_cell_usd(struct table *t, int64_t nanos)
{
	char text[NUM_TEXT_BYTES + USD_DECIMALS];
	size_t n = num_format(nanos, 9, text);
	char *point = strchr(text, '.');
	size_t decimals;

	if (point == NULL) {
		point = text + n;
		text[n++] = '.';
	}
	decimals = n - (size_t)(point - text) - 1;
	while (decimals++ < USD_DECIMALS)
		text[n++] = '0';
	text[n] = '\0';
	add(t, xstrdup(text));
}

static size_t
width(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

/* Money's points stand below each other: pad what lacks decimals. */
static size_t
pad_right(const struct table *t, size_t column, const char *cell)
{
	size_t most = 0, own = 0;
	const char *point;

	for (size_t i = column + t->columns; i < t->count; i += t->columns) {
		point = strchr(t->cells[i], '.');
		if (point != NULL && strlen(point) > most)
			most = strlen(point);
	}
	point = strchr(cell, '.');
	if (point == NULL)
		return 0;
	own = strlen(point);
	return most > own && t->align[column] == 'r' ? most - own : 0;
}

static void
print_cell(const struct table *t, size_t column, const char *cell,
    const size_t *widths)
{
	size_t after = pad_right(t, column, cell);
	size_t used = width(cell) + after;
	size_t fill = widths[column] > used ? widths[column] - used : 0;

	if (t->align[column] == 'r')
		printf("%*s%s%*s", (int)fill, "", cell, (int)after, "");
	else if (column + 1 == t->columns)
		printf("%s", cell);
	else
		printf("%s%*s", cell, (int)fill, "");
}

void
table_print(const struct table *t)
{
	size_t widths[MAX_COLUMNS] = { 0 };

	for (size_t i = 0; i < t->count; i++) {
		size_t column = i % t->columns;
		size_t w =
		    width(t->cells[i]) +
		    (i < t->columns ? 0 : pad_right(t, column, t->cells[i]));

		if (w > widths[column])
			widths[column] = w;
	}
	for (size_t i = 0; i < t->count; i++) {
		print_cell(t, i % t->columns, t->cells[i], widths);
		printf("%s", (i + 1) % t->columns == 0 ? "\n" : "  ");
	}
}
