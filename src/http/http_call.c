/*
 * Request and answer as the owner sees them. See http.h.
 *
 * A whole answer and the last of a stream are written at once; what is streamed
 * before goes into the connection's output and leaves it at the end of the
 * loop's turn. Nothing in this file calls back, so the final call may be made
 * from any place.
 *
 * Does not fail towards the owner: an answer that cannot be sent is one whose
 * client is gone.
 */
#include "http/http_conn.h"

#include "http/http_name.h"

/* A body up to this size is copied behind its head; a larger one waits in a
   piece of its own. */
#define INLINE_BYTES 1024
/* A stream that has this much waiting is written before the turn ends. */
#define FLUSH_BYTES 65536
/* A producer that goes on above this many times the high water is cut. */
#define HARD_CAP_FACTOR 8
/* A chunk's size and its two CRLFs. */
#define CHUNK_BYTES      20
#define ERROR_BODY_BYTES 4096

static struct http_conn *
conn_of(struct http_call *call)
{
	return LIST_OBJ(call, struct http_conn, call);
}

static const struct http_conn *
const_conn_of(const struct http_call *call)
{
	const char *p = (const char *)call;

	return (const void *)(p - offsetof(struct http_conn, call));
}

/* ---- the request -------------------------------------------------------- */

struct str
http_method(const struct http_call *call)
{
	const struct http_conn *c = const_conn_of(call);

	return str_of(c->framing.method_name);
}

static struct str
part_of_head(const struct http_conn *c, struct http_span span)
{
	return str_make(c->in.data + span.at, span.n);
}

struct str
http_path(const struct http_call *call)
{
	const struct http_conn *c = const_conn_of(call);
	struct str target = part_of_head(c, c->framing.target);

	return str_cut(&target, '?');
}

struct str
http_query(const struct http_call *call)
{
	const struct http_conn *c = const_conn_of(call);
	struct str target = part_of_head(c, c->framing.target);

	(void)str_cut(&target, '?');
	return target.p == NULL ? str_of("") : target;
}

/* A header that is not in the table of names: all lines are looked through.
   They were read before: each ends with CRLF and has a colon. */
static struct str
find_line(struct str head, struct str name)
{
	(void)str_cut(&head, '\n');
	while (head.n > 2) {
		struct str line = str_cut(&head, '\n');
		struct str key = str_cut(&line, ':');

		if (key.n == name.n && strncasecmp(key.p, name.p, name.n) == 0)
			return str_trim(line);
	}
	return str_of("");
}

struct str
http_header(const struct http_call *call, const char *name)
{
	const struct http_conn *c = const_conn_of(call);
	enum http_name known = http_name_find_nocase(str_of(name));
	struct http_span span;

	if (known >= HTTP_NAME_ASKED)
		return find_line(str_make(c->in.data, c->framing.head_bytes),
		    str_of(name));
	span = c->framing.known[known];
	return span.at == 0 ? str_of("") : str_trim(part_of_head(c, span));
}

struct str
http_body(struct http_call *call)
{
	const struct http_conn *c = conn_of(call);
	size_t head = c->framing.head_bytes;

	return c->body.len > 0 ? buf_str(&c->body)
			       : str_make(c->in.data + head, c->in.len - head);
}

const char *
http_peer(const struct http_call *call)
{
	return const_conn_of(call)->peer;
}

void
http_call_own(struct http_call *call,
    const struct http_call_callbacks *callbacks, void *arg)
{
	call->callbacks = callbacks;
	call->arg = arg;
}

void
http_call_hold(struct http_call *call)
{
	call->held = true;
}

void
http_call_release(struct http_call *call)
{
	struct http_conn *c = conn_of(call);

	call->held = false;
	if (call->state != CALL_ORPHAN)
		return;
	if (c->fd < 0)
		http_conn_free(c);
	else
		http_conn_disown(c); /* inside of on_gone */
}

/* ---- the answer --------------------------------------------------------- */

static struct buf *
header_lines(struct http_call *call)
{
	if (call->headers.data == NULL)
		http_spares_take(&conn_of(call)->server->spares,
		    &call->headers);
	return &call->headers;
}

void
http_add_header(struct http_call *call, const char *name, const char *value)
{
	http_head_line(header_lines(call), name, value);
}

void
http_add_line(struct http_call *call, struct str name, struct str value)
{
	http_head_known_line(header_lines(call), name, value);
}

static bool
to_head_request(const struct http_conn *c)
{
	return c->framing.method == FRAMING_HEAD_METHOD;
}

/* Nothing can be written any more; the owner will hear, or knows. */
static bool
is_lost(const struct http_conn *c)
{
	return c->fd < 0 || (c->todo & TODO_GONE) != 0;
}

/* The head goes into the output; `more` bytes will be put behind it. */
static struct buf *
put_head(struct http_conn *c, struct http_head *head, size_t more)
{
	struct http_call *call = &c->call;
	struct buf *out;

	if (head->status < 200 || head->status > 999)
		head->status = 500;
	c->keep = c->keep && !c->server->draining;
	head->headers = buf_str(&call->headers);
	head->connection = !c->keep                ? CONNECTION_CLOSE
			   : c->framing.minor == 0 ? CONNECTION_KEEP_ALIVE
						   : CONNECTION_NONE;
	out = http_out_room(&c->out, http_head_bytes(head) + more);
	http_head_write(out, head, &c->server->date);
	if (call->headers.data != NULL)
		http_spares_give(&c->server->spares, &call->headers);
	return out;
}

/* The owner's last word: it has no call any more. */
static void
end_call(struct http_conn *c)
{
	http_conn_disown(c);
	c->call.callbacks = NULL;
	c->call.full = false;
	c->ending = true;
}

/* True when the call is one that may still be answered as a whole. */
static bool
may_reply(struct http_call *call)
{
	switch (call->state) {
	case CALL_OPEN:
		return true;
	case CALL_STREAM: /* a second head would be garbage */
	case CALL_ORPHAN:
		http_abort(call);
		break;
	case CALL_NONE:
		break;
	}
	return false;
}

/*
 * A whole answer: head and body leave in one write, now. `take` may be NULL;
 * else it is the buffer that holds body, and its memory is wanted.
 */
static void
reply(struct http_conn *c, int status, const char *content_type,
    struct str body, struct buf *take)
{
	struct http_head head = { .status = status,
		.content_type = content_type,
		.framing = BODY_LENGTH,
		.length = body.n };
	struct buf copy, *out;

	if (!http_head_has_body(status) || to_head_request(c))
		body.n = 0;
	out = put_head(c, &head, body.n <= INLINE_BYTES ? body.n : 0);
	if (body.n <= INLINE_BYTES) {
		(void)buf_add_str(out, body);
	} else if (take != NULL) {
		http_out_take(&c->out, take);
	} else {
		buf_init(&copy, body.n);
		(void)buf_add_str(&copy, body);
		http_out_take(&c->out, &copy);
	}
	end_call(c);
	http_conn_flush(c);
}

void
http_reply(struct http_call *call, int status, const char *content_type,
    struct str body)
{
	struct http_conn *c = conn_of(call);

	if (!may_reply(call))
		return;
	if (is_lost(c))
		end_call(c);
	else
		reply(c, status, content_type, body, NULL);
}

void
http_reply_take(struct http_call *call, int status, const char *content_type,
    struct buf *body)
{
	struct http_conn *c = conn_of(call);

	if (may_reply(call)) {
		if (is_lost(c))
			end_call(c);
		else
			reply(c, status, content_type, buf_str(body), body);
	}
	buf_fini(body);
}

void
http_start(struct http_call *call, int status, const char *content_type)
{
	struct http_conn *c = conn_of(call);
	struct http_head head = { .status = status,
		.content_type = content_type,
		.framing = c->framing.minor == 0 ? BODY_CLOSE : BODY_CHUNKED };

	if (call->state != CALL_OPEN)
		return; /* gone */
	call->state = CALL_STREAM;
	call->framing = head.framing;
	call->bodiless = !http_head_has_body(status) || to_head_request(c);
	if (head.framing == BODY_CLOSE)
		c->keep = false;
	if (is_lost(c))
		return;
	(void)put_head(c, &head, 0);
	http_conn_todo(c, TODO_FLUSH);
}

static char *
put_chunk_size(char *p, size_t n)
{
	static const char hex[] = "0123456789abcdef";
	int shift = 0;

	while (n >> shift > 15)
		shift += 4;
	for (; shift >= 0; shift -= 4)
		*p++ = hex[(n >> shift) & 15];
	*p++ = '\r';
	*p++ = '\n';
	return p;
}

static void
put_bytes(struct http_out *o, bool chunked, struct str bytes)
{
	struct buf *out = http_out_room(o, bytes.n + CHUNK_BYTES);
	char *p = out->data + out->len;

	if (chunked)
		p = put_chunk_size(p, bytes.n);
	memcpy(p, bytes.p, bytes.n);
	p += bytes.n;
	if (chunked) {
		*p++ = '\r';
		*p++ = '\n';
	}
	out->len = (size_t)(p - out->data);
}

bool
http_send(struct http_call *call, struct str bytes)
{
	struct http_conn *c = conn_of(call);
	size_t high = c->server->options.high_water_bytes, waits;

	if (call->state != CALL_STREAM || call->bodiless || bytes.n == 0 ||
	    is_lost(c))
		return false;
	if (http_out_len(&c->out) > high * HARD_CAP_FACTOR) {
		http_conn_todo(c, TODO_GONE);
		return true;
	}
	put_bytes(&c->out, call->framing == BODY_CHUNKED, bytes);
	if (http_out_len(&c->out) > FLUSH_BYTES)
		http_conn_flush(c);
	http_conn_todo(c, TODO_FLUSH);
	waits = http_out_len(&c->out);
	call->full = call->full || waits > high;
	return waits > high;
}

void
http_flush(struct http_call *call)
{
	struct http_conn *c = conn_of(call);

	if (call->state == CALL_STREAM && !is_lost(c))
		http_conn_flush(c);
}

void
http_end(struct http_call *call)
{
	struct http_conn *c = conn_of(call);

	if (call->state != CALL_STREAM) {
		http_abort(call); /* nothing was started: not an answer */
		return;
	}
	if (call->framing == BODY_CHUNKED && !call->bodiless && !is_lost(c))
		(void)buf_add(http_out_room(&c->out, 5), "0\r\n\r\n", 5);
	end_call(c);
	http_conn_flush(c);
	if (c->ending)
		http_conn_todo(c, TODO_FLUSH);
}

void
http_abort(struct http_call *call)
{
	struct http_conn *c = conn_of(call);

	switch (call->state) {
	case CALL_NONE:
		break;
	case CALL_ORPHAN:
		http_conn_free(c);
		break;
	case CALL_OPEN:
	case CALL_STREAM:
		/* Without chunks a plain close would look like the end. */
		c->reset =
		    call->state == CALL_STREAM && call->framing == BODY_CLOSE;
		c->keep = false;
		end_call(c);
		http_conn_todo(c, TODO_FLUSH);
		break;
	}
}

/* ---- answers of the server itself ---------------------------------------- */

void
http_call_refuse(struct http_conn *c, int status, enum err_code code,
    const char *text)
{
	struct http_server *s = c->server;
	struct http_head head = { .status = status,
		.content_type = "application/json",
		.framing = BODY_LENGTH };
	struct buf body;

	c->answering = true;
	c->keep = false;
	c->linger = true;
	c->ending = true;
	http_server_move(c, PHASE_ANSWER);
	http_conn_release_body(c);
	s->stats.refused++;
	buf_init(&body, ERROR_BODY_BYTES);
	s->callbacks.on_error(s->arg, status, code, text, &body);
	head.length = body.len;
	(void)buf_add_str(put_head(c, &head, body.len), buf_str(&body));
	buf_fini(&body);
	http_conn_todo(c, TODO_FLUSH);
}
