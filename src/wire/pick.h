/*
 * Members of a JSON object by name, for the files that translate between
 * dialects: values stay where they stand, so that what is copied keeps its
 * spelling (64-bit integers, 1e400, escapes). The text was checked before
 * (skim.h); nothing but pick_checked() fails. A value that is null counts as
 * absent, and of two members of one name the last counts.
 */
#ifndef WIRE_PICK_H
#define WIRE_PICK_H

#include "base/arena.h"
#include "wire/json/skim.h"

/* Fills every value_r; all are absent when `object` is none. Offsets in the
   values count from the object's first byte. */
void pick(const struct skim_value *object, const struct skim_wanted *wanted,
    size_t n);
struct skim_value pick_one(const struct skim_value *object, const char *key);
/* The same of a whole text that was not checked yet, in the one pass that
   checks it: ERR_BAD_JSON when it is no JSON object. */
int pick_checked(struct str text, size_t max_depth,
    const struct skim_wanted *wanted, size_t n, struct err *err) MUST_CHECK;
/* A whole text as a value; absent when it is empty. */
struct skim_value pick_root(struct str text);

/* A string's meaning, in the arena when it has escapes; "" for others. */
struct str pick_text(const struct skim_value *string, struct arena *arena);
/* A string's meaning appended to out; others: nothing. */
void pick_add_text(const struct skim_value *string, struct buf *out);
/* What stands between a string's quotes, as it is written; "" for others. */
struct str pick_inside(const struct skim_value *string);
/* True for "" and what is no string. */
bool pick_is_empty(const struct skim_value *string);
/* Another value for a member: where the object has it, or (add) in any case. */
struct pick_edit {
	const char *key;
	struct str value; /* JSON */
	bool add;
};
/* The object's text (checked JSON) with these, appended to out. */
void pick_replace(struct str object, const struct pick_edit *edits, size_t n,
    struct buf *out);
/* The same for a text of nothing but blanks, escaped ones too. */
bool pick_is_blank(const struct skim_value *string);
/* JSON without the blanks between its tokens, appended to out. */
void pick_compact(struct str json, struct buf *out);

#endif
