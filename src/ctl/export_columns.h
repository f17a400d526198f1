/*
 * The columns of tallyctl export, in two tables: one row per client request or
 * one per attempt. Names, order and types do not depend on the data, so a
 * program may rely on them; new ones are added at the end. docs/export.md has
 * the tables.
 */
#ifndef CTL_EXPORT_COLUMNS_H
#define CTL_EXPORT_COLUMNS_H

#include "base/buf.h"
#include "base/jsonx.h"

/* X(NAME, "type in the documents") */
/* clang-format off */
#define EXPORT_TYPES(X) \
X(TEXT,  "text") \
X(TIME,  "timestamp, UTC") \
X(INT,   "integer") \
X(USD,   "decimal, 9 places") \
X(SECS,  "decimal, 6 places") \
X(BOOL,  "true or false") \
X(TEXTS, "list of texts")
/* clang-format on */
#define EXPORT_TYPE_ENUM(NAME, text) EXPORT_##NAME,
enum export_type {
	EXPORT_TYPES(EXPORT_TYPE_ENUM) EXPORT_TYPE_COUNT
};
#undef EXPORT_TYPE_ENUM
const char *export_type_text(enum export_type type);

/* Where a value stands in a line of the trace file. */
enum export_from {
	EXPORT_LINE,    /* a member of the line */
	EXPORT_ATTEMPT, /* a member of the attempt */
	EXPORT_NUMBER,  /* of the attempt, from 1 */
	EXPORT_COUNT,   /* of the attempts */
	EXPORT_TEAM_ALIAS,
};

struct export_column {
	const char *name;
	enum export_type type;
	enum export_from from;
	const char *key; /* the member */
	const char *help;
};

enum export_by {
	EXPORT_BY_REQUESTS,
	EXPORT_BY_ATTEMPTS,
};
/* The table of a kind of row. */
const struct export_column *export_columns(enum export_by by, size_t *count_r);

struct export_row {
	const json_t *line; /* of the trace file */
	const json_t
	    *attempt;  /* of its attempts; NULL: the row is a request's */
	size_t number; /* of the attempt, from 1 */
	struct str team_alias; /* "" none, or not known */
};
/*
 * A value as text, without quotes; TEXTS as a JSON array. Money and seconds are
 * exact. 1 with the text appended to out, 0: there is none (null), -1: it has
 * another type than the column.
 */
int export_value(const struct export_column *column,
    const struct export_row *row, struct buf *out) MUST_CHECK;

#endif
