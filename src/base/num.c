/* Numbers people write. See num.h. */
#include "base/num.h"

#include "base/clock.h"

int
num_int64(struct str s, int64_t *v_r)
{
	bool negative = false;
	uint64_t v = 0;
	size_t i = 0;

	if (s.n > 0 && (s.p[0] == '-' || s.p[0] == '+')) {
		negative = s.p[0] == '-';
		i = 1;
	}
	if (i == s.n)
		return -1;
	for (; i < s.n; i++) {
		unsigned d = (unsigned)(s.p[i] - '0');

		if (d > 9 || v > (uint64_t)INT64_MAX / 10)
			return -1;
		v = v * 10 + d;
		if (v > (uint64_t)INT64_MAX)
			return -1;
	}
	*v_r = negative ? -(int64_t)v : (int64_t)v;
	return 0;
}

/* Splits "12.5ms" into the digits and the unit. */
static struct str
split_unit(struct str *s)
{
	size_t i = 0;
	struct str unit;

	while (
	    i < s->n && ((s->p[i] >= '0' && s->p[i] <= '9') || s->p[i] == '.'))
		i++;
	unit = str_make(s->p + i, s->n - i);
	s->n = i;
	return unit;
}

int
num_duration(struct str s, const char *bare_unit, int64_t *nsecs_r)
{
	static const struct {
		const char *unit;
		int64_t nsecs;
	} units[] = {
		{ "ns", 1 },
		{ "us", 1000 },
		{ "ms", NSECS_PER_MSEC },
		{ "s", NSECS_PER_SEC },
		{ "m", 60 * NSECS_PER_SEC },
		{ "h", 3600 * NSECS_PER_SEC },
		{ "d", 86400 * NSECS_PER_SEC },
		{ "w", 7 * 86400 * NSECS_PER_SEC },
		{ "mo", 30 * 86400 * NSECS_PER_SEC },
	};
	struct str unit;
	int64_t micros;
	bool inexact;

	s = str_trim(s);
	unit = split_unit(&s);
	if (unit.n == 0) {
		if (bare_unit == NULL)
			return -1;
		unit = str_of(bare_unit);
	}
	if (num_decimal(s, 6, &micros, &inexact) != 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		__int128 v;

		if (!str_is(unit, units[i].unit))
			continue;
		v = (__int128)micros * units[i].nsecs / 1000000;
		if (v > INT64_MAX)
			return -1;
		*nsecs_r = (int64_t)v;
		return 0;
	}
	return -1;
}

int
num_size(struct str s, int64_t *bytes_r)
{
	static const char letters[] = "KMGT";
	int64_t v, factor = 1;
	struct str unit;

	s = str_trim(s);
	unit = split_unit(&s);
	if (unit.n > 0 && (unit.p[unit.n - 1] == 'B')) {
		unit.n--;
		if (unit.n > 1 && unit.p[unit.n - 1] == 'i')
			unit.n--;
	}
	if (unit.n > 1)
		return -1;
	if (unit.n == 1) {
		char c = unit.p[0];
		const char *hit;

		if (c >= 'a' && c <= 'z')
			c = (char)(c - 'a' + 'A');
		hit = strchr(letters, c);
		if (hit == NULL)
			return -1;
		for (const char *l = letters; l <= hit; l++)
			factor *= 1024;
	}
	if (num_int64(s, &v) != 0 || v < 0 || v > INT64_MAX / factor)
		return -1;
	*bytes_r = v * factor;
	return 0;
}

/* The parts of a decimal literal. */
struct decimal {
	bool negative;
	int64_t digits; /* all digits, the point left out */
	int exponent;   /* value = digits * 10^exponent */
	bool dropped;   /* non-zero digits that did not fit were left out */
};

static int
scan_exponent(struct str s, size_t i, int *exponent_r)
{
	int64_t e;

	if (num_int64(str_make(s.p + i, s.n - i), &e) != 0 || e < -400 ||
	    e > 400)
		return -1;
	*exponent_r += (int)e;
	return 0;
}

static int
scan_decimal(struct str s, struct decimal *d)
{
	bool point = false, any = false;
	size_t i = 0;

	memset(d, 0, sizeof(*d));
	if (s.n > 0 && (s.p[0] == '-' || s.p[0] == '+')) {
		d->negative = s.p[0] == '-';
		i = 1;
	}
	for (; i < s.n; i++) {
		char c = s.p[i];

		if (c == '.' && !point) {
			point = true;
		} else if (c >= '0' && c <= '9') {
			any = true;
			if (d->digits > (INT64_MAX - (c - '0')) / 10) {
				d->dropped = d->dropped || c != '0';
				d->exponent += point ? 0 : 1;
				continue;
			}
			d->digits = d->digits * 10 + (c - '0');
			d->exponent -= point ? 1 : 0;
		} else if ((c == 'e' || c == 'E') && any) {
			return scan_exponent(s, i + 1, &d->exponent);
		} else {
			return -1;
		}
	}
	return any ? 0 : -1;
}

int
num_decimal(struct str s, int scale, int64_t *v_r, bool *inexact_r)
{
	struct decimal d;
	bool inexact;
	int shift;

	if (scan_decimal(s, &d) != 0)
		return -1;
	inexact = d.dropped;
	shift = d.exponent + scale;
	for (; shift > 0 && d.digits != 0; shift--) {
		if (d.digits > INT64_MAX / 10)
			return -1;
		d.digits *= 10;
	}
	for (; shift < 0 && d.digits != 0; shift++) {
		int last = (int)(d.digits % 10);

		inexact = inexact || last != 0;
		d.digits /= 10;
		/* Half up on the last digit to go. */
		if (shift == -1 && last >= 5)
			d.digits++;
	}
	*v_r = d.negative ? -d.digits : d.digits;
	*inexact_r = inexact;
	return 0;
}

/* 00 to 99: half the divisions. */
static const char pairs[] =
    "00010203040506070809101112131415161718192021222324"
    "25262728293031323334353637383940414243444546474849"
    "50515253545556575859606162636465666768697071727374"
    "75767778798081828384858687888990919293949596979899";

/* The last n digits of v, with zeros in front. */
static void
put_digits(uint64_t v, size_t n, char *out)
{
	for (; n >= 2; v /= 100) {
		n -= 2;
		memcpy(out + n, pairs + 2 * (v % 100), 2);
	}
	if (n == 1)
		out[0] = (char)('0' + v % 10);
}

size_t
num_format_uint(uint64_t v, char out[NUM_TEXT_BYTES])
{
	uint64_t rest = v;
	size_t n = 1;

	for (; rest >= 100; rest /= 100)
		n += 2;
	n += rest >= 10;
	put_digits(v, n, out);
	out[n] = '\0';
	return n;
}

size_t
num_format(int64_t v, int scale, char out[NUM_TEXT_BYTES])
{
	uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v, unit = 1;
	size_t digits;
	char *p = out;

	if (v < 0)
		*p++ = '-';
	if (scale == 0 || v == 0)
		return (size_t)(p - out) + num_format_uint(u, p);
	for (int i = 0; i < scale; i++)
		unit *= 10;
	p += num_format_uint(u / unit, p);
	u %= unit;
	if (u == 0)
		return (size_t)(p - out);
	digits = (size_t)scale;
	for (; u % 100 == 0; u /= 100)
		digits -= 2;
	if (u % 10 == 0) {
		u /= 10;
		digits--;
	}
	*p++ = '.';
	put_digits(u, digits, p);
	p += digits;
	*p = '\0';
	return (size_t)(p - out);
}
