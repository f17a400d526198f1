/*
 * One strict pass over a JSON text: validates it (RFC 8259, UTF-8, depth <=
 * 64 by default) and notes where the wanted members stand. No tree, no copies,
 * no allocation: what is only forwarded is never parsed, so 64-bit integers,
 * 1e400 and odd number spellings pass untouched.
 *
 * Two ways in. skim() takes a short list of wanted members. The walk
 * (skim_iter_*) visits members and elements one by one, may descend into a
 * container instead of skipping it, and validates every byte it passes, so a
 * walk over the whole text is a complete check in one pass.
 *
 * Lone surrogates written as escapes ("\ud800") are JSON and pass. Keys are
 * compared with their escapes undone: "\u006dodel" is "model".
 */
#ifndef WIRE_SKIM_H
#define WIRE_SKIM_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

#define SKIM_MAX_DEPTH 64   /* when the options do not say */
#define SKIM_TOP_DEPTH 1024 /* the most the options may say */
#define SKIM_KEY_BYTES                                                         \
	64 /* longest key that is compared when it has                         \
	      escapes; a longer one is unknown */

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
   its quotes); key_start to value_end spans the whole member. */
struct skim_value {
	enum skim_type type;
	struct str value;
	size_t key_start; /* offset of the key's opening quote; of the value
			     in an array */
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
 * ERR_BAD_JSON with the offset and what was wrong. A wanted member that comes
 * twice is refused. Time is linear, memory constant.
 */
int skim(struct str text, const struct skim_wanted *wanted, size_t n,
    const struct skim_options *options, struct err *err) MUST_CHECK;

/*
 * The walk. A call answers 1 with the next one, 0 at the end, -1 when the text
 * is no JSON (`wrong` says why, `at` where). After 0, `at` is behind the
 * closing bracket.
 */
struct skim_iter {
	struct str text; /* what offsets count in */
	size_t at;
	size_t key_start;
	size_t depth; /* containers around the next value */
	size_t max_depth;
	bool is_object;
	bool begun;               /* an element was given out */
	bool escaped;             /* the last string had a backslash */
	size_t count;             /* children of the last value */
	const char *wrong;        /* static; NULL while all is well */
	char key[SKIM_KEY_BYTES]; /* the last key when it had escapes */
};

/* A key against a string literal, compared in place. */
#define SKIM_KEY_IS(key, lit)                                                  \
	((key).n == sizeof(lit) - 1 &&                                         \
	    memcmp((key).p, lit, sizeof(lit) - 1) == 0)

/* At a container's opening bracket, or white space before it. Offsets count
   from the first byte of `container`. */
void skim_iter_init(struct skim_iter *it, struct str container);
/* The next member or element, passed over. key_r is empty in arrays; its
   escapes are undone; good until the next call. */
int skim_iter_next(struct skim_iter *it, struct str *key_r,
    struct skim_value *value_r) MUST_CHECK;
/* Stops in front of the value instead: then skim_iter_skip() passes over it
   (1 or -1), or skim_iter_enter() descends. */
int skim_iter_peek(struct skim_iter *it, struct str *key_r) MUST_CHECK;
int skim_iter_skip(struct skim_iter *it, struct skim_value *value_r) MUST_CHECK;
/* What stands at `at` by its first byte; SKIM_ABSENT when no value does. */
enum skim_type skim_iter_type(const struct skim_iter *it);
/* child walks the container at `it`; when it has answered 0, leave() goes on
   behind it. leave() in the middle makes no sense. */
void skim_iter_enter(const struct skim_iter *it, struct skim_iter *child);
void skim_iter_leave(struct skim_iter *it, const struct skim_iter *child);
/* True when nothing but white space follows (after the walk's 0); else `wrong`
   says so. */
bool skim_iter_at_end(struct skim_iter *it);
/* ERR_BAD_JSON from `wrong` and `at`; returns -1. */
int skim_iter_err(const struct skim_iter *it, struct err *err);

/* A string value's meaning (escapes undone) appended to out; -1 when it does
   not fit or is no string. A lone surrogate becomes U+FFFD. */
int skim_unescape(struct str quoted, struct buf *out) MUST_CHECK;
/* Bytes that skim_unescape() would append. */
size_t skim_text_bytes(struct str quoted);
/* Characters (code points) in it. Halves of a surrogate pair that stand in two
   strings count once, with the first. */
size_t skim_text_chars(struct str quoted);
/* A number as int64: -1 when it has a fraction or is too large. "1e2" and
   "100.0" are 100. */
int skim_int(const struct skim_value *v, int64_t *v_r) MUST_CHECK;
/* True for a string value that means exactly this. */
bool skim_string_is(const struct skim_value *v, const char *text);

#endif
