/* Vectors from hashes. See embeddings.h. */
#include "sim/embeddings.h"

static int
bad_input(struct problem *p)
{
	problem_set(p, 400, "invalid_type",
	    "'input' must be a string, an array of strings, of tokens, or of "
	    "token arrays, with 1 to %d items.",
	    EMBEDDINGS_INPUTS_MAX);
	return problem_param(p, "input");
}

static int
count_input(struct chat *chat, struct arena *arena, const json_t *input,
    struct problem *p)
{
	chat->messages++;
	if (json_is_string(input))
		chat_text(chat, arena, input);
	else if (json_is_integer(json_array_get(input, 0)))
		chat->text_bytes += 4 * (int64_t)json_array_size(input);
	else
		return bad_input(p);
	return 0;
}

static int
read_inputs(struct embeddings *e, struct chat *chat, struct arena *arena,
    struct problem *p)
{
	json_t *input = json_object_get(chat->root, "input"), *one;
	const json_t *first = json_array_get(input, 0);
	bool many = json_is_string(first) || json_is_array(first);
	json_t **inputs;
	size_t i;

	e->count = many ? json_array_size(input) : 1;
	if (e->count > EMBEDDINGS_INPUTS_MAX)
		return bad_input(p);
	inputs = arena_alloc(arena, e->count * sizeof(*inputs));
	inputs[0] = input;
	if (many) {
		json_array_foreach(input, i, one)
			inputs[i] = one;
	}
	e->inputs = inputs;
	for (i = 0; i < e->count; i++) {
		if (count_input(chat, arena, inputs[i], p) != 0)
			return -1;
	}
	return 0;
}

int
embeddings_read(struct embeddings *e, struct chat *chat, struct arena *arena,
    struct problem *p)
{
	static const int64_t range[2] = { 1, EMBEDDINGS_DIMENSIONS_MAX };
	struct str format = jsonx_str(chat->root, "encoding_format");

	memset(e, 0, sizeof(*e));
	e->dimensions = EMBEDDINGS_DIMENSIONS;
	e->base64 = str_is(format, "base64");
	if (format.n > 0 && !e->base64 && !str_is(format, "float")) {
		problem_set(p, 400, "invalid_value",
		    "encoding_format must be float or base64.");
		return problem_param(p, "encoding_format");
	}
	/* The second name is Mistral's. */
	if (chat_int(chat->root, "dimensions", range, &e->dimensions, p) < 0 ||
	    chat_int(chat->root, "output_dimension", range, &e->dimensions, p) <
		0)
		return -1;
	return read_inputs(e, chat, arena, p);
}

/* FNV-1a: the same in every process and on every machine. */
static uint64_t
hash_input(const json_t *input)
{
	char *text = jsonx_dump(input);
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (const char *p = text; p != NULL && *p != '\0'; p++)
		h = (h ^ (unsigned char)*p) * UINT64_C(0x100000001b3);
	free(text);
	return h;
}

/* Component i in 1/1024, from -1023 to 1023. */
static int
component(uint64_t hash, int64_t i)
{
	uint64_t z = hash + (uint64_t)i * UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (int)((z >> 33) % 2047) - 1023;
}

static void
write_floats(const struct embeddings *e, uint64_t hash, struct jsonw *w)
{
	jsonw_open(w, '[');
	for (int64_t i = 0; i < e->dimensions; i++)
		/* 1/1024 = 9765625 / 10^10, exactly */
		jsonw_decimal(w, component(hash, i) * INT64_C(9765625), 10);
	jsonw_close(w, ']');
}

static void
add_base64(struct buf *out, const unsigned char *p, size_t n)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < n; i += 3) {
		unsigned v = (unsigned)p[i] << 16;
		char four[4];

		v |= i + 1 < n ? (unsigned)p[i + 1] << 8 : 0;
		v |= i + 2 < n ? p[i + 2] : 0;
		four[0] = digits[v >> 18];
		four[1] = digits[(v >> 12) & 63];
		four[2] = i + 1 < n ? digits[(v >> 6) & 63] : '=';
		four[3] = i + 2 < n ? digits[v & 63] : '=';
		buf_add(out, four, sizeof(four));
	}
}

/* Little-endian float32, one behind the other. */
static void
write_base64(const struct embeddings *e, uint64_t hash, struct jsonw *w)
{
	unsigned char *bytes = xmalloc((size_t)e->dimensions * 4), *p = bytes;

	for (int64_t i = 0; i < e->dimensions; i++) {
		float f = (float)component(hash, i) / 1024.0f;
		uint32_t bits;

		memcpy(&bits, &f, sizeof(bits));
		for (int shift = 0; shift < 32; shift += 8)
			*p++ = (unsigned char)(bits >> shift);
	}
	buf_add_char(w->out, '"');
	add_base64(w->out, bytes, (size_t)(p - bytes));
	buf_add_char(w->out, '"');
	w->comma = true;
	free(bytes);
}

static void
write_usage(const struct usage *u, struct jsonw *w)
{
	jsonw_put_open(w, "usage", '{');
	jsonw_key(w, "prompt_tokens");
	jsonw_int(w, u->prompt_tokens);
	jsonw_key(w, "total_tokens");
	jsonw_int(w, u->prompt_tokens);
	jsonw_close(w, '}');
}

void
embeddings_write(const struct embeddings *e, const struct chat *chat,
    const struct usage *u, struct buf *out)
{
	struct jsonw w;

	jsonw_init(&w, out);
	jsonw_open(&w, '{');
	jsonw_key(&w, "object");
	jsonw_cstr(&w, "list");
	jsonw_put_open(&w, "data", '[');
	for (size_t i = 0; i < e->count; i++) {
		uint64_t hash = hash_input(e->inputs[i]);

		jsonw_open(&w, '{');
		jsonw_key(&w, "object");
		jsonw_cstr(&w, "embedding");
		jsonw_key(&w, "index");
		jsonw_int(&w, (int64_t)i);
		jsonw_key(&w, "embedding");
		if (e->base64)
			write_base64(e, hash, &w);
		else
			write_floats(e, hash, &w);
		jsonw_close(&w, '}');
	}
	jsonw_close(&w, ']');
	jsonw_key(&w, "model");
	jsonw_str(&w, chat->model);
	if (u != NULL)
		write_usage(u, &w);
	jsonw_close(&w, '}');
}
