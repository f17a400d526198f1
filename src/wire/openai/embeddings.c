/* See embeddings.h. */
#include "wire/openai/embeddings.h"

#include "base/base64.h"
#include "wire/pick.h"

#include <stdlib.h>

#define MAX_DIMENSIONS (64 * 1024) /* more stay as they are */

bool
embeddings_want_base64(const struct wire_request *r)
{
	const struct wire_member *m =
	    wire_request_member(r, str_of("encoding_format"));

	return m != NULL && skim_string_is(&m->at, "base64");
}

static void
add_little_endian(unsigned char *at, float f)
{
	uint32_t bits;

	memcpy(&bits, &f, sizeof(bits));
	for (int i = 0; i < 4; i++)
		at[i] = (unsigned char)(bits >> (8 * i));
}

/* false: a list of something else than numbers. */
static bool
write_base64(const struct skim_value *list, struct buf *out)
{
	unsigned char *bytes;
	struct skim_iter it;
	struct skim_value v;
	struct str key;
	size_t n = 0;

	if (list->count > MAX_DIMENSIONS)
		return false;
	bytes = xmalloc(4 * list->count + 1);
	skim_iter_init(&it, list->value);
	while (skim_iter_next(&it, &key, &v) == 1 && v.type == SKIM_NUMBER) {
		/* A number in a list ends at a comma, blank or bracket. */
		add_little_endian(bytes + 4 * n++, strtof(v.value.p, NULL));
	}
	if (n == list->count) {
		buf_add_char(out, '"');
		base64_encode(bytes, 4 * n, out);
		buf_add_char(out, '"');
	}
	free(bytes);
	return n == list->count;
}

/* false: no base64 of floats. */
static bool
write_numbers(const struct skim_value *string, struct buf *out)
{
	struct str text = str_make(string->value.p + 1, string->value.n - 2);
	size_t room = text.n / 4 * 3, n = 0;
	unsigned char *bytes = xmalloc(room + 1);
	bool good = base64_decode(text, bytes, room, &n) == 0 && n % 4 == 0;

	if (good)
		buf_add_char(out, '[');
	for (size_t i = 0; good && i < n; i += 4) {
		uint32_t bits =
		    (uint32_t)bytes[i] | (uint32_t)bytes[i + 1] << 8 |
		    (uint32_t)bytes[i + 2] << 16 | (uint32_t)bytes[i + 3] << 24;
		float f;

		memcpy(&f, &bits, sizeof(f));
		/* JSON has no word for these; no provider sends them. */
		if (f != f || f - f != 0)
			f = 0;
		buf_printf(out, i > 0 ? ",%.9g" : "%.9g", (double)f);
	}
	if (good)
		buf_add_char(out, ']');
	free(bytes);
	return good;
}

static void
write_item(const struct skim_value *item, bool base64, struct buf *out)
{
	struct skim_value v = pick_one(item, "embedding");
	struct str text = item->value;
	size_t start, before = out->len;
	bool done = false;

	if (v.type == SKIM_ARRAY || v.type == SKIM_STRING) {
		start = (size_t)(v.value.p - text.p);
		buf_add(out, text.p, start);
		if (v.type == SKIM_ARRAY && base64)
			done = write_base64(&v, out);
		else if (v.type == SKIM_STRING && !base64)
			done = write_numbers(&v, out);
		start += v.value.n;
		if (done)
			buf_add(out, text.p + start, text.n - start);
	}
	if (done)
		return;
	out->len = before;
	buf_add_str(out, text);
}

void
embeddings_write(const struct skim_value *data, bool base64, struct buf *out)
{
	struct skim_iter it;
	struct skim_value v;
	struct str key;
	bool any = false;

	buf_add_char(out, '[');
	skim_iter_init(&it, data->value);
	while (skim_iter_next(&it, &key, &v) == 1) {
		if (any)
			buf_add_char(out, ',');
		any = true;
		write_item(&v, base64, out);
	}
	buf_add_char(out, ']');
}
