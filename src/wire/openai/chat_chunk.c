/* Chunks the gateway writes itself. See chat_chunk.h. A buffer without room is
   marked (buf_overflowed); its owner looks. */
#include "wire/openai/chat_chunk.h"

static void
add_or(struct buf *out, struct str s, const char *instead)
{
	if (s.n > 0)
		buf_add_str(out, s);
	else
		buf_add_cstr(out, instead);
}

void
chat_chunk_open(const struct chat_chunk *c, struct buf *out)
{
	buf_add_cstr(out, "data: {\"id\":");
	add_or(out, c->id, c->completions ? "\"cmpl-0\"" : "\"chatcmpl-0\"");
	buf_add_cstr(out, ",\"object\":");
	buf_add_cstr(out, c->completions ? "\"text_completion\""
					 : "\"chat.completion.chunk\"");
	buf_add_cstr(out, ",\"created\":");
	add_or(out, c->created, "0");
	buf_add_cstr(out, ",\"model\":");
	add_or(out, c->model, "\"\"");
	buf_add_cstr(out, ",\"choices\":[");
}

void
chat_chunk_close(struct str usage, struct buf *out)
{
	buf_add_char(out, ']');
	if (usage.n > 0) {
		buf_add_cstr(out, ",\"usage\":");
		buf_add_str(out, usage);
	}
	buf_add_cstr(out, "}\n\n");
}

void
chat_chunk_finish(const struct chat_chunk *c, int64_t index, bool first,
    const char *reason, struct buf *out)
{
	const char *delta = "\"delta\":{}";

	if (c->completions)
		delta = "\"text\":\"\"";
	else if (first)
		delta = "\"delta\":{\"role\":\"assistant\",\"content\":\"\"}";
	chat_chunk_open(c, out);
	buf_printf(out,
	    "{\"index\":%lld,%s,\"logprobs\":null,\"finish_reason\":\"%s\"}",
	    (long long)index, delta, reason);
	chat_chunk_close(str_make("", 0), out);
}

void
chat_chunk_usage(const struct chat_chunk *c, struct str usage, struct buf *out)
{
	chat_chunk_open(c, out);
	chat_chunk_close(usage, out);
}

void
chat_chunk_done(struct buf *out)
{
	buf_add_cstr(out, "data: [DONE]\n\n");
}
