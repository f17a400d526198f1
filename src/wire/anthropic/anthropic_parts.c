/*
 * Parts of a message's content as Anthropic's blocks: text, images, documents.
 * See anthropic_body.h. Blocks that are Anthropic's already pass as they are.
 */
#include "wire/anthropic/anthropic_body.h"

void
anthropic_text_write(const struct skim_value *text,
    const struct skim_value *cache_control, struct buf *list)
{
	struct jsonw w = { list, list->len > 0 };

	if (pick_is_blank(text))
		return;
	jsonw_open(&w, '{');
	jsonw_key(&w, "type");
	jsonw_cstr(&w, "text");
	jsonw_key(&w, "text");
	jsonw_raw(&w, text->value);
	if (cache_control->type == SKIM_OBJECT) {
		jsonw_key(&w, "cache_control");
		jsonw_raw(&w, cache_control->value);
	}
	jsonw_close(&w, '}');
}

/* data:MEDIA/TYPE[;...];base64,DATA taken apart. */
static bool
read_data_url(struct str url, struct str *media_r, struct str *data_r)
{
	struct str head, rest = str_make(url.p + 5, url.n - 5);

	if (!str_starts(url, "data:"))
		return false;
	head = str_cut(&rest, ',');
	if (rest.n == 0 || !str_ends(head, ";base64"))
		return false;
	*media_r = str_cut(&head, ';');
	*data_r = rest;
	return true;
}

/* "image" or "document" for a media type they take; NULL for others. */
static const char *
block_of_media(struct str *media)
{
	static const struct {
		const char *media, *sent, *block;
	} rows[] = {
		{ "image/jpeg", "image/jpeg", "image" },
		{ "image/jpg", "image/jpeg", "image" },
		{ "image/png", "image/png", "image" },
		{ "image/gif", "image/gif", "image" },
		{ "image/webp", "image/webp", "image" },
		{ "application/pdf", "application/pdf", "document" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (str_is_nocase(*media, rows[i].media)) {
			*media = str_of(rows[i].sent);
			return rows[i].block;
		}
	}
	return NULL;
}

struct media {
	struct str url;     /* data: or http(s): */
	const char *remote; /* the block for what stands elsewhere */
	struct skim_value title, cache_control;
};

static void
add_member(struct jsonw *w, const char *key, struct str text)
{
	jsonw_key(w, key);
	jsonw_str(w, text);
}

static int
write_media(struct anthropic_body *b, const struct media *m, const char *where,
    struct buf *list)
{
	struct jsonw w = { list, list->len > 0 };
	struct str type = str_of(""), data = str_of("");
	const char *block = m->remote;
	bool inline_data = read_data_url(m->url, &type, &data);

	if (inline_data)
		block = block_of_media(&type);
	else if (!str_starts(m->url, "https://") &&
		 !str_starts(m->url, "http://"))
		block = NULL;
	if (block == NULL)
		return err_set(b->err, ERR_BAD_REQUEST,
		    "%s: images must be jpeg, png, gif or webp and files PDF, "
		    "as a data: URL in base64 or by http(s) address",
		    where);
	jsonw_open(&w, '{');
	add_member(&w, "type", str_of(block));
	jsonw_key(&w, "source");
	jsonw_open(&w, '{');
	add_member(&w, "type", str_of(inline_data ? "base64" : "url"));
	if (inline_data)
		add_member(&w, "media_type", type);
	add_member(&w, inline_data ? "data" : "url",
	    inline_data ? data : m->url);
	jsonw_close(&w, '}');
	if (m->title.type == SKIM_STRING && strcmp(block, "document") == 0) {
		jsonw_key(&w, "title");
		jsonw_raw(&w, m->title.value);
	}
	if (m->cache_control.type == SKIM_OBJECT) {
		jsonw_key(&w, "cache_control");
		jsonw_raw(&w, m->cache_control.value);
	}
	jsonw_close(&w, '}');
	return 0;
}

/* image_url: {"url":...,"detail":...} or the address alone. */
static int
write_image(struct anthropic_body *b, const struct skim_value *part,
    const char *where, struct buf *list)
{
	struct media m = { .remote = "image" };
	struct skim_value image = pick_one(part, "image_url");

	if (image.type == SKIM_OBJECT)
		image = pick_one(&image, "url");
	m.url = pick_text(&image, b->arena);
	m.title.type = SKIM_ABSENT;
	m.cache_control = pick_one(part, "cache_control");
	return write_media(b, &m, where, list);
}

static int
write_file(struct anthropic_body *b, const struct skim_value *part,
    const char *where, struct buf *list)
{
	struct media m = { .remote = "document" };
	struct skim_value file = pick_one(part, "file");
	struct skim_value data = pick_one(&file, "file_data");

	if (data.type != SKIM_STRING)
		return err_set(b->err, ERR_BAD_REQUEST,
		    "%s: a file must come with its file_data; a file_id of "
		    "another provider means nothing to Anthropic",
		    where);
	m.url = pick_text(&data, b->arena);
	m.title = pick_one(&file, "filename");
	m.cache_control = pick_one(part, "cache_control");
	return write_media(b, &m, where, list);
}

/* Blocks of Anthropic's own, which some clients put into chat messages. */
static bool
is_own_block(struct str type, const struct skim_value *part)
{
	struct skim_value v;

	if (str_is(type, "image") || str_is(type, "document")) {
		v = pick_one(part, "source");
		return v.type == SKIM_OBJECT;
	}
	if (str_is(type, "thinking")) {
		v = pick_one(part, "signature");
		return !pick_is_empty(&v);
	}
	return str_is(type, "redacted_thinking") ||
	       str_is(type, "search_result") || str_is(type, "tool_use") ||
	       str_is(type, "tool_result") || str_is(type, "server_tool_use") ||
	       str_is(type, "web_search_tool_result");
}

int
anthropic_part_write(struct anthropic_body *b, const struct skim_value *part,
    const char *where, struct buf *list)
{
	struct jsonw w = { list, list->len > 0 };
	struct skim_value type, text, refusal, cache_control;
	const struct skim_wanted wanted[] = { { "type", &type },
		{ "text", &text }, { "refusal", &refusal },
		{ "cache_control", &cache_control } };
	struct str name;

	pick(part, wanted, ARRAY_LEN(wanted));
	name = pick_text(&type, b->arena);
	if (str_is(name, "text") || str_is(name, "refusal")) {
		anthropic_text_write(str_is(name, "text") ? &text : &refusal,
		    &cache_control, list);
		return 0;
	}
	if (str_is(name, "image_url"))
		return write_image(b, part, where, list);
	if (str_is(name, "file"))
		return write_file(b, part, where, list);
	if (is_own_block(name, part)) {
		jsonw_raw(&w, part->value);
		return 0;
	}
	if (str_is(name, "thinking"))
		return 0; /* unsigned: Anthropic would refuse it */
	return err_set(b->err, ERR_BAD_REQUEST,
	    "%s: content of type \"%.40s\" has no counterpart at Anthropic",
	    where, arena_strndup(b->arena, name.p, name.n));
}
