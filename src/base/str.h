/*
 * A slice of bytes somebody else owns: pointer and length, no NUL implied.
 * Text from clients, providers and files travels as slices; C strings are for
 * names we made ourselves.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include "base/mem.h"

#include <stdbool.h>

struct str {
	const char *p; /* may be NULL only when n is 0 */
	size_t n;
};

#define STR_FMT    "%.*s"
#define STR_ARG(s) (int)(s).n, (s).p
/* A slice of a string literal, usable in static tables. */
#define STR_LIT(lit)                                                           \
	{                                                                      \
		(lit), sizeof(lit) - 1                                         \
	}

static inline struct str
str_make(const char *p, size_t n)
{
	struct str s = { p, n };

	return s;
}

/* "" for NULL. */
static inline struct str
str_of(const char *cstr)
{
	return cstr == NULL ? str_make("", 0) : str_make(cstr, strlen(cstr));
}

/* Inline, so that the length of a literal is known and most others are told
   apart by it. */
static inline bool
str_eq(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool
str_is(struct str a, const char *cstr)
{
	/* The first byte tells most others apart. */
	return a.n == 0 ? cstr[0] == '\0'
			: a.p[0] == cstr[0] && str_eq(a, str_of(cstr));
}

bool str_is_nocase(struct str a, const char *cstr);
bool str_starts(struct str a, const char *prefix);
bool str_ends(struct str a, const char *suffix);
/* First place of needle in a, or -1. */
ptrdiff_t str_find(struct str a, const char *needle);
/* The same, ASCII letters folded. */
ptrdiff_t str_find_nocase(struct str a, const char *needle);
/* As much of it as fits, with a NUL, into size bytes (> 0). */
void str_keep(struct str a, char *out, size_t size);
/* Without blanks, tabs, CR and LF at both ends. */
struct str str_trim(struct str a);
/*
 * Cuts *rest at the first sep: returns the part before it and leaves the
 * part after it in *rest (empty, with p NULL, when there was no sep).
 */
struct str str_cut(struct str *rest, char sep);
/* A NUL-terminated copy on the heap; the caller frees it. */
char *str_dup(struct str a);
/* Bytes in front that are printable ASCII but no quote and no backslash: what
   JSON strings and HTTP headers take as it is. */
size_t str_plain_run(struct str a);
/* True when every byte is valid UTF-8 (no surrogates, no overlong forms). */
bool str_utf8_ok(struct str a);
/* Constant time in the lengths given: for keys and other secrets. */
bool str_eq_secret(struct str a, struct str b);
/*
 * Levenshtein distance, for "did you mean"; stops counting past 32 bytes and
 * returns 99 for longer words.
 */
int str_distance(const char *a, const char *b);

#endif
