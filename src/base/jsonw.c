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

/* Where the next `more` bytes go, behind the comma that may be due; NULL: they
   do not fit. */
static inline char *
place(struct jsonw *w, size_t more)
{
	char *p;

	if (buf_reserve(w->out, more + w->comma) != 0)
		return NULL;
	p = w->out->data + w->out->len;
	if (w->comma)
		*p++ = ',';
	return p;
}

/* They are there, up to p. */
static inline void
placed(struct jsonw *w, char *p, bool comma)
{
	*p = '\0';
	w->out->len = (size_t)(p - w->out->data);
	w->comma = comma;
}

static inline char *
put(char *p, struct str s)
{
	memcpy(p, s.p, s.n);
	return p + s.n;
}

/* The usual text, with nothing to escape, in one piece: a key that is JSON (or
   nothing), and the text in quotes. 0, or -1: not that usual. */
static int
add_plain_text(struct jsonw *w, struct str key, struct str s)
{
	char *p;

	if (s.n == 0 || str_plain_run(s) < s.n)
		return -1;
	p = place(w, key.n + s.n + 2);
	if (p == NULL)
		return -1;
	p = put(p, key);
	*p++ = '"';
	p = put(p, s);
	*p++ = '"';
	placed(w, p, true);
	return 0;
}

void
jsonw_key(struct jsonw *w, const char *key)
{
	jsonw_cstr(w, key);
	buf_add_char(w->out, ':');
	w->comma = false;
}

void
jsonw_known_key(struct jsonw *w, struct str key)
{
	char *p = place(w, key.n);

	if (p != NULL)
		placed(w, put(p, key), false);
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
		size_t run = str_plain_run(str_make(s.p + i, s.n - i));

		buf_add(out, s.p + i, run);
		i += run;
		if (i < s.n)
			i += escape_one(out, s.p + i, s.n - i);
	}
}

void
jsonw_str(struct jsonw *w, struct str s)
{
	if (add_plain_text(w, str_make("", 0), s) == 0)
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
jsonw_put_int(struct jsonw *w, const char *key, int64_t v)
{
	jsonw_key(w, key);
	jsonw_int(w, v);
}

void
jsonw_put_cstr(struct jsonw *w, const char *key, const char *s)
{
	jsonw_key(w, key);
	jsonw_cstr(w, s);
}

void
jsonw_put_open(struct jsonw *w, const char *key, char bracket)
{
	jsonw_key(w, key);
	jsonw_open(w, bracket);
}

void
jsonw_raw(struct jsonw *w, struct str json)
{
	before_value(w);
	buf_add_str(w->out, json);
}

void
jsonw_decimal(struct jsonw *w, int64_t v, int scale)
{
	jsonw_member_decimal(w, str_make("", 0), v, scale);
}

void
jsonw_int(struct jsonw *w, int64_t v)
{
	jsonw_decimal(w, v, 0);
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

/* ---- members of known keys ---------------------------------------------- */

void
jsonw_member_str(struct jsonw *w, struct str key, struct str s)
{
	if (add_plain_text(w, key, s) == 0)
		return;
	jsonw_known_key(w, key);
	jsonw_str(w, s);
}

void
jsonw_member_raw(struct jsonw *w, struct str key, struct str json)
{
	char *p = place(w, key.n + json.n);

	if (p != NULL)
		placed(w, put(put(p, key), json), true);
}

void
jsonw_member_decimal(struct jsonw *w, struct str key, int64_t v, int scale)
{
	char *p = place(w, key.n + NUM_TEXT_BYTES);

	if (p == NULL)
		return;
	p = put(p, key);
	placed(w, p + num_format(v, scale, p), true);
}

void
jsonw_member_int(struct jsonw *w, struct str key, int64_t v)
{
	char digit = (char)('0' + v);

	/* Most counts are 0. */
	if (v >= 0 && v < 10)
		jsonw_member_raw(w, key, str_make(&digit, 1));
	else
		jsonw_member_decimal(w, key, v, 0);
}

void
jsonw_member_bool(struct jsonw *w, struct str key, bool v)
{
	jsonw_member_raw(w, key, str_of(v ? "true" : "false"));
}
