/*
 * A table for people: columns aligned, numbers right-justified, no borders.
 * Cells are copied; widths are counted in UTF-8 characters.
 */
#ifndef CTL_TABLE_H
#define CTL_TABLE_H

#include "base/mem.h"

#include <stdint.h>

struct table;

/* One letter per column: 'l' left, 'r' right. */
struct table *table_new(const char *align);
void table_free(struct table **t);
/* The next cell; a row is full after as many as there are columns. */
void table_cell(struct table *t, const char *fmt, ...) PRINTF(2, 3);
void table_cell_int(struct table *t, int64_t v); /* 1,234,567 */
/* Exact USD with at least 6 decimals, so that points stand below each other. */
void table_cell_usd(struct table *t, int64_t nanos);
void table_print(const struct table *t); /* on stdout */
/*
 * One line without control characters, in place: what came from a client or
 * a provider must not speak to the terminal. Returns text.
 */
char *table_plain(char *text);

#endif
