/* Anthropic's citations as annotations. See citations.h. */
#include "wire/anthropic/citations.h"

#include "base/jsonw.h"

void
citations_init(struct citations *c, size_t max, bool numbered)
{
	memset(c, 0, sizeof(*c));
	buf_init(&c->annotations, max);
	buf_init(&c->waiting, max);
	c->numbered = numbered;
}

void
citations_fini(struct citations *c)
{
	buf_fini(&c->annotations);
	buf_fini(&c->waiting);
}

bool
citations_overflowed(const struct citations *c)
{
	return c->annotations.overflowed || c->waiting.overflowed;
}

void
citations_begin(struct citations *c)
{
	citations_end(c);
	c->start = c->chars;
}

void
citations_text(struct citations *c, const struct skim_value *piece)
{
	if (piece->type == SKIM_STRING)
		c->chars += (int64_t)skim_text_chars(piece->value);
}

void
citations_add(struct citations *c, const struct skim_value *citation)
{
	if (citation->type != SKIM_OBJECT)
		return;
	if (c->waiting.len > 0)
		buf_add_char(&c->waiting, ',');
	buf_add_str(&c->waiting, citation->value);
}

void
citations_add_all(struct citations *c, const struct skim_value *list)
{
	struct skim_iter it;
	struct skim_value v;
	struct str key;

	if (list->type != SKIM_ARRAY)
		return;
	skim_iter_init(&it, list->value);
	while (skim_iter_next(&it, &key, &v) == 1)
		citations_add(c, &v);
}

/* Where it was found; absent when that is no address. */
static struct skim_value
find_address(const struct skim_value *citation)
{
	static const struct {
		const char *type, *member;
	} rows[] = {
		{ "web_search_result_location", "url" },
		{ "search_result_location", "source" },
	};
	struct skim_value type = pick_one(citation, "type");
	struct skim_value none = { .type = SKIM_ABSENT };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct skim_value v;

		if (!skim_string_is(&type, rows[i].type))
			continue;
		v = pick_one(citation, rows[i].member);
		if (str_starts(pick_inside(&v), "https:") ||
		    str_starts(pick_inside(&v), "http:"))
			return v;
	}
	return none;
}

static void
write_annotation(struct citations *c, const struct skim_value *citation)
{
	struct skim_value url = find_address(citation), title, cited;
	const struct skim_wanted wanted[] = { { "title", &title },
		{ "cited_text", &cited } };
	struct jsonw w = { &c->annotations, c->annotations.len > 0 };

	if (url.type == SKIM_ABSENT)
		return;
	pick(citation, wanted, ARRAY_LEN(wanted));
	jsonw_open(&w, '{');
	if (c->numbered)
		jsonw_put_int(&w, "index", c->count);
	c->count++;
	jsonw_put_cstr(&w, "type", "url_citation");
	jsonw_key(&w, "url_citation");
	jsonw_open(&w, '{');
	jsonw_key(&w, "url");
	jsonw_raw(&w, url.value);
	jsonw_key(&w, "title");
	jsonw_raw(&w, pick_is_empty(&title) ? url.value : title.value);
	if (!pick_is_empty(&cited)) {
		jsonw_key(&w, "content");
		jsonw_raw(&w, cited.value);
	}
	jsonw_put_int(&w, "start_index", c->start);
	jsonw_put_int(&w, "end_index", c->chars);
	jsonw_close(&w, '}');
	jsonw_close(&w, '}');
}

void
citations_end(struct citations *c)
{
	struct skim_iter it;
	struct skim_value v;
	struct str key;
	struct buf list;

	if (c->waiting.len == 0)
		return;
	buf_init(&list, c->waiting.len + 2);
	buf_add_char(&list, '[');
	buf_add_str(&list, buf_str(&c->waiting));
	buf_add_char(&list, ']');
	skim_iter_init(&it, buf_str(&list));
	while (skim_iter_next(&it, &key, &v) == 1)
		write_annotation(c, &v);
	buf_fini(&list);
	buf_clear(&c->waiting);
}
