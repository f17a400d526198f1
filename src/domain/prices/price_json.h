/*
 * A strict, bounded JSON reader that gives numbers as they are spelled:
 * prices are decimals, and a double is none. Pull style, no tree, no
 * allocation; the text must outlive it. Private to domain/prices.
 *
 * Refused: anything RFC 8259 does not allow, invalid UTF-8, a byte order
 * mark, text behind the value, nesting deeper than 32, keys and strings that
 * are asked for and longer than 512 bytes. Every function returns -1 with
 * ERR_CONFIG "NAME:LINE: ..." in *err; after that the reader is of no use.
 */
#ifndef DOMAIN_PRICE_JSON_H
#define DOMAIN_PRICE_JSON_H

#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

#define PRICE_JSON_DEPTH 32
#define PRICE_JSON_TEXT  512

struct price_json {
	const char *start, *p, *end;
	const char *name; /* of the file; borrowed */
	unsigned depth;
	uint64_t started; /* bit per depth: it has had a member */
	char text[PRICE_JSON_TEXT];
	struct err *err;
};

int price_json_open(struct price_json *j, struct str text, const char *name,
    struct err *err) MUST_CHECK;
/* Opens a text that was read before, at a place inside it. */
void price_json_at(struct price_json *j, struct str text, size_t offset,
    const char *name, struct err *err);
/* Nothing but blanks is left. */
int price_json_end(struct price_json *j) MUST_CHECK;
/* What comes next: one of { [ " 0 t f n (0: any number), or -1. */
int price_json_peek(struct price_json *j) MUST_CHECK;
/* Steps into an object or a list ('{', '['). */
int price_json_enter(struct price_json *j, char bracket) MUST_CHECK;
/* Next member of the object: 1 with its key (valid until the next string is
   read), 0 at its end, which is stepped over. */
int price_json_member(struct price_json *j, struct str *key_r) MUST_CHECK;
/* Next item of the list: 1, or 0 at its end, which is stepped over. */
int price_json_item(struct price_json *j) MUST_CHECK;
/* A number as it is spelled (borrowed from the text). */
int price_json_number(struct price_json *j, struct str *spelling_r) MUST_CHECK;
/* A string, unescaped; valid until the next string is read. */
int price_json_string(struct price_json *j, struct str *s_r) MUST_CHECK;
/* Any value, checked and dropped. */
int price_json_skip(struct price_json *j) MUST_CHECK;
/* Sets the error, with name and line; returns -1. */
int price_json_fail(struct price_json *j, const char *fmt, ...) PRINTF(2, 3);

#endif
