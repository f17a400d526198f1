/*
 * The scanner under the skimmer: from the first byte of a thing to the byte
 * behind it, or NULL with the place and the reason. Not for others: they use
 * wire/json/skim.h.
 */
#ifndef WIRE_SKIM_SCAN_H
#define WIRE_SKIM_SCAN_H

#include "base/str.h"
#include "wire/json/skim.h"

struct scan {
	const uint8_t *end;
	size_t max_depth;
	const uint8_t *at; /* where it went wrong */
	const char *wrong; /* what; static */
	bool escaped;      /* the last string had a backslash */
	size_t count;      /* children of the last value */
};

extern const char scan_too_deep[];

/* Notes the fault; returns NULL. */
const uint8_t *scan_fail(struct scan *s, const uint8_t *p, const char *what);
/* p is at the opening quote. */
const uint8_t *scan_string(struct scan *s, const uint8_t *p);
/* Any value, with `outer` containers around it. */
const uint8_t *scan_value(struct scan *s, const uint8_t *p, size_t outer);

static inline const uint8_t *
scan_blank(const struct scan *s, const uint8_t *p)
{
	while (p < s->end && *p <= ' ' &&
	       (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
		p++;
	return p;
}

/* The byte at p, or 0 (which nothing in JSON starts with) at the end. */
static inline uint8_t
scan_peek(const struct scan *s, const uint8_t *p)
{
	return p < s->end ? *p : 0;
}

#endif
