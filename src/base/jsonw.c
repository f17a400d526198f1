/* JSON text without a tree. See jsonw.h. */
#include "base/jsonw.h"

#include "base/num.h"

void
jsonw_init(struct jsonw *w, struct buf *out)
{
	w->out = out;
	w->comma = false;
}

static void
before_value(struct jsonw *w)
{
	if (w->comma)
		buf_add_char(w->out, ',');
	w->comma = true;
}

void
jsonw_open(struct jsonw *w, char bracket)
{
	before_value(w);
	buf_add_char(w->out, bracket);
	w->comma = false;
}

void
jsonw_close(struct jsonw *w, char bracket)
{
	buf_add_char(w->out, bracket);
	w->comma = true;
}

/* True when all eight bytes of v are 0x20..0x7e, without '"' and '\\'. */
static bool
eight_plain(uint64_t v)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones * 0x80;
	uint64_t quote = v ^ ones * '"', slash = v ^ ones * '\\';

	/* Above each "-": a byte below 0x20, or one that is 0, borrows. */
	return ((v | (v + ones) | ((v - ones * 0x20) & ~v) |
		    ((quote - ones) & ~quote) | ((slash - ones) & ~slash)) &
		   tops) == 0;
}

/* Bytes at p that may be copied as they are. */
static size_t
plain_run(const char *p, size_t n)
{
	size_t i = 0;

	while (n - i >= sizeof(uint64_t)) {
		uint64_t v;

		memcpy(&v, p + i, sizeof(v));
		if (!eight_plain(v))
			break;
		i += sizeof(v);
	}
	while (i < n) {
		unsigned char c = (unsigned char)p[i];

		if (c < 0x20 || c == '"' || c == '\\' || c >= 0x7f)
			break;
		i++;
	}
	return i;
}

/* One byte or UTF-8 sequence that is not plain; returns how many it took. */
static size_t
escape_one(struct buf *out, const char *p, size_t n)
{
	unsigned char c = (unsigned char)p[0];

	if (c == '"' || c == '\\') {
		buf_add_char(out, '\\');
		buf_add_char(out, (char)c);
		return 1;
	}
	if (c == '\n' || c == '\r' || c == '\t') {
		buf_add_char(out, '\\');
		buf_add_char(out, c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
		return 1;
	}
	if (c < 0x20 || c == 0x7f) {
		buf_printf(out, "\\u%04x", c);
		return 1;
	}
	for (size_t len = 2; len <= 4 && len <= n; len++) {
		if (str_utf8_ok(str_make(p, len))) {
			buf_add(out, p, len);
			return len;
		}
	}
	buf_add_cstr(out, "\xef\xbf\xbd"); /* U+FFFD */
	return 1;
}

void
jsonw_escape(struct buf *out, struct str s)
{
	size_t i = 0;

	while (i < s.n) {
		size_t run = plain_run(s.p + i, s.n - i);

		buf_add(out, s.p + i, run);
		i += run;
		if (i < s.n)
			i += escape_one(out, s.p + i, s.n - i);
	}
}

/* [,]"text"[:] in one piece: what nearly every key and value is. */
static void
add_plain(struct jsonw *w, struct str s, bool is_key)
{
	struct buf *out = w->out;
	char *p;

	if (buf_reserve(out, s.n + 4) != 0)
		return;
	p = out->data + out->len;
	if (w->comma)
		*p++ = ',';
	*p++ = '"';
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	p += s.n;
	*p++ = '"';
	if (is_key)
		*p++ = ':';
	*p = '\0';
	out->len = (size_t)(p - out->data);
}

static void
add_text(struct jsonw *w, struct str s, bool is_key)
{
	if (plain_run(s.p, s.n) == s.n) {
		add_plain(w, s, is_key);
	} else {
		if (w->comma)
			buf_add_char(w->out, ',');
		buf_add_char(w->out, '"');
		jsonw_escape(w->out, s);
		buf_add_char(w->out, '"');
		if (is_key)
			buf_add_char(w->out, ':');
	}
	w->comma = !is_key;
}

void
jsonw_key(struct jsonw *w, const char *key)
{
	add_text(w, str_of(key), true);
}

void
jsonw_str(struct jsonw *w, struct str s)
{
	add_text(w, s, false);
}

void
jsonw_cstr(struct jsonw *w, const char *s)
{
	if (s == NULL)
		jsonw_null(w);
	else
		jsonw_str(w, str_of(s));
}

void
jsonw_decimal(struct jsonw *w, int64_t v, int scale)
{
	char text[NUM_TEXT_BYTES];
	size_t n = num_format(v, scale, text);

	before_value(w);
	buf_add(w->out, text, n);
}

void
jsonw_int(struct jsonw *w, int64_t v)
{
	jsonw_decimal(w, v, 0);
}

void
jsonw_raw(struct jsonw *w, struct str json)
{
	before_value(w);
	buf_add_str(w->out, json);
}

void
jsonw_bool(struct jsonw *w, bool v)
{
	jsonw_raw(w, str_of(v ? "true" : "false"));
}

void
jsonw_null(struct jsonw *w)
{
	jsonw_raw(w, str_of("null"));
}
