/*
 * JSON strings and numbers by value: escapes undone, lengths, integers. Works
 * on text that the skimmer has accepted; on other text it stays within its
 * bounds and gives something harmless.
 */
#include "wire/json/skim_text.h"

#include "base/num.h"
#include "wire/json/skim.h"

/* The four digits at p; the caller knows that four bytes are there. */
static uint32_t
hex4(const char *p)
{
	uint32_t v = 0;

	for (int i = 0; i < 4; i++) {
		int d = num_hex_digit(p[i]);

		v = v * 16 + (uint32_t)(d < 0 ? 0 : d);
	}
	return v;
}

/*
 * The code point of the escape "\uXXXX" at raw.p[i], with the low half of a
 * pair when it follows. *used_r is how many bytes it took.
 */
static uint32_t
code_point(struct str raw, size_t i, size_t *used_r)
{
	uint32_t v = hex4(raw.p + i + 2), low;

	*used_r = 6;
	if (v < 0xd800 || v > 0xdfff)
		return v;
	if (v > 0xdbff || raw.n - i < 12 || raw.p[i + 6] != '\\' ||
	    raw.p[i + 7] != 'u')
		return 0xfffd;
	low = hex4(raw.p + i + 8);
	if (low < 0xdc00 || low > 0xdfff)
		return 0xfffd;
	*used_r = 12;
	return 0x10000 + ((v - 0xd800) << 10) + (low - 0xdc00);
}

static size_t
put_utf8(uint32_t c, char *out)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | (c >> 6));
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | (c >> 12));
		out[1] = (char)(0x80 | ((c >> 6) & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | (c >> 18));
	out[1] = (char)(0x80 | ((c >> 12) & 0x3f));
	out[2] = (char)(0x80 | ((c >> 6) & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* One escape at raw.p[i]; returns the bytes written. */
static size_t
put_escape(struct str raw, size_t i, size_t *used_r, char *out)
{
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	const char *hit;
	char c;

	*used_r = 2;
	if (raw.n - i < 2) { /* a backslash alone: not accepted text */
		*used_r = 1;
		return 0;
	}
	c = raw.p[i + 1];
	if (c == 'u' && raw.n - i >= 6)
		return put_utf8(code_point(raw, i, used_r), out);
	hit = c == '\0' ? NULL : strchr(from, c);
	*out = hit == NULL ? c : to[hit - from];
	return 1;
}

size_t
skim_decode(struct str raw, char *out)
{
	size_t i = 0, n = 0;

	while (i < raw.n) {
		const char *hit = memchr(raw.p + i, '\\', raw.n - i);
		size_t run =
		    hit == NULL ? raw.n - i : (size_t)(hit - raw.p) - i;
		size_t used = 0;

		if (run > 0)
			memcpy(out + n, raw.p + i, run);
		n += run;
		i += run;
		if (i < raw.n)
			n += put_escape(raw, i, &used, out + n);
		i += used;
	}
	return n;
}

/* The bytes between the quotes; false when it is no string. */
static bool
inside(struct str quoted, struct str *raw_r)
{
	if (quoted.n < 2 || quoted.p[0] != '"' || quoted.p[quoted.n - 1] != '"')
		return false;
	*raw_r = str_make(quoted.p + 1, quoted.n - 2);
	return true;
}

int
skim_unescape(struct str quoted, struct buf *out)
{
	struct str raw;
	size_t n;

	if (!inside(quoted, &raw))
		return -1;
	if (memchr(raw.p, '\\', raw.n) == NULL)
		return buf_add_str(out, raw);
	n = skim_text_bytes(quoted);
	if (n > out->max - out->len) {
		out->overflowed = true;
		return -1;
	}
	if (buf_reserve(out, n) != 0)
		return -1;
	out->len += skim_decode(raw, out->data + out->len);
	out->data[out->len] = '\0';
	return 0;
}

size_t
skim_text_bytes(struct str quoted)
{
	struct str raw;
	size_t i = 0, n = 0;

	if (!inside(quoted, &raw))
		return 0;
	while (i < raw.n) {
		const char *hit = memchr(raw.p + i, '\\', raw.n - i);
		size_t run =
		    hit == NULL ? raw.n - i : (size_t)(hit - raw.p) - i;
		size_t used = 0;
		char scratch[4];

		n += run;
		i += run;
		if (i < raw.n)
			n += put_escape(raw, i, &used, scratch);
		i += used;
	}
	return n;
}

size_t
skim_text_chars(struct str quoted)
{
	struct str raw;
	size_t i = 0, n = 0;

	if (!inside(quoted, &raw))
		return 0;
	while (i < raw.n) {
		uint8_t c = (uint8_t)raw.p[i];

		if (c != '\\') {
			n += (c & 0xc0) != 0x80; /* not in the middle of one */
			i++;
		} else if (raw.n - i >= 6 && raw.p[i + 1] == 'u') {
			n += (hex4(raw.p + i + 2) & 0xfc00) != 0xdc00;
			i += 6;
		} else {
			n++;
			i += 2;
		}
	}
	return n;
}

int
skim_int(const struct skim_value *v, int64_t *v_r)
{
	bool inexact;
	int64_t n;

	if (v->type != SKIM_NUMBER)
		return -1;
	if (num_int64(v->value, &n) != 0 &&
	    (num_decimal(v->value, 0, &n, &inexact) != 0 || inexact))
		return -1;
	*v_r = n;
	return 0;
}

bool
skim_string_is(const struct skim_value *v, const char *text)
{
	size_t n = strlen(text);
	struct str raw;
	struct buf b;
	bool same;

	if (v->type != SKIM_STRING || !inside(v->value, &raw))
		return false;
	if (raw.n == n)
		return n == 0 || memcmp(raw.p, text, n) == 0;
	if (raw.n < n || raw.n > 6 * n || memchr(raw.p, '\\', raw.n) == NULL)
		return false; /* no escape makes it shorter than that */
	buf_init(&b, 6 * n);
	same = skim_unescape(v->value, &b) == 0 && str_is(buf_str(&b), text);
	buf_fini(&b);
	return same;
}
