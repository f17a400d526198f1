/*
 * Typed reading of small JSON documents (jansson): price files, traces, test
 * control, admin bodies. Not for request bodies that are only forwarded: see
 * wire/json/skim.h.
 */
#ifndef BASE_JSONX_H
#define BASE_JSONX_H

#include "base/err.h"
#include "base/str.h"

#include <jansson.h>
#include <stdint.h>

/*
 * Parses a whole document: duplicate keys refused, NUL allowed, at most
 * depth 512. NULL and ERR_BAD_JSON with line and column on failure. The
 * caller owns the reference (json_decref).
 */
json_t *jsonx_parse(struct str text, struct err *err) MUST_CHECK;
/* Member as integer: 1 found, 0 absent or null, -1 wrong type. */
int jsonx_int(const json_t *obj, const char *key, int64_t *v_r) MUST_CHECK;
/* Member as bool, same answers. */
int jsonx_bool(const json_t *obj, const char *key, bool *v_r) MUST_CHECK;
/* Member as string, borrowed from obj; "" when absent or not a string. */
struct str jsonx_str(const json_t *obj, const char *key);
/* Follows "a.b.c" through objects; NULL when any step is missing. */
json_t *jsonx_path(const json_t *obj, const char *path);
/* The same object for jansson's iterators, which take no const; they change
   nothing. */
json_t *jsonx_iterable(const json_t *json);
/* Compact text, keys in their order; the caller frees it. */
char *jsonx_dump(const json_t *json);

#endif
