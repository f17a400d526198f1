/* Text out of a function's arguments. See custom_input.h. */
#include "wire/openai/custom_input.h"

#include "base/jsonw.h"
#include "base/num.h"

/* Where in {"input":"..."} the reader is. */
enum state {
	AT_START,
	AT_KEY, /* before a member */
	IN_KEY, /* in its name */
	IN_KEY_ESC,
	AT_COLON,
	AT_VALUE,
	IN_TEXT,     /* in the string that is wanted */
	IN_TEXT_ESC, /* behind a backslash */
	IN_TEXT_HEX, /* behind \u */
	IN_OTHER,    /* in a value of another member */
	IN_STRING,   /* in a string there */
	IN_STRING_ESC,
	AT_END,
};

/* A character of the arguments: its code when it is ASCII, else -1, and how it
   may be written inside of a string. */
struct unit {
	int c;
	struct str raw;
};

static int
hex4(const char *p)
{
	int n = 0;

	for (int i = 0; i < 4; i++)
		n = n * 16 + (num_hex_digit(p[i]) & 15);
	return n;
}

/* One step through the outer string. */
static struct unit
next_unit(struct str *rest)
{
	static const char escapes[][2] = { { 'b', '\b' }, { 'f', '\f' },
		{ 'n', '\n' }, { 'r', '\r' }, { 't', '\t' } };
	struct unit u = { (unsigned char)rest->p[0], { rest->p, 1 } };

	if (u.c >= 0x80) {
		u.c = -1;
	} else if (u.c == '\\' && rest->n >= 2) {
		u.raw.n = 2;
		u.c = (unsigned char)rest->p[1];
		for (size_t i = 0; i < ARRAY_LEN(escapes); i++) {
			if (rest->p[1] == escapes[i][0])
				u.c = escapes[i][1];
		}
		if (rest->p[1] == 'u' && rest->n >= 6) {
			u.raw.n = 6;
			u.c = hex4(rest->p + 2);
			if (u.c >= 0x80)
				u.c = -1;
		}
	}
	rest->p += u.raw.n;
	rest->n -= u.raw.n;
	return u;
}

/* ---- the string that is wanted ------------------------------------------ */

static void
hold(struct custom_input *c, char byte)
{
	if (c->pending_len < sizeof(c->pending))
		c->pending[c->pending_len++] = byte;
}

static void
release(struct custom_input *c, struct buf *out)
{
	buf_add(out, c->pending, c->pending_len);
	c->pending_len = 0;
}

/* \uD8xx waits for what follows: it may be the first of a pair. */
static void
end_hex(struct custom_input *c, struct buf *out)
{
	int n = hex4(c->pending + c->pending_len - 4);

	c->state = IN_TEXT;
	if (c->pending_len == 6 && n >= 0xd800 && n < 0xdc00)
		return;
	release(c, out);
}

static void
read_text_escape(struct custom_input *c, const struct unit *u, struct buf *out)
{
	c->state = IN_TEXT;
	if (u->c == 'u') {
		hold(c, '\\');
		hold(c, 'u');
		c->want = 4;
		c->state = IN_TEXT_HEX;
		return;
	}
	release(c, out);
	if (u->c > 0 && strchr("\"\\/bfnrt", u->c) != NULL) {
		buf_add_char(out, '\\');
		buf_add_char(out, (char)u->c);
		return;
	}
	/* No escape that JSON has: the model meant the backslash. */
	buf_add_cstr(out, "\\\\");
	if (u->c >= 0x20)
		buf_add_char(out, (char)u->c);
	else
		buf_add_str(out, u->raw);
}

static void
read_text(struct custom_input *c, const struct unit *u, struct buf *out)
{
	char byte = (char)u->c;

	if (u->c == '\\') {
		c->state = IN_TEXT_ESC;
		return;
	}
	release(c, out);
	if (u->c == '"')
		c->state = AT_KEY;
	else if (u->c < 0)
		buf_add_str(out, u->raw);
	else
		jsonw_escape(out, str_make(&byte, 1));
}

static void
read_text_hex(struct custom_input *c, const struct unit *u, struct buf *out)
{
	if (u->c < 0 || num_hex_digit((char)u->c) < 0) {
		/* No escape at all: left out. */
		c->pending_len = 0;
		c->state = IN_TEXT;
		read_text(c, u, out);
		return;
	}
	hold(c, (char)u->c);
	if (--c->want == 0)
		end_hex(c, out);
}

/* ---- around it ---------------------------------------------------------- */

static bool
is_blank(int c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static void
read_key(struct custom_input *c, const struct unit *u)
{
	if (u->c == '"')
		c->state = AT_COLON;
	else if (u->c == '\\')
		c->state = IN_KEY_ESC;
	else if (c->key_len < sizeof(c->key))
		c->key[c->key_len++] = u->c < 0 ? '?' : (char)u->c;
}

static void
begin_value(struct custom_input *c, const struct unit *u)
{
	bool wanted =
	    !c->found && str_is(str_make(c->key, c->key_len), "input");

	c->depth = 0;
	if (u->c == '"' && wanted) {
		c->found = true;
		c->state = IN_TEXT;
	} else if (u->c == '"') {
		c->state = IN_STRING;
	} else {
		c->depth = u->c == '{' || u->c == '[';
		c->state = IN_OTHER;
	}
}

static void
read_other(struct custom_input *c, const struct unit *u)
{
	switch (u->c) {
	case '"':
		c->state = IN_STRING;
		break;
	case '{':
	case '[':
		c->depth++;
		break;
	case '}':
	case ']':
		if (c->depth-- == 0)
			c->state = AT_END;
		break;
	case ',':
		if (c->depth == 0)
			c->state = AT_KEY;
		break;
	default:
		break;
	}
}

static void
read_around(struct custom_input *c, const struct unit *u)
{
	switch ((enum state)c->state) {
	case AT_START:
		c->state = u->c == '{' ? AT_KEY : AT_END;
		break;
	case AT_KEY:
		c->key_len = 0;
		if (u->c == '"')
			c->state = IN_KEY;
		else if (u->c != ',')
			c->state = AT_END;
		break;
	case AT_COLON:
		c->state = u->c == ':' ? AT_VALUE : AT_END;
		break;
	case AT_VALUE:
		begin_value(c, u);
		break;
	case IN_OTHER:
		read_other(c, u);
		break;
	default:
		break;
	}
}

static void
read_unit(struct custom_input *c, const struct unit *u, struct buf *out)
{
	switch ((enum state)c->state) {
	case IN_TEXT:
		read_text(c, u, out);
		break;
	case IN_TEXT_ESC:
		read_text_escape(c, u, out);
		break;
	case IN_TEXT_HEX:
		read_text_hex(c, u, out);
		break;
	case IN_KEY:
		read_key(c, u);
		break;
	case IN_KEY_ESC:
		c->state = IN_KEY;
		break;
	case IN_STRING:
		if (u->c == '\\')
			c->state = IN_STRING_ESC;
		else if (u->c == '"')
			c->state = IN_OTHER;
		break;
	case IN_STRING_ESC:
		c->state = IN_STRING;
		break;
	case AT_START:
	case AT_KEY:
	case AT_COLON:
	case AT_VALUE:
	case IN_OTHER:
		if (!is_blank(u->c))
			read_around(c, u);
		break;
	case AT_END:
		break;
	}
}

void
custom_input_feed(struct custom_input *c, struct str piece, struct buf *out)
{
	struct unit u;

	while (piece.n > 0) {
		u = next_unit(&piece);
		read_unit(c, &u, out);
	}
}

void
custom_input_wrap(struct str quoted, struct buf *out)
{
	buf_add_cstr(out, "{\\\"input\\\":");
	jsonw_escape(out, quoted);
	buf_add_char(out, '}');
}
