/* Content blocks as Converse has them. See bedrock_body.h. */
#include "wire/bedrock/bedrock_body.h"

#include "base/jsonw.h"
#include "wire/openai/chat_turn.h"
#include "wire/pick.h"

static struct str
or_empty(const struct skim_value *v)
{
	return v->type == SKIM_STRING ? v->value : str_of("\"\"");
}

void
bedrock_cache_write(const struct skim_value *block, struct jsonw *w)
{
	struct skim_value cache = pick_one(block, "cache_control");
	struct skim_value ttl = pick_one(&cache, "ttl");

	if (cache.type != SKIM_OBJECT)
		return;
	jsonw_open(w, '{');
	jsonw_put_open(w, "cachePoint", '{');
	jsonw_key(w, "type");
	jsonw_cstr(w, "default");
	if (ttl.type == SKIM_STRING) {
		jsonw_key(w, "ttl");
		jsonw_raw(w, ttl.value);
	}
	jsonw_close(w, '}');
	jsonw_close(w, '}');
}

/* {"key":string} */
static void
write_member(struct jsonw *w, const char *key, struct str json)
{
	jsonw_open(w, '{');
	jsonw_key(w, key);
	jsonw_raw(w, json);
	jsonw_close(w, '}');
}

/* A text of blanks alone is refused there. */
static void
write_text(const struct skim_value *text, struct jsonw *w)
{
	if (!pick_is_blank(text))
		write_member(w, "text", text->value);
}

/* ---- images and documents ----------------------------------------------- */

static const char *
format_of(struct bedrock_body *b, const struct skim_value *media)
{
	static const char *const rows[][2] = { { "image/png", "png" },
		{ "image/jpeg", "jpeg" }, { "image/jpg", "jpeg" },
		{ "image/gif", "gif" }, { "image/webp", "webp" },
		{ "application/pdf", "pdf" } };
	struct str type = pick_text(media, b->arena);

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (str_is_nocase(type, rows[i][0]))
			return rows[i][1];
	}
	return NULL;
}

/* Letters, digits, blanks, hyphens and brackets are all that a name may have,
   and no two may be the same. */
static void
write_name(struct bedrock_body *b, const struct skim_value *title,
    struct jsonw *w)
{
	struct str text = pick_text(title, b->arena);
	char name[100];
	size_t n = 0;

	for (size_t i = 0; i < text.n && n < sizeof(name) - 24; i++) {
		char c = text.p[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			     (c >= '0' && c <= '9');

		if (!plain)
			c = '-';
		if (plain || (n > 0 && name[n - 1] != '-'))
			name[n++] = c;
	}
	snprintf(name + n, sizeof(name) - n, "%s%lld",
	    n == 0 ? "document-" : "-", (long long)++b->documents);
	jsonw_key(w, "name");
	jsonw_cstr(w, name);
}

static int
write_media(struct bedrock_body *b, const struct skim_value *block,
    bool document, const char *where, struct jsonw *w)
{
	struct skim_value source = pick_one(block, "source"), type, media, data;
	struct skim_value title = pick_one(block, "title");
	const struct skim_wanted wanted[] = { { "type", &type },
		{ "media_type", &media }, { "data", &data } };
	const char *format;

	pick(&source, wanted, ARRAY_LEN(wanted));
	if (document && skim_string_is(&type, "text")) {
		write_text(&data, w);
		return 0;
	}
	format = format_of(b, &media);
	if (!skim_string_is(&type, "base64") || format == NULL ||
	    data.type != SKIM_STRING ||
	    document != (strcmp(format, "pdf") == 0))
		return err_set(b->err, ERR_BAD_REQUEST,
		    "%s: images must be jpeg, png, gif or webp and documents "
		    "PDF or text, with their data: Bedrock fetches none by "
		    "address",
		    where);
	jsonw_open(w, '{');
	jsonw_put_open(w, document ? "document" : "image", '{');
	jsonw_key(w, "format");
	jsonw_cstr(w, format);
	if (document)
		write_name(b, &title, w);
	jsonw_key(w, "source");
	write_member(w, "bytes", data.value);
	jsonw_close(w, '}');
	jsonw_close(w, '}');
	return 0;
}

/* ---- tools and thinking ------------------------------------------------- */

static void
write_use(const struct skim_value *block, struct jsonw *w)
{
	struct skim_value id, name, input;
	const struct skim_wanted wanted[] = { { "id", &id }, { "name", &name },
		{ "input", &input } };

	pick(block, wanted, ARRAY_LEN(wanted));
	jsonw_open(w, '{');
	jsonw_put_open(w, "toolUse", '{');
	jsonw_key(w, "toolUseId");
	jsonw_raw(w, or_empty(&id));
	jsonw_key(w, "name");
	jsonw_raw(w, or_empty(&name));
	jsonw_key(w, "input");
	jsonw_raw(w, input.type == SKIM_OBJECT ? input.value : str_of("{}"));
	jsonw_close(w, '}');
	jsonw_close(w, '}');
}

static int write_content(struct bedrock_body *b,
    const struct skim_value *content, const char *where, struct jsonw *w);

static int
write_result(struct bedrock_body *b, const struct skim_value *block,
    const char *where, struct jsonw *w)
{
	struct skim_value id, content, error;
	const struct skim_wanted wanted[] = { { "tool_use_id", &id },
		{ "content", &content }, { "is_error", &error } };
	size_t start;

	pick(block, wanted, ARRAY_LEN(wanted));
	jsonw_open(w, '{');
	jsonw_put_open(w, "toolResult", '{');
	jsonw_key(w, "toolUseId");
	jsonw_raw(w, or_empty(&id));
	jsonw_put_open(w, "content", '[');
	start = w->out->len;
	if (write_content(b, &content, where, w) != 0)
		return -1;
	if (w->out->len == start)
		write_member(w, "text", str_of("\"\""));
	jsonw_close(w, ']');
	if (error.type == SKIM_TRUE) {
		jsonw_key(w, "status");
		jsonw_cstr(w, "error");
	}
	jsonw_close(w, '}');
	jsonw_close(w, '}');
	return 0;
}

static void
write_thinking(const struct skim_value *block, struct jsonw *w)
{
	struct skim_value text = pick_one(block, "thinking");
	struct skim_value signature = pick_one(block, "signature");
	struct skim_value data = pick_one(block, "data");

	jsonw_open(w, '{');
	jsonw_put_open(w, "reasoningContent", '{');
	if (data.type == SKIM_STRING) {
		jsonw_key(w, "redactedContent");
		jsonw_raw(w, data.value);
	} else {
		jsonw_put_open(w, "reasoningText", '{');
		jsonw_key(w, "text");
		jsonw_raw(w, or_empty(&text));
		if (!pick_is_empty(&signature)) {
			jsonw_key(w, "signature");
			jsonw_raw(w, signature.value);
		}
		jsonw_close(w, '}');
	}
	jsonw_close(w, '}');
	jsonw_close(w, '}');
}

/* ---- all of them -------------------------------------------------------- */

static int
write_block(struct bedrock_body *b, const struct skim_value *block,
    const char *where, struct jsonw *w)
{
	struct skim_value type = pick_one(block, "type"), v;
	struct str name;
	int result = 0;

	if (skim_string_is(&type, "text")) {
		v = pick_one(block, "text");
		write_text(&v, w);
	} else if (skim_string_is(&type, "image")) {
		result = write_media(b, block, false, where, w);
	} else if (skim_string_is(&type, "document")) {
		result = write_media(b, block, true, where, w);
	} else if (skim_string_is(&type, "tool_use")) {
		write_use(block, w);
	} else if (skim_string_is(&type, "tool_result")) {
		result = write_result(b, block, where, w);
	} else if (skim_string_is(&type, "thinking") ||
		   skim_string_is(&type, "redacted_thinking")) {
		write_thinking(block, w);
	} else {
		name = pick_text(&type, b->arena);
		return err_set(b->err, ERR_BAD_REQUEST,
		    "%s: content of type \"%.*s\" has no counterpart at "
		    "Bedrock",
		    where, name.n > 40 ? 40 : (int)name.n, name.p);
	}
	if (result == 0)
		bedrock_cache_write(block, w);
	return result;
}

/* A string, or a list of blocks. */
static int
write_content(struct bedrock_body *b, const struct skim_value *content,
    const char *where, struct jsonw *w)
{
	struct skim_iter it;
	struct skim_value v;
	struct str key;

	if (content->type == SKIM_STRING)
		write_text(content, w);
	if (content->type != SKIM_ARRAY)
		return 0;
	skim_iter_init(&it, content->value);
	while (skim_iter_next(&it, &key, &v) == 1) {
		if (write_block(b, &v, where, w) != 0)
			return -1;
	}
	return 0;
}

static bool
has_text(const struct skim_value *content)
{
	struct skim_iter it;
	struct skim_value v, text;
	struct str key;

	if (content->type != SKIM_ARRAY)
		return !pick_is_blank(content);
	skim_iter_init(&it, content->value);
	while (skim_iter_next(&it, &key, &v) == 1) {
		text = pick_one(&v, "text");
		if (!pick_is_blank(&text))
			return true;
	}
	return false;
}

const char *
bedrock_turn_role(const struct skim_value *turn)
{
	struct skim_value role = pick_one(turn, "role");

	if (skim_string_is(&role, "assistant"))
		return "assistant";
	return skim_string_is(&role, "user") || skim_string_is(&role, "system")
		   ? "user"
		   : NULL;
}

static void
write_late_system(struct bedrock_body *b, const struct skim_value *text,
    struct jsonw *w)
{
	struct buf quoted;

	if (pick_is_empty(text))
		return;
	buf_init(&quoted, b->out.max);
	buf_add_cstr(&quoted, "\"" CHAT_SYSTEM_OPEN);
	buf_add_str(&quoted, pick_inside(text));
	buf_add_cstr(&quoted, CHAT_SYSTEM_CLOSE "\"");
	write_member(w, "text", buf_str(&quoted));
	b->out.overflowed |= quoted.overflowed;
	buf_fini(&quoted);
}

/* A string or texts; its other blocks have no place here. */
static void
write_late_systems(struct bedrock_body *b, const struct skim_value *content,
    struct jsonw *w)
{
	struct skim_iter it;
	struct skim_value v;
	struct str key;

	write_late_system(b, content, w);
	if (content->type != SKIM_ARRAY)
		return;
	skim_iter_init(&it, content->value);
	while (skim_iter_next(&it, &key, &v) == 1) {
		v = pick_one(&v, "text");
		write_late_system(b, &v, w);
	}
}

int
bedrock_turn_write(struct bedrock_body *b, const struct skim_value *turn,
    const char *where, struct jsonw *w)
{
	struct skim_value role = pick_one(turn, "role");
	struct skim_value content = pick_one(turn, "content");
	int64_t documents = b->documents;
	size_t start = w->out->len;

	if (skim_string_is(&role, "system")) {
		write_late_systems(b, &content, w);
		return 0;
	}
	if (write_content(b, &content, where, w) != 0)
		return -1;
	/* A turn must hold something, and a document words about it. */
	if (w->out->len == start ||
	    (b->documents > documents && !has_text(&content)))
		write_member(w, "text", str_of("\".\""));
	return 0;
}

int
bedrock_system_write(struct bedrock_body *b, const struct skim_value *system,
    struct jsonw *w)
{
	return write_content(b, system, "system", w);
}
