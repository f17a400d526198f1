/*
 * Names with stars: "openai/" and a star stands for every name that begins so.
 * A star takes any bytes, also none; a pattern is anchored at both ends; the
 * first star takes as much as it can, then the second, and so on (as the
 * regular expressions of LiteLLM do). Pure; borrows what it is given.
 */
#ifndef DOMAIN_WILDCARD_H
#define DOMAIN_WILDCARD_H

#include "base/arena.h"

#define WILDCARD_MAX_STARS 8

/* What each star stood for: slices of the name that was matched. */
struct wildcard_captures {
	size_t count;
	struct str parts[WILDCARD_MAX_STARS];
};

size_t wildcard_stars(const char *pattern);
/* False also for patterns with more than WILDCARD_MAX_STARS. */
bool wildcard_match(const char *pattern, struct str name,
    struct wildcard_captures *captures_r);
/* < 0: a is more specific (longer, then fewer stars) and is tried first. */
int wildcard_compare(const char *a, const char *b);
/*
 * The target with its stars replaced by the captures, in order. A target
 * without stars is taken as it is; one with fewer stars than captures gives
 * the whole name. In the arena.
 */
const char *wildcard_fill(const char *target,
    const struct wildcard_captures *captures, struct str whole,
    struct arena *arena);
/*
 * A name that comes from a client and becomes part of an upstream request:
 * letters, digits and - _ . : / @ + , = ~ only, no empty or dot-only path
 * parts. Only such names are matched against patterns.
 */
bool wildcard_name_ok(struct str name);

#endif
