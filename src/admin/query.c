/* Reading a query. See query.h. Pure. */
#include "admin/query.h"

#include "base/num.h"

/* One byte of s as it is meant, s moved behind it; -1: no such byte. */
static int
next_byte(struct str *s)
{
	int high, low;
	char c = s->p[0];

	s->p++;
	s->n--;
	if (c == '+')
		return ' ';
	if (c != '%')
		return (unsigned char)c;
	if (s->n < 2)
		return -1;
	high = num_hex_digit(s->p[0]);
	low = num_hex_digit(s->p[1]);
	s->p += 2;
	s->n -= 2;
	return high < 0 || low < 0 ? -1 : high * 16 + low;
}

static int
decode(struct str s, char *out, size_t size)
{
	size_t n = 0;

	while (s.n > 0) {
		int byte = next_byte(&s);

		if (byte <= 0 || n + 1 >= size)
			return -1;
		out[n++] = (char)byte;
	}
	out[n] = '\0';
	return 1;
}

int
query_get(struct str query, const char *name, char *out, size_t size)
{
	while (query.p != NULL && query.n > 0) {
		struct str value = str_cut(&query, '&');
		struct str key = str_cut(&value, '=');

		if (!str_is(key, name))
			continue;
		return decode(value.p == NULL ? str_make("", 0) : value, out,
		    size);
	}
	return 0;
}
