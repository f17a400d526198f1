/* Mends of Anthropic's own requests. See messages_mend.h. */
#include "wire/messages/messages_mend.h"

#include "base/jsonw.h"
#include "config/config.h"
#include "wire/anthropic/claude.h"
#include "wire/pick.h"

static bool
is_unsigned(const struct skim_value *block)
{
	struct skim_value type, signature;
	const struct skim_wanted wanted[] = { { "type", &type },
		{ "signature", &signature } };

	pick(block, wanted, ARRAY_LEN(wanted));
	return skim_string_is(&type, "thinking") && pick_is_empty(&signature);
}

/* [blocks] that stay; the number of them. */
static size_t
write_blocks(const struct skim_value *content, struct jsonw *w)
{
	struct skim_iter it;
	struct skim_value v;
	struct str key;
	size_t n = 0;

	jsonw_open(w, '[');
	skim_iter_init(&it, content->value);
	while (skim_iter_next(&it, &key, &v) == 1) {
		if (is_unsigned(&v))
			continue;
		jsonw_raw(w, v.value);
		n++;
	}
	jsonw_close(w, ']');
	return n;
}

static void
write_message(const struct skim_value *message, struct buf *work,
    struct jsonw *w)
{
	struct skim_value content = pick_one(message, "content");
	size_t start, end;
	struct jsonw blocks;

	if (content.type != SKIM_ARRAY) {
		jsonw_raw(w, message->value);
		return;
	}
	buf_clear(work);
	jsonw_init(&blocks, work);
	if (write_blocks(&content, &blocks) == 0 && content.count > 0)
		return;
	start = (size_t)(content.value.p - message->value.p);
	end = start + content.value.n;
	jsonw_raw(w, str_make(message->value.p, start));
	buf_add_str(w->out, buf_str(work));
	buf_add(w->out, message->value.p + end, message->value.n - end);
}

struct str
messages_mend_thinking(const struct skim_value *messages, struct arena *arena)
{
	size_t room = messages->value.n + 16; /* it never gets longer */
	struct buf out, work;
	struct skim_iter it;
	struct skim_value v;
	struct jsonw w;
	struct str key, result;

	buf_init(&out, room);
	buf_init(&work, room);
	jsonw_init(&w, &out);
	jsonw_open(&w, '[');
	skim_iter_init(&it, messages->value);
	while (skim_iter_next(&it, &key, &v) == 1)
		write_message(&v, &work, &w);
	jsonw_close(&w, ']');
	result = out.overflowed || work.overflowed
		     ? messages->value
		     : arena_str(arena, buf_str(&out));
	buf_fini(&out);
	buf_fini(&work);
	return result;
}

struct str
messages_mend_budget(const struct wire_request *r,
    const struct skim_value *thinking, int64_t limit, struct arena *arena)
{
	struct skim_value type = pick_one(thinking, "type");

	if (thinking->type != SKIM_OBJECT)
		return thinking->value;
	if (r->has_unsigned_thinking && skim_string_is(&type, "enabled"))
		return str_of("");
	if (limit == CONFIG_UNSET)
		return thinking->value; /* the client's own affair */
	return claude_fit_thinking(thinking, limit, arena);
}
