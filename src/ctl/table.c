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

char *
table_plain(char *text)
{
	for (unsigned char *p = (unsigned char *)text; *p != '\0'; p++) {
		if (*p < 0x20 || *p == 0x7f)
			*p = ' ';
		else if (*p == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f)
			p[0] = p[1] = ' ';
	}
	return text;
}

static void
add(struct table *t, char *cell)
{
	if (t->count == t->size) {
		t->size = t->size == 0 ? 64 : t->size * 2;
		t->cells = xrealloc(t->cells, t->size * sizeof(*t->cells));
	}
	t->cells[t->count++] = table_plain(cell);
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

/* Bytes from the point of a number on; 0 when the cell has none. */
static size_t
decimals(const char *cell)
{
	const char *point = strchr(cell, '.');

	return point == NULL ? 0 : strlen(point);
}

/* How a column is laid out. */
struct layout {
	size_t width;
	size_t decimals; /* most of any cell below the head */
};

/* Points of right-justified numbers stand below each other: what a cell lacks
   in decimals is blank. */
static size_t
blank_after(const struct table *t, const struct layout *l, size_t i)
{
	size_t own = decimals(t->cells[i]);

	if (i < t->columns || t->align[i % t->columns] != 'r' || own == 0)
		return 0;
	return l->decimals - own;
}

static void
lay_out(const struct table *t, struct layout *layouts)
{
	for (size_t i = t->columns; i < t->count; i++) {
		struct layout *l = &layouts[i % t->columns];
		size_t own = decimals(t->cells[i]);

		if (own > l->decimals)
			l->decimals = own;
	}
	for (size_t i = 0; i < t->count; i++) {
		struct layout *l = &layouts[i % t->columns];
		size_t w = width(t->cells[i]) + blank_after(t, l, i);

		if (w > l->width)
			l->width = w;
	}
}

static void
print_cell(const struct table *t, const struct layout *l, size_t i)
{
	size_t after = blank_after(t, l, i);
	size_t fill = l->width - width(t->cells[i]) - after;
	bool last = (i + 1) % t->columns == 0;

	if (t->align[i % t->columns] == 'r')
		printf("%*s%s%*s", (int)fill, "", t->cells[i],
		    last ? 0 : (int)after, "");
	else
		printf("%s%*s", t->cells[i], last ? 0 : (int)fill, "");
	printf("%s", last ? "\n" : "  ");
}

void
table_print(const struct table *t)
{
	struct layout layouts[MAX_COLUMNS] = { 0 };

	lay_out(t, layouts);
	for (size_t i = 0; i < t->count; i++)
		print_cell(t, &layouts[i % t->columns], i);
	if (t->count % t->columns != 0)
		printf("\n");
}
