/*
 * The reader of requests under random bytes. The first byte seeds the cuts.
 * What must hold: no read past a piece, the same verdict, the same end of the
 * message and the same places in its head for the bytes whole and in pieces,
 * counters that agree.
 */
#include "base/mem.h"
#include "http/http_framing.h"

#define MUST(cond)                                                             \
	do {                                                                   \
		if (!(cond))                                                   \
			abort();                                               \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const struct http_framing_limits limits = { 600, 300 };

/* Where the message ended. */
static size_t
feed(struct http_framing *f, const char *p, size_t n, unsigned seed)
{
	size_t at = 0;

	http_framing_init(f, &limits);
	while (at < n && f->verdict <= FRAMING_HEAD) {
		size_t piece = n - at, used;
		uint64_t skip;

		if (seed != 0) {
			seed = seed * 1103515245 + 12345;
			piece = 1 + (seed >> 16) % 11;
			piece = piece < n - at ? piece : n - at;
		}
		skip = http_framing_skippable(f);
		if (skip > 0) {
			used = skip < piece ? (size_t)skip : piece;
			http_framing_skip(f, used);
		} else {
			char *copy = xmalloc(piece);

			memcpy(copy, p + at, piece);
			used = http_framing_feed(f, copy, piece);
			free(copy);
		}
		if (f->verdict == FRAMING_BAD)
			return 0;
		MUST(used <= piece);
		at += used;
	}
	return at;
}

/* The noted headers stand where the head says: behind their names. */
static void
check_places(const struct http_framing *f, const char *head)
{
#define NAME_TEXT(NAME, text) text,
	static const char *const names[] = { HTTP_ASKED_NAMES(NAME_TEXT) };
#undef NAME_TEXT

	MUST(head[f->target.at] == '/' && f->target.n > 0);
	MUST(head[f->target.at + f->target.n] == ' ');
	for (size_t i = 0; i < HTTP_NAME_ASKED; i++) {
		size_t n = strlen(names[i]), at = f->known[i].at;

		if (at == 0)
			continue;
		MUST(at + f->known[i].n + 4 <= f->head_bytes);
		MUST(head[at + f->known[i].n] == '\r');
		while (head[at - 1] == ' ' || head[at - 1] == '\t')
			at--;
		MUST(head[at - 1] == ':' && head[at - n - 2] == '\n');
		MUST(strncasecmp(head + at - n - 1, names[i], n) == 0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct http_framing whole, cut;
	const char *p = (const char *)data + 1;
	size_t a, b;

	if (n < 2)
		return 0;
	n--;
	a = feed(&whole, p, n, 0);
	b = feed(&cut, p, n, data[0] | 256u);
	MUST(whole.status == cut.status && whole.text == cut.text);
	MUST((whole.verdict == FRAMING_BAD) == (cut.verdict == FRAMING_BAD));
	MUST((whole.verdict == FRAMING_DONE) == (cut.verdict == FRAMING_DONE));
	MUST(a == b);
	if (whole.verdict == FRAMING_BAD) {
		MUST(whole.status >= 400 && whole.text != NULL);
		return 0;
	}
	MUST(whole.body_bytes == cut.body_bytes);
	MUST(whole.head_bytes == cut.head_bytes && whole.head_bytes <= 600);
	MUST(whole.body_bytes <= 300);
	if (whole.verdict == FRAMING_DONE) {
		MUST(whole.keep_alive == cut.keep_alive);
		MUST(memcmp(whole.known, cut.known, sizeof(cut.known)) == 0);
		MUST(whole.target.at == cut.target.at);
		MUST(whole.target.n == cut.target.n);
		check_places(&whole, p);
		MUST(strcmp(whole.method_name, cut.method_name) == 0);
		MUST(whole.chunked || whole.body_bytes == whole.content_length);
	}
	return 0;
}
