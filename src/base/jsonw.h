/*
 * Writing JSON text into a buf, without a tree: commas and escapes are seen
 * to, nesting is the caller's. For records, errors and admin answers.
 *
 *   jsonw_open(w, '{'); jsonw_key(w, "a"); jsonw_int(w, 1); jsonw_close(w, '}')
 */
#ifndef BASE_JSONW_H
#define BASE_JSONW_H

#include "base/buf.h"

#include <stdint.h>

struct jsonw {
	struct buf *out;
	bool comma; /* a comma is due before the next value or key */
};

void jsonw_init(struct jsonw *w, struct buf *out);
void jsonw_open(struct jsonw *w, char bracket);  /* '{' or '[' */
void jsonw_close(struct jsonw *w, char bracket); /* '}' or ']' */
void jsonw_key(struct jsonw *w, const char *key);
/* Invalid UTF-8 is replaced by U+FFFD, so the result is always JSON. */
void jsonw_str(struct jsonw *w, struct str s);
void jsonw_cstr(struct jsonw *w, const char *s); /* NULL prints null */
void jsonw_int(struct jsonw *w, int64_t v);
void jsonw_bool(struct jsonw *w, bool v);
void jsonw_null(struct jsonw *w);
/* A key and its value. */
void jsonw_put_int(struct jsonw *w, const char *key, int64_t v);
void jsonw_put_cstr(struct jsonw *w, const char *key, const char *s);
void jsonw_put_open(struct jsonw *w, const char *key, char bracket);
/* v / 10^scale as an exact decimal number. */
void jsonw_decimal(struct jsonw *w, int64_t v, int scale);
/* Bytes that already are JSON. */
void jsonw_raw(struct jsonw *w, struct str json);

/*
 * Members whose key is known when we are compiled and has nothing to escape:
 * key and value in one go, for what is written with each request.
 *
 *   jsonw_member_int(w, JSON_KEY("status"), 200);
 */
#define JSON_KEY(literal) str_make("\"" literal "\":", sizeof(literal) + 2)
void jsonw_known_key(struct jsonw *w, struct str key); /* a value follows */
void jsonw_member_str(struct jsonw *w, struct str key, struct str s);
void jsonw_member_int(struct jsonw *w, struct str key, int64_t v);
void jsonw_member_decimal(struct jsonw *w, struct str key, int64_t v,
    int scale);
void jsonw_member_bool(struct jsonw *w, struct str key, bool v);
void jsonw_member_raw(struct jsonw *w, struct str key, struct str json);

/* The inside of a JSON string (escapes only, no quotes), appended to out. */
void jsonw_escape(struct buf *out, struct str s);

#endif
