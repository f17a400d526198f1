/* An answer on its way. See reply.h. */
#include "sim/reply.h"

#include "base/clock.h"
#include "base/event_stream.h"
#include "base/num.h"
#include "sim/problem.h"

#define HEAD_PARTS 8 /* of slow_headers_ms */

static const char garbage[] = "\x16\x03\x01 this is not HTTP \xff\xfe\r\n\r\n"
			      "{\"nor\":\"is this an answer\"\n";

void
reply_init(struct reply *r)
{
	memset(r, 0, sizeof(*r));
	buf_init(&r->extra, REPLY_EXTRA_MAX);
	buf_init(&r->body, REPLY_BODY_MAX);
	buf_init(&r->error_json, 4096);
	buf_init(&r->head, 2 * 1024 * 1024); /* a giant header fits */
	buf_init(&r->chunk.json, REPLY_BODY_MAX);
}

void
reply_fini(struct reply *r)
{
	buf_fini(&r->extra);
	buf_fini(&r->body);
	buf_fini(&r->error_json);
	buf_fini(&r->head);
	buf_fini(&r->chunk.json);
}

/* Leaves the first n bytes. */
static void
truncate_to(struct buf *b, size_t n)
{
	if (n >= b->len)
		return;
	b->len = n;
	b->data[n] = '\0';
}

/* Memory of a large answer is given back. */
static void
clear_or_free(struct buf *b)
{
	if (b->size > 64 * 1024)
		buf_fini(b);
	buf_clear(b);
}

void
reply_reset(struct reply *r)
{
	clear_or_free(&r->extra);
	clear_or_free(&r->body);
	clear_or_free(&r->error_json);
	clear_or_free(&r->head);
	clear_or_free(&r->chunk.json);
	r->status = 200;
	r->source = NULL;
	r->source_ctx = NULL;
	r->frames = false;
	r->body_tokens = 0;
	r->content_type = "application/json";
	r->server = r->comment = "";
	r->error_event = NULL;
	r->after = AFTER_KEEP;
	r->tokens_sent = 0;
	r->head_sent = false;
	r->head_at = 0;
	r->chunks = 0;
	r->have_chunk = false;
	r->spoiled = false;
}

/* Time that `tokens` take, before the next one. */
static int64_t
pace_nsecs(const struct reply *r, int64_t tokens)
{
	int64_t rate = r->faults.tokens_per_second; /* millionths */

	if (rate == 0)
		return 0;
	return (
	    int64_t)((__int128)tokens * NSECS_PER_SEC * FAULT_REAL_ONE / rate);
}

void
reply_begin(struct reply *r, int64_t now)
{
	r->phase = REPLY_PHASE_WAIT;
	r->begun_nsecs = now;
	r->wait_nsecs = r->faults.latency_ms * NSECS_PER_MSEC;
	/* What is not streamed takes as long as its stream would. */
	if (r->source == NULL && r->status == 200 && r->body_tokens > 0)
		r->wait_nsecs += r->faults.ttft_ms * NSECS_PER_MSEC +
				 pace_nsecs(r, r->body_tokens);
	if (r->source == NULL && r->faults.malformed_chunk > 0 &&
	    r->status == 200) {
		truncate_to(&r->body, r->body.len / 2);
		r->spoiled = true;
	}
}

static void
enter(struct reply *r, enum reply_phase phase, int64_t now)
{
	r->phase = phase;
	r->begun_nsecs = now;
}

/* The one way a reply comes to its end. */
static enum reply_step
end(struct reply *r, enum outcome outcome, enum reply_after after)
{
	r->phase = REPLY_PHASE_OVER;
	r->outcome = outcome;
	r->after = after;
	return REPLY_END;
}

static enum reply_step
stall(struct reply *r)
{
	r->phase = REPLY_PHASE_OVER;
	r->outcome = OUTCOME_STALLED;
	return REPLY_STALL;
}

static bool
is_chunked(const struct reply *r)
{
	return r->source != NULL && r->minor == 1;
}

static bool
is_kept(const struct reply *r)
{
	return r->keep_alive && (r->source == NULL || r->minor == 1);
}

static void
add_giant(struct buf *out, int64_t bytes)
{
	buf_add_cstr(out, "x-sim-giant: ");
	if (buf_reserve(out, (size_t)bytes) == 0) {
		memset(out->data + out->len, 'g', (size_t)bytes);
		out->len += (size_t)bytes;
		out->data[out->len] = '\0';
	}
	buf_add_cstr(out, "\r\n");
}

static void
add_uint(struct buf *out, uint64_t v)
{
	char text[NUM_TEXT_BYTES];

	buf_add(out, text, num_format_uint(v, text));
}

static void
add_head(struct reply *r, struct buf *out)
{
	buf_add_cstr(out, "HTTP/1.1 ");
	add_uint(out, (uint64_t)r->status);
	buf_add_char(out, ' ');
	buf_add_cstr(out, status_phrase(r->status));
	buf_add_cstr(out, "\r\n");
	buf_add_cstr(out, r->server);
	buf_add_cstr(out, "content-type: ");
	buf_add_cstr(out, r->content_type);
	buf_add_cstr(out, "\r\n");
	buf_add_str(out, buf_str(&r->extra));
	if (r->faults.giant_header > 0)
		add_giant(out, r->faults.giant_header);
	if (is_chunked(r)) {
		buf_add_cstr(out, "transfer-encoding: chunked\r\n");
	} else if (r->source == NULL) {
		buf_add_cstr(out, "content-length: ");
		add_uint(out, r->body.len);
		buf_add_cstr(out, "\r\n");
	}
	if (!is_kept(r))
		buf_add_cstr(out, "connection: close\r\n");
	else if (r->minor == 0)
		buf_add_cstr(out, "connection: keep-alive\r\n");
	buf_add_cstr(out, "\r\n");
	r->head_sent = true;
}

static enum reply_step
step_wait(struct reply *r, int64_t now, struct buf *out, int64_t *until)
{
	*until = r->begun_nsecs + r->wait_nsecs;
	if (now < *until)
		return REPLY_WAIT;
	if (r->faults.close_before_head)
		return end(r, OUTCOME_CUT,
		    r->faults.cut_mode == ENDING_RESET ? AFTER_RESET
						       : AFTER_CLOSE);
	if (r->faults.garbage) {
		buf_add(out, garbage, sizeof(garbage) - 1);
		return end(r, OUTCOME_CUT, AFTER_CLOSE);
	}
	enter(r, REPLY_PHASE_HEAD, now);
	return REPLY_MORE;
}

/* The head in parts, part k due at k eighths of slow_headers_ms. */
static enum reply_step
step_slow_head(struct reply *r, int64_t now, struct buf *out, int64_t *until)
{
	int64_t whole = r->faults.slow_headers_ms * NSECS_PER_MSEC;
	size_t to;

	if (r->head.len == 0)
		add_head(r, &r->head);
	for (size_t part = 1; r->head_at < r->head.len; part++) {
		to = r->head.len * part / HEAD_PARTS;
		if (to <= r->head_at)
			continue;
		*until = r->begun_nsecs + whole * (int64_t)part / HEAD_PARTS;
		if (now < *until)
			return REPLY_WAIT;
		buf_add(out, r->head.data + r->head_at, to - r->head_at);
		r->head_at = to;
	}
	enter(r, r->source == NULL ? REPLY_PHASE_BODY : REPLY_PHASE_CHUNKS,
	    now);
	return REPLY_MORE;
}

static enum reply_step
step_head(struct reply *r, int64_t now, struct buf *out, int64_t *until)
{
	if (r->faults.slow_headers_ms > 0)
		return step_slow_head(r, now, out, until);
	add_head(r, out);
	enter(r, r->source == NULL ? REPLY_PHASE_BODY : REPLY_PHASE_CHUNKS,
	    now);
	return REPLY_MORE;
}

static enum reply_after
after_whole(const struct reply *r)
{
	return is_kept(r) ? AFTER_KEEP : AFTER_LINGER;
}

static enum reply_step
step_body(struct reply *r, struct buf *out)
{
	size_t half = r->body.len / 2;
	bool good = r->status / 100 == 2;

	if (good && r->faults.stall_after_chunks >= 0) {
		buf_add(out, r->body.data, half);
		return stall(r);
	}
	if (good && r->faults.cut_plain) {
		buf_add(out, r->body.data, half);
		return end(r, OUTCOME_CUT,
		    r->faults.cut_mode == ENDING_RESET ? AFTER_RESET
						       : AFTER_CLOSE);
	}
	buf_add_str(out, buf_str(&r->body));
	if (good && !r->spoiled)
		r->tokens_sent = r->body_tokens;
	return end(r, good && !r->spoiled ? OUTCOME_SERVED : OUTCOME_ERROR,
	    after_whole(r));
}

static void
add_hex(struct buf *out, size_t v)
{
	char text[17], *p = text + sizeof(text);

	do {
		*--p = "0123456789abcdef"[v & 15];
		v >>= 4;
	} while (v != 0);
	buf_add(out, p, (size_t)(text + sizeof(text) - p));
}

/* A message of AWS's streams, framed as one HTTP chunk. */
static void
add_frame(const struct reply *r, const char *event, struct str json,
    struct buf *out)
{
	bool error = event == r->error_event;
	struct buf frame;

	buf_init(&frame, REPLY_BODY_MAX);
	event_stream_write(&frame, error ? "exception" : "event",
	    error ? ":exception-type" : ":event-type", event, json);
	if (is_chunked(r)) {
		add_hex(out, frame.len);
		buf_add_cstr(out, "\r\n");
	}
	buf_add_str(out, buf_str(&frame));
	if (is_chunked(r))
		buf_add_cstr(out, "\r\n");
	buf_fini(&frame);
}

/* A server-sent event, framed as one HTTP chunk. */
static void
add_event(const struct reply *r, const char *event, struct str json,
    struct buf *out)
{
	size_t name = event == NULL ? 0 : strlen(event);
	size_t n = 6 + json.n + 2 + (name == 0 ? 0 : 7 + name + 1);

	if (r->frames) {
		add_frame(r, event, json, out);
		return;
	}
	if (is_chunked(r)) {
		add_hex(out, n);
		buf_add_cstr(out, "\r\n");
	}
	if (name > 0) {
		buf_add_cstr(out, "event: ");
		buf_add(out, event, name);
		buf_add_char(out, '\n');
	}
	buf_add_cstr(out, "data: ");
	buf_add_str(out, json);
	buf_add_cstr(out, "\n\n");
	if (is_chunked(r))
		buf_add_cstr(out, "\r\n");
}

/* A comment as an event of its own. */
static void
add_comment(const struct reply *r, struct buf *out)
{
	if (is_chunked(r)) {
		add_hex(out, strlen(r->comment) + 2);
		buf_add_cstr(out, "\r\n");
	}
	buf_printf(out, "%s\n\n", r->comment);
	if (is_chunked(r))
		buf_add_cstr(out, "\r\n");
}

static void
add_end_of_stream(const struct reply *r, struct buf *out)
{
	if (is_chunked(r))
		buf_add_cstr(out, "0\r\n\r\n");
}

/* Takes the next chunk from the source, spoiled when it is its turn. */
static void
fetch_chunk(struct reply *r)
{
	struct reply_chunk *c = &r->chunk;

	if (r->have_chunk)
		return;
	buf_clear(&c->json);
	c->event = NULL;
	c->tokens = 0;
	c->last = false;
	if (r->source(r->source_ctx, c) == 0) {
		c->last = true; /* a source without a terminal event */
		buf_clear(&c->json);
	}
	r->have_chunk = true;
	if (r->chunks + 1 == r->faults.malformed_chunk && c->json.len > 1) {
		truncate_to(&c->json, c->json.len / 2);
		r->spoiled = true;
	}
}

static enum reply_step
cut(struct reply *r, struct buf *out)
{
	enum reply_after after = AFTER_CLOSE;
	size_t from = out->len;

	switch ((enum fault_ending)r->faults.cut_mode) {
	case ENDING_CLOSE:
		break;
	case ENDING_RESET:
		after = AFTER_RESET;
		break;
	case ENDING_HALF:
		fetch_chunk(r);
		add_event(r, r->chunk.event, buf_str(&r->chunk.json), out);
		truncate_to(out, from + (out->len - from) / 2);
		break;
	case ENDING_CLEAN:
		add_end_of_stream(r, out);
		after = after_whole(r);
		break;
	}
	return end(r, OUTCOME_CUT, after);
}

/* True when the setting's count is reached, or the terminal event is next. */
static bool
is_reached(const struct reply *r, int64_t count)
{
	return count >= 0 &&
	       (r->chunks >= count || (r->have_chunk && r->chunk.last));
}

static enum reply_step
fail(struct reply *r, struct buf *out)
{
	add_event(r, r->error_event, buf_str(&r->error_json), out);
	add_end_of_stream(r, out);
	return end(r, OUTCOME_ERROR, AFTER_LINGER);
}

/* When the chunk in hand is due. */
static int64_t
chunk_due(const struct reply *r)
{
	if (r->chunk.tokens == 0)
		return r->begun_nsecs;
	return r->begun_nsecs + r->faults.ttft_ms * NSECS_PER_MSEC +
	       pace_nsecs(r, r->tokens_sent);
}

static enum reply_step
step_chunks(struct reply *r, int64_t now, struct buf *out, int64_t *until)
{
	size_t from = out->len;

	while (out->len - from < REPLY_BATCH_BYTES) {
		fetch_chunk(r);
		if (is_reached(r, r->faults.cut_after_chunks))
			return cut(r, out);
		if (is_reached(r, r->faults.error_after_chunks))
			return fail(r, out);
		if (is_reached(r, r->faults.stall_after_chunks))
			return stall(r);
		if (r->chunks == 0 && r->comment[0] != '\0') {
			add_comment(r, out);
			r->comment = "";
		}
		*until = chunk_due(r);
		if (now < *until)
			return REPLY_WAIT;
		if (r->chunk.json.len > 0)
			add_event(r, r->chunk.event, buf_str(&r->chunk.json),
			    out);
		r->chunks++;
		r->tokens_sent += r->chunk.tokens;
		r->have_chunk = false;
		if (r->chunk.last) {
			add_end_of_stream(r, out);
			return end(r,
			    r->spoiled ? OUTCOME_ERROR : OUTCOME_SERVED,
			    after_whole(r));
		}
	}
	return REPLY_MORE;
}

enum reply_step
reply_step(struct reply *r, int64_t now, struct buf *out, int64_t *until)
{
	enum reply_step step = REPLY_MORE;
	size_t from = out->len;

	/* Head and body of one answer belong into one packet. */
	while (step == REPLY_MORE && out->len - from < REPLY_BATCH_BYTES) {
		switch (r->phase) {
		case REPLY_PHASE_WAIT:
			step = step_wait(r, now, out, until);
			break;
		case REPLY_PHASE_HEAD:
			step = step_head(r, now, out, until);
			break;
		case REPLY_PHASE_BODY:
			step = step_body(r, out);
			break;
		case REPLY_PHASE_CHUNKS:
			step = step_chunks(r, now, out, until);
			break;
		case REPLY_PHASE_OVER:
			return r->outcome == OUTCOME_STALLED ? REPLY_STALL
							     : REPLY_END;
		}
	}
	return step;
}
