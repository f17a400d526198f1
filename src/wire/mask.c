/* Keys out of texts. See mask.h. */
#include "wire/mask.h"

#include "base/buf.h"

#define SECRET_MIN_BYTES 6
#define TOKEN_MIN_BYTES  4 /* behind a prefix, to be a key */
#define TEXT_BYTES       8192

/* How providers' keys begin. A key starts where no word goes on: "task-x" has
   none in it. */
static const char *const prefixes[] = { "sk-", "sk_", "gsk_", "xai-", "nvapi-",
	"hf_", "AIza", "pplx-", "fw_", "csk-", "tgp_v1_", "AKIA", "Bearer ",
	"bearer ", "key=" };

static bool
is_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z');
}

/* Providers show keys with stars in the middle: those go too. */
static bool
is_token(char c)
{
	return is_word(c) || c == '-' || c == '_' || c == '*';
}

/* The end of a token's run; a point belongs to it only between its parts (a
   signed token has two), not at the end of a sentence. */
static size_t
token_end(struct str s, size_t n)
{
	while (n < s.n && (is_token(s.p[n]) || (s.p[n] == '.' && n + 1 < s.n &&
						   is_token(s.p[n + 1]))))
		n++;
	return n;
}

/* Length of the key at text.p[i], 0 when there is none. */
static size_t
key_length(struct str text, size_t i)
{
	struct str rest = str_make(text.p + i, text.n - i);

	if (i > 0 && is_word(text.p[i - 1]))
		return 0;
	for (size_t k = 0; k < ARRAY_LEN(prefixes); k++) {
		size_t start, n;

		if (rest.p[0] != prefixes[k][0] ||
		    !str_starts(rest, prefixes[k]))
			continue;
		start = strlen(prefixes[k]);
		n = token_end(rest, start);
		if (n - start >= TOKEN_MIN_BYTES)
			return n;
	}
	return 0;
}

/* Length of the secret at text.p[i], 0 when it does not stand there. */
static size_t
secret_length(struct str text, size_t i, struct str secret)
{
	if (secret.n < SECRET_MIN_BYTES || text.n - i < secret.n ||
	    memcmp(text.p + i, secret.p, secret.n) != 0)
		return 0;
	return secret.n;
}

/* Bytes of the UTF-8 sequence at p, 0 when it is not a valid one. */
static size_t
sequence_length(struct str text, size_t i)
{
	for (size_t n = 1; n <= 4 && n <= text.n - i; n++) {
		if (str_utf8_ok(str_make(text.p + i, n)))
			return n;
	}
	return 0;
}

/* Adds one byte or sequence; runs of blanks and controls become one blank. */
static size_t
add_clean(struct buf *b, struct str text, size_t i)
{
	unsigned char c = (unsigned char)text.p[i];
	size_t n;

	if (c <= 0x20 || c == 0x7f) {
		if (b->len > 0 && b->data[b->len - 1] != ' ')
			buf_add_char(b, ' ');
		return 1;
	}
	n = sequence_length(text, i);
	if (n == 0)
		buf_add_char(b, '?');
	else
		buf_add(b, text.p + i, n);
	return n == 0 ? 1 : n;
}

void
mask_line(struct str text, const char *secret, char *out, size_t size)
{
	struct str key = str_of(secret);
	struct buf b;
	size_t n;

	if (text.n > TEXT_BYTES)
		text.n = TEXT_BYTES;
	buf_init(&b, 2 * TEXT_BYTES);
	for (size_t i = 0; i < text.n;) {
		n = secret_length(text, i, key);
		if (n == 0)
			n = key_length(text, i);
		if (n > 0)
			buf_add_cstr(&b, "[key]");
		else
			n = add_clean(&b, text, i);
		i += n;
	}
	n = b.len;
	while (n > 0 && b.data[n - 1] == ' ')
		n--;
	if (n >= size) {
		n = size - 1;
		/* Not inside of a UTF-8 sequence. */
		while (n > 0 && ((unsigned char)b.data[n] & 0xc0) == 0x80)
			n--;
	}
	if (n > 0)
		memcpy(out, b.data, n);
	out[n] = '\0';
	buf_fini(&b);
}
