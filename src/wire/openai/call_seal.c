/* Signatures in ids. See call_seal.h. */
#include "wire/openai/call_seal.h"

#define MARK "__thought__"

/* One character of base64 in the alphabet for names; 0 none. */
static char
named(char c)
{
	if (c == '+')
		return '-';
	if (c == '/')
		return '_';
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		       (c >= '0' && c <= '9') || c == '-' || c == '_'
		   ? c
		   : '\0';
}

/* The next character of base64 as it may stand in JSON, where "\\/" is a slash
   too: named, or 0. */
static char
take(struct str *rest)
{
	bool escaped = str_starts(*rest, "\\/");
	char c = named(rest->p[escaped]);

	rest->p += escaped + 1;
	rest->n -= (size_t)escaped + 1;
	return c;
}

static bool
is_seal(struct str seal)
{
	while (seal.n > 0 && seal.p[0] != '=') {
		if (take(&seal) == '\0')
			return false;
	}
	return true;
}

void
call_seal_write(struct str id, struct str seal, struct buf *out)
{
	buf_add_str(out, id);
	if (seal.n == 0 || !is_seal(seal))
		return;
	buf_add_cstr(out, MARK);
	while (seal.n > 0 && seal.p[0] != '=')
		buf_add_char(out, take(&seal));
}

void
call_seal_split(struct str id, struct str *own_r, struct str *seal_r)
{
	ptrdiff_t at = str_find(id, MARK);
	size_t n = at < 0 ? id.n : (size_t)at + sizeof(MARK) - 1;

	*own_r = str_make(id.p, at < 0 ? id.n : (size_t)at);
	*seal_r = str_make(id.p + n, id.n - n);
}

void
call_seal_open(struct str seal, struct buf *out)
{
	for (size_t i = 0; i < seal.n; i++)
		buf_add_char(out, seal.p[i] == '-'   ? '+'
				  : seal.p[i] == '_' ? '/'
						     : seal.p[i]);
	for (size_t i = seal.n; i % 4 != 0; i++)
		buf_add_char(out, '=');
}
