/*
 * The prompt's size in tokens, from the bytes. See prompt_bound.h.
 *
 * The walk goes down only where images and files may stand: into the parts of
 * a message's content (and into the parts of a tool result in it). What looks
 * like an image elsewhere, say in a tool call's arguments, is text to the
 * model and counts as text.
 */
#include "wire/prompt_bound.h"

enum media {
	MEDIA_NONE,
	MEDIA_IMAGE,
	MEDIA_FILE,   /* inline: counts its bytes; by address: the bound */
	MEDIA_SOURCE, /* Anthropic's source: what it is stands beside it */
	MEDIA_PARTS,  /* a list of parts inside a part (tool_result) */
};

/* Members of a content part that hold something else than text. */
static enum media
media_of(struct str key)
{
	static const struct {
		const char *key;
		enum media media;
	} rows[] = {
		{ "image_url", MEDIA_IMAGE },   /* OpenAI, Mistral, Responses */
		{ "image", MEDIA_IMAGE },       /* Qwen */
		{ "source", MEDIA_SOURCE },     /* Anthropic */
		{ "content", MEDIA_PARTS },     /* Anthropic */
		{ "file", MEDIA_FILE },         /* OpenAI */
		{ "file_id", MEDIA_FILE },      /* Responses */
		{ "file_url", MEDIA_FILE },     /* Responses */
		{ "document_url", MEDIA_FILE }, /* Mistral */
		{ "video", MEDIA_FILE },        /* Qwen */
		{ "video_url", MEDIA_FILE },    /* vLLM */
		{ "audio_url", MEDIA_FILE },    /* vLLM */
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (str_is(key, rows[i].key))
			return rows[i].media;
	}
	return MEDIA_NONE;
}

/* A string's bytes between its quotes as written, any other value's bytes. */
static int64_t
value_bytes(const struct skim_value *v)
{
	if (v->type == SKIM_STRING)
		return (int64_t)v->value.n - 2;
	return (int64_t)v->value.n;
}

void
prompt_add_value(struct prompt_size *size, const struct skim_value *v)
{
	size->bytes += value_bytes(v);
}

static int
skip_text(struct skim_iter *it, struct prompt_size *size)
{
	struct skim_value v;

	if (skim_iter_skip(it, &v) != 1)
		return -1;
	prompt_add_value(size, &v);
	return 1;
}

static bool
is_data_url(const struct skim_value *v)
{
	return v->type == SKIM_STRING && str_starts(v->value, "\"data:");
}

/* A string that is an image or a file, or the address or id of one. */
static void
add_media(struct prompt_size *size, enum media media,
    const struct skim_value *v)
{
	if (media == MEDIA_IMAGE) {
		size->images++;
		if (!is_data_url(v))
			prompt_add_value(size, v);
	} else {
		size->references += !is_data_url(v);
		prompt_add_value(size, v);
	}
}

/* {url, detail}, {file_data, file_id, filename}: counts it as one thing. */
static int
walk_media_object(struct skim_iter *it, struct prompt_size *size,
    enum media media)
{
	bool low = false, elsewhere = false, any = false;
	struct skim_iter sub;
	struct skim_value v;
	struct str key;
	int r;

	skim_iter_enter(it, &sub);
	while ((r = skim_iter_next(&sub, &key, &v)) == 1) {
		bool place = SKIM_KEY_IS(key, "url") ||
			     SKIM_KEY_IS(key, "file_url") ||
			     SKIM_KEY_IS(key, "file_id");

		any = any || place;
		low = low ||
		      (SKIM_KEY_IS(key, "detail") && skim_string_is(&v, "low"));
		elsewhere = elsewhere || (place && v.type == SKIM_STRING &&
					     !is_data_url(&v));
		if (media != MEDIA_IMAGE || !place || !is_data_url(&v))
			prompt_add_value(size, &v);
	}
	skim_iter_leave(it, &sub);
	if (media == MEDIA_IMAGE && any) {
		size->images++;
		size->images_low += low;
	} else {
		size->references += elsewhere;
	}
	return r == 0 ? 1 : -1;
}

static int
walk_media(struct skim_iter *it, struct prompt_size *size, enum media media)
{
	struct skim_value v;

	if (skim_iter_type(it) == SKIM_OBJECT)
		return walk_media_object(it, size, media);
	if (skim_iter_skip(it, &v) != 1)
		return -1;
	if (v.type == SKIM_STRING) {
		add_media(size, media, &v);
	} else {
		/* A list (frames of a video) or something unheard of. */
		size->references += v.type == SKIM_ARRAY;
		prompt_add_value(size, &v);
	}
	return 1;
}

/* Anthropic: {type: base64|url|file|text|content, media_type, data|url|...} in
   a part of type image or document. */
static void
add_source(struct prompt_size *size, const struct skim_value *source,
    bool is_image)
{
	struct skim_iter it;
	struct skim_value v;
	struct str key;

	if (source->type != SKIM_OBJECT) {
		prompt_add_value(size, source);
		return;
	}
	size->images += is_image;
	skim_iter_init(&it, source->value);
	while (skim_iter_next(&it, &key, &v) == 1) {
		if (!is_image &&
		    (SKIM_KEY_IS(key, "url") || SKIM_KEY_IS(key, "file_id")))
			size->references++;
		if (!is_image || !SKIM_KEY_IS(key, "data"))
			prompt_add_value(size, &v);
	}
}

static int walk_parts(struct skim_iter *it, struct prompt_size *size);

static int
walk_part(struct skim_iter *it, struct prompt_size *size)
{
	struct skim_value source = { .type = SKIM_ABSENT }, v;
	bool is_image = false, is_thinking = false, is_signed = false;
	struct skim_iter part;
	struct str key;
	int r;

	skim_iter_enter(it, &part);
	while ((r = skim_iter_peek(&part, &key)) == 1) {
		enum media media = media_of(key);

		size->has_sound = size->has_sound || media == MEDIA_FILE ||
				  str_is(key, "input_audio");
		if (media == MEDIA_IMAGE || media == MEDIA_FILE) {
			r = walk_media(&part, size, media);
		} else if (media == MEDIA_PARTS &&
			   skim_iter_type(&part) == SKIM_ARRAY) {
			r = walk_parts(&part, size);
		} else if (media == MEDIA_SOURCE) {
			r = skim_iter_skip(&part, &source);
		} else {
			r = skim_iter_skip(&part, &v);
			if (r != 1)
				break;
			prompt_add_value(size, &v);
			if (SKIM_KEY_IS(key, "type")) {
				is_image = skim_string_is(&v, "image");
				is_thinking = skim_string_is(&v, "thinking");
			} else if (SKIM_KEY_IS(key, "signature")) {
				is_signed = !str_is(v.value, "\"\"");
			}
			size->has_cache = size->has_cache ||
					  SKIM_KEY_IS(key, "cache_control");
		}
		if (r != 1)
			break;
	}
	skim_iter_leave(it, &part);
	size->has_unsigned = size->has_unsigned || (is_thinking && !is_signed);
	if (source.type != SKIM_ABSENT)
		add_source(size, &source, is_image);
	return r == 0 ? 1 : -1;
}

static int
walk_parts(struct skim_iter *it, struct prompt_size *size)
{
	struct skim_iter parts;
	struct str key;
	int r;

	skim_iter_enter(it, &parts);
	while ((r = skim_iter_peek(&parts, &key)) == 1) {
		if (skim_iter_type(&parts) == SKIM_OBJECT)
			r = walk_part(&parts, size);
		else
			r = skip_text(&parts, size);
		if (r != 1)
			break;
	}
	skim_iter_leave(it, &parts);
	return r == 0 ? 1 : -1;
}

/* Members for it that an answer may bring, and a client send back. */
static bool
is_thought(struct str key)
{
	return SKIM_KEY_IS(key, "reasoning_content") ||
	       SKIM_KEY_IS(key, "reasoning") ||
	       SKIM_KEY_IS(key, "thinking_blocks") ||
	       SKIM_KEY_IS(key, "reasoning_details");
}

/* Any other member of a message. An answer that was sound is named by its id
   later: all of it is part of the prompt then. */
static int
walk_member(struct skim_iter *it, struct prompt_size *size, struct str key)
{
	struct skim_value v;

	if (SKIM_KEY_IS(key, "role")) {
		if (skim_iter_skip(it, &v) != 1)
			return -1;
		prompt_add_value(size, &v);
		size->has_developer =
		    size->has_developer || skim_string_is(&v, "developer");
		return 1;
	}
	size->has_names = size->has_names || SKIM_KEY_IS(key, "name");
	size->has_thought = size->has_thought || is_thought(key);
	size->has_cache = size->has_cache || SKIM_KEY_IS(key, "cache_control");
	if (str_is(key, "audio") && skim_iter_type(it) == SKIM_OBJECT) {
		size->has_sound = true;
		size->references++;
	}
	size->has_item_tools =
	    size->has_item_tools || SKIM_KEY_IS(key, "tools");
	/* Calls are told with the tools' own words around them. */
	size->has_tools = size->has_tools || size->has_item_tools ||
			  str_is(key, "tool_calls");
	return skip_text(it, size);
}

static int
walk_message(struct skim_iter *it, struct prompt_size *size)
{
	struct skim_iter message;
	struct str key;
	int r;

	skim_iter_enter(it, &message);
	while ((r = skim_iter_peek(&message, &key)) == 1) {
		if ((SKIM_KEY_IS(key, "content") ||
			SKIM_KEY_IS(key, "output")) &&
		    skim_iter_type(&message) == SKIM_ARRAY)
			r = walk_parts(&message, size);
		else
			r = walk_member(&message, size, key);
		if (r != 1)
			break;
	}
	skim_iter_leave(it, &message);
	return r == 0 ? 1 : -1;
}

/* The elements of messages, input or prompt. Numbers are one prompt given as
   tokens; everything else is one message or prompt each. */
static int
walk_list(struct skim_iter *it, struct prompt_size *size, size_t *count_r)
{
	struct skim_iter list;
	bool numbers = false;
	struct str key;
	size_t n = 0;
	int r;

	skim_iter_enter(it, &list);
	while ((r = skim_iter_peek(&list, &key)) == 1) {
		enum skim_type type = skim_iter_type(&list);

		n++;
		if (type == SKIM_NUMBER)
			numbers = true;
		else
			size->messages++;
		if (type == SKIM_OBJECT)
			r = walk_message(&list, size);
		else
			r = skip_text(&list, size);
		if (r != 1)
			break;
		if (numbers)
			size->bytes++; /* its comma: a token at least */
	}
	skim_iter_leave(it, &list);
	size->messages += numbers;
	*count_r = n;
	return r == 0 ? 1 : -1;
}

int
prompt_walk(struct skim_iter *it, struct prompt_size *size,
    struct skim_value *value_r)
{
	size_t start = it->at, key_start = it->key_start, count;

	if (skim_iter_type(it) != SKIM_ARRAY) {
		if (skim_iter_skip(it, value_r) != 1)
			return -1;
		prompt_add_value(size, value_r);
		size->messages++;
		return 1;
	}
	if (walk_list(it, size, &count) != 1)
		return -1;
	value_r->type = SKIM_ARRAY;
	value_r->key_start = key_start;
	value_r->value_start = start;
	value_r->value_end = it->at;
	value_r->value = str_make(it->text.p + start, it->at - start);
	value_r->count = count;
	return 1;
}

int64_t
prompt_bound(const struct prompt_size *size)
{
	int64_t n = size->bytes + PROMPT_MESSAGE_TOKENS * size->messages;

	n += PROMPT_IMAGE_TOKENS * (size->images - size->images_low);
	n += PROMPT_IMAGE_LOW_TOKENS * size->images_low;
	n += PROMPT_FILE_TOKENS * size->references;
	n += size->is_chat ? PROMPT_BASE_TOKENS : 0;
	n += size->has_tools ? PROMPT_TOOLS_TOKENS : 0;
	return n;
}

int64_t
prompt_template_bound(const struct prompt_size *size)
{
	return size->is_chat && !size->has_tools
		   ? PROMPT_BASE_TOKENS - PROMPT_BARE_TOKENS
		   : 0;
}

int64_t
prompt_image_bound(const struct prompt_size *size)
{
	/* A file or video elsewhere may be all images. */
	return PROMPT_IMAGE_TOKENS * (size->images - size->images_low) +
	       PROMPT_IMAGE_LOW_TOKENS * size->images_low +
	       PROMPT_FILE_TOKENS * size->references;
}

int64_t
prompt_guess(const struct prompt_size *size)
{
	int64_t n = size->bytes / 4 + 3 * size->messages;

	n += 1000 * (size->images + size->references);
	return n < 1 ? 1 : n;
}
