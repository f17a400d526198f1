/* Anthropic's events, written. See messages_event.h. */
#include "wire/messages/messages_event.h"

#include "wire/anthropic/anthropic_usage.h"

static void
open_event(const char *type, struct buf *out)
{
	buf_printf(out, "event: %s\ndata: {\"type\":\"%s\"", type, type);
}

static void
close_event(struct buf *out)
{
	buf_add_cstr(out, "}\n\n");
}

static void
add_usage(const struct usage *u, struct buf *out)
{
	struct jsonw w;

	buf_add_cstr(out, "\"usage\":");
	jsonw_init(&w, out);
	anthropic_usage_write(u, &w);
}

void
messages_event_start(struct str id, struct str model, const struct usage *u,
    struct buf *out)
{
	open_event("message_start", out);
	buf_add_cstr(out, ",\"message\":{\"id\":");
	if (id.n > 0)
		buf_add_str(out, id);
	else
		buf_add_cstr(out, "\"msg_0\"");
	buf_add_cstr(out,
	    ",\"type\":\"message\",\"role\":\"assistant\",\"model\":");
	buf_add_str(out, model);
	buf_add_cstr(out,
	    ",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,");
	add_usage(u, out);
	buf_add_char(out, '}');
	close_event(out);
}

void
messages_event_block(int64_t index, struct str block, struct buf *out)
{
	open_event("content_block_start", out);
	buf_printf(out, ",\"index\":%lld,\"content_block\":", (long long)index);
	buf_add_str(out, block);
	close_event(out);
}

void
messages_event_delta(int64_t index, const char *type, const char *member,
    struct str string, struct buf *out)
{
	open_event("content_block_delta", out);
	buf_printf(out, ",\"index\":%lld,\"delta\":{\"type\":\"%s\",\"%s\":",
	    (long long)index, type, member);
	buf_add_str(out, string);
	buf_add_char(out, '}');
	close_event(out);
}

void
messages_event_block_stop(int64_t index, struct buf *out)
{
	open_event("content_block_stop", out);
	buf_printf(out, ",\"index\":%lld", (long long)index);
	close_event(out);
}

void
messages_event_end(const char *stop_reason, struct str stop_sequence,
    const struct usage *u, struct buf *out)
{
	open_event("message_delta", out);
	buf_printf(out, ",\"delta\":{\"stop_reason\":\"%s\",\"stop_sequence\":",
	    stop_reason);
	buf_add_str(out, stop_sequence.n > 0 ? stop_sequence : str_of("null"));
	buf_add_cstr(out, "},");
	add_usage(u, out);
	close_event(out);
}

void
messages_event_stop(struct buf *out)
{
	open_event("message_stop", out);
	close_event(out);
}

void
messages_event_ping(struct buf *out)
{
	open_event("ping", out);
	close_event(out);
}
