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

#define ONES        UINT64_C(0x0101010101010101)
#define HIGHS       (ONES << 7)
#define HAS_ZERO(w) (((w)-ONES) & ~(w)&HIGHS)

/* Whether eight bytes may be copied as they are. */
static bool
is_plain_word(const char *p)
{
	uint64_t w;

	memcpy(&w, p, 8);
	return ((w & HIGHS) | HAS_ZERO(w ^ (ONES * '"')) |
		   HAS_ZERO(w ^ (ONES * '\\')) | HAS_ZERO(w ^ (ONES * 0x7f)) |
		   ((w - ONES * 0x20) & ~w & HIGHS)) == 0;
}

/* Bytes at p that may be copied as they are. */
static size_t
plain_run(const char *p, size_t n)
{
	size_t i = 0;

	while (i + 8 <= n && is_plain_word(p + i))
		i += 8;
	/* The last eight at once, some of them again. */
	if (n >= 8 && i + 8 > n && is_plain_word(p + n - 8))
		return n;
	for (; i < n; i++) {
		unsigned char c = (unsigned char)p[i];

		if (c < 0x20 || c == '"' || c == '\\' || c >= 0x7f)
			break;
	}
	return i;
}

/* The usual text, with nothing to escape, in one piece: the comma that may be
   due, the text in quotes, a colon behind a key. 0, or -1: not that usual. */
static int
add_plain_text(struct jsonw *w, struct str s, bool is_key)
{
	size_t more = s.n + 2 + w->comma + is_key;
	char *p;

	if (plain_run(s.p, s.n) < s.n || buf_reserve(w->out, more) != 0)
		return -1;
	p = w->out->data + w->out->len;
	if (w->comma)
		*p++ = ',';
	*p++ = '"';
	memcpy(p, s.p, s.n);
	p += s.n;
	*p++ = '"';
	if (is_key)
		*p++ = ':';
	*p = '\0';
	w->out->len = (size_t)(p - w->out->data);
	w->comma = !is_key;
	return 0;
}

void
jsonw_key(struct jsonw *w, const char *key)
{
	if (add_plain_text(w, str_of(key), true) == 0)
		return;
	jsonw_cstr(w, key);
	buf_add_char(w->out, ':');
	w->comma = false;
}

void
jsonw_known_key(struct jsonw *w, struct str key)
{
	before_value(w);
	buf_add_str(w->out, key);
	w->comma = false;
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

void
jsonw_str(struct jsonw *w, struct str s)
{
	if (s.n > 0 && add_plain_text(w, s, false) == 0)
		return;
	before_value(w);
	buf_add_char(w->out, '"');
	jsonw_escape(w->out, s);
	buf_add_char(w->out, '"');
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
jsonw_member_int(struct jsonw *w, const char *key, int64_t v)
{
	jsonw_key(w, key);
	jsonw_int(w, v);
}

void
jsonw_member_cstr(struct jsonw *w, const char *key, const char *s)
{
	jsonw_key(w, key);
	jsonw_cstr(w, s);
}

void
jsonw_decimal(struct jsonw *w, int64_t v, int scale)
{
	char text[NUM_TEXT_BYTES];

	before_value(w);
	/* Most counts are 0. */
	if (v == 0)
		buf_add_char(w->out, '0');
	else
		buf_add(w->out, text, num_format(v, scale, text));
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
