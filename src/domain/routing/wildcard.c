/* Patterns with stars. See wildcard.h. */
#include "domain/routing/wildcard.h"

size_t
wildcard_stars(const char *pattern)
{
	size_t n = 0;

	for (; *pattern != '\0'; pattern++)
		n += *pattern == '*';
	return n;
}

/* The last place of `piece` in s that ends at or before s.n; -1 none. */
static ptrdiff_t
find_last(struct str s, struct str piece)
{
	if (piece.n > s.n)
		return -1;
	for (size_t at = s.n - piece.n + 1; at-- > 0;) {
		if (piece.n == 0 || memcmp(s.p + at, piece.p, piece.n) == 0)
			return (ptrdiff_t)at;
	}
	return -1;
}

/*
 * The literal pieces between the stars are looked for from the right, each as
 * far right as it goes: that leaves most to the first star, then to the
 * second, and never needs to try again.
 */
bool
wildcard_match(const char *pattern, struct str name,
    struct wildcard_captures *captures_r)
{
	struct str pieces[WILDCARD_MAX_STARS + 1];
	struct str rest = str_of(pattern);
	size_t stars = wildcard_stars(pattern);
	struct wildcard_captures c = { .count = stars };

	if (stars > WILDCARD_MAX_STARS)
		return false;
	for (size_t i = 0; i <= stars; i++)
		pieces[i] = str_cut(&rest, '*');
	if (stars == 0) {
		*captures_r = c;
		return str_eq(pieces[0], name);
	}
	if (name.n < pieces[0].n + pieces[stars].n ||
	    !str_eq(pieces[0], str_make(name.p, pieces[0].n)))
		return false;
	/* What the stars have to share. */
	rest = str_make(name.p + pieces[0].n, name.n - pieces[0].n);
	for (size_t i = stars; i > 0; i--) {
		struct str piece = pieces[i];
		ptrdiff_t at = find_last(rest, piece);

		if (at < 0 || (i == stars && (size_t)at + piece.n != rest.n))
			return false;
		if (i < stars)
			c.parts[i] = str_make(rest.p + at + piece.n,
			    rest.n - (size_t)at - piece.n);
		rest.n = (size_t)at;
	}
	c.parts[0] = rest;
	*captures_r = c;
	return true;
}

int
wildcard_compare(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b);
	size_t sa, sb;

	if (la != lb)
		return la > lb ? -1 : 1;
	sa = wildcard_stars(a);
	sb = wildcard_stars(b);
	return sa < sb ? -1 : sa > sb ? 1 : 0;
}

const char *
wildcard_fill(const char *target, const struct wildcard_captures *captures,
    struct str whole, struct arena *arena)
{
	size_t stars = wildcard_stars(target), n = strlen(target), i = 0;
	char *out, *p;

	if (stars == 0)
		return target;
	if (captures->count > stars)
		return arena_strndup(arena, whole.p, whole.n);
	for (i = 0; i < captures->count; i++)
		n += captures->parts[i].n;
	out = p = arena_alloc(arena, n + 1);
	for (i = 0; *target != '\0'; target++) {
		if (*target != '*' || i == captures->count) {
			*p++ = *target;
			continue;
		}
		if (captures->parts[i].n > 0)
			memcpy(p, captures->parts[i].p, captures->parts[i].n);
		p += captures->parts[i++].n;
	}
	return out;
}

static bool
is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("-_.:/@+,=~", c) != NULL);
}

bool
wildcard_name_ok(struct str name)
{
	size_t letters = 0; /* of this path part, dots not counted */

	for (size_t i = 0; i < name.n; i++) {
		if (!is_name_char(name.p[i]))
			return false;
		if (name.p[i] != '/')
			letters += name.p[i] != '.';
		else if (letters == 0)
			return false;
		else
			letters = 0;
	}
	return letters > 0;
}
