/*
 * One strict pass over a JSON text: validates it (RFC 8259, UTF-8, depth <=
 * 64 by default, duplicates of wanted keys refused) and notes where the wanted
 * top-level members stand. No tree, no copies: what is only forwarded is never
 * parsed, so 64-bit integers, 1e400 and odd number spellings pass untouched.
 */
#ifndef WIRE_SKIM_H
#define WIRE_SKIM_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

enum skim_type {
	SKIM_ABSENT,
	SKIM_NULL,
	SKIM_TRUE,
	SKIM_FALSE,
	SKIM_NUMBER,
	SKIM_STRING,
	SKIM_ARRAY,
	SKIM_OBJECT,
};

/* A value's place in the text: value is the bytes as written (a string with
   its quotes); member spans key, colon and value, for cutting out. */
struct skim_value {
	enum skim_type type;
	struct str value;
	size_t key_start;              /* offset of the key's opening quote */
	size_t value_start, value_end; /* offsets in the text */
	size_t count; /* array: elements; object: members (not nested) */
};

struct skim_wanted {
	const char *key; /* top-level name, or "a.b" for one below */
	struct skim_value *value_r;
};

struct skim_options {
	size_t max_depth;   /* 0: 64 */
	bool allow_any_top; /* a top-level value other than object */
};

/*
 * 0 with every wanted value filled (type SKIM_ABSENT when not there); -1
 * ERR_BAD_JSON with the offset and what was wrong. Time is linear, memory
 * constant.
 */
int skim(struct str text, const struct skim_wanted *wanted, size_t n,
    const struct skim_options *options, struct err *err) MUST_CHECK;

/* Walks the members of an object or the elements of an array given as text
   that skim() has accepted. 1 with the next one, 0 at the end. */
struct skim_iter {
	struct str text;
	size_t at;
	bool is_object;
};
void skim_iter_init(struct skim_iter *it, struct str container);
int skim_iter_next(struct skim_iter *it, struct str *key_r,
    struct skim_value *value_r) MUST_CHECK;

/* A string value's meaning (escapes undone) appended to out; -1 when it does
   not fit or is no string. */
int skim_unescape(struct str quoted, struct buf *out) MUST_CHECK;
/* A number as int64: -1 when it has a fraction or is too large. */
int skim_int(const struct skim_value *v, int64_t *v_r) MUST_CHECK;

#endif
