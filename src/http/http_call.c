/*
 * Request and answer as the owner sees them. See http.h.
 *
 * Answers are written into the connection's output buffer here and leave it
 * at the end of the loop's turn (http_conn_work), so nothing in this file
 * calls back, and the final call may be made from any place.
 *
 * Does not fail towards the owner: an answer that cannot be sent is one whose
 * client is gone.
 */
#include "http/http_conn.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>

/* A body up to this size is copied behind its head; a larger one is added as
   it is (http_reply_take) or in its own piece. */
#define INLINE_BYTES 16384
/* A stream that has this much waiting is written before the turn ends. */
#define FLUSH_BYTES 65536
/* A producer that goes on above this many times the high water is cut. */
#define HARD_CAP_FACTOR  8
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

struct str
http_path(const struct http_call *call)
{
	struct str uri = str_of(call->req->uri);

	return str_cut(&uri, '?');
}

struct str
http_query(const struct http_call *call)
{
	struct str uri = str_of(call->req->uri);

	(void)str_cut(&uri, '?');
	return uri.p == NULL ? str_of("") : uri;
}

struct str
http_header(const struct http_call *call, const char *name)
{
	const struct http_conn *c = const_conn_of(call);
	int left = c->framing.header_count;
	struct evkeyval *h;

	/* evhttp without its fix of 2026 puts trailers behind the headers. */
	for (h = call->req->input_headers->tqh_first; h != NULL && left > 0;
	     h = h->next.tqe_next, left--)
		if (strcasecmp(h->key, name) == 0)
			return str_trim(str_of(h->value));
	return str_of("");
}

struct str
http_body(struct http_call *call)
{
	struct evbuffer *in = call->req->input_buffer;
	size_t n = evbuffer_get_length(in);
	const unsigned char *p = n == 0 ? NULL : evbuffer_pullup(in, -1);

	return p == NULL ? str_of("") : str_make((const char *)p, n);
}

void
http_body_drop(struct http_call *call)
{
	struct evbuffer *in = call->req->input_buffer;

	evbuffer_drain(in, evbuffer_get_length(in));
	http_conn_release_body(conn_of(call));
}

const char *
http_peer(const struct http_call *call)
{
	return call->req->remote_host;
}

void
http_call_own(struct http_call *call,
    const struct http_call_callbacks *callbacks, void *arg)
{
	call->callbacks = callbacks;
	call->arg = arg;
}

/* ---- the answer --------------------------------------------------------- */

void
http_add_header(struct http_call *call, const char *name, const char *value)
{
	http_head_line(&call->headers, name, value);
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
	return c->bev == NULL || (c->todo & TODO_GONE) != 0;
}

static void
put_head(struct http_conn *c, struct http_head *head, struct str inline_body)
{
	struct http_call *call = &c->call;

	if (head->status < 200 || head->status > 999)
		head->status = 500;
	c->keep = c->keep && !c->server->draining;
	head->headers = buf_str(&call->headers);
	head->connection = !c->keep                ? CONNECTION_CLOSE
			   : c->framing.minor == 0 ? CONNECTION_KEEP_ALIVE
						   : CONNECTION_NONE;
	if (http_head_write(http_conn_output(c), head, &c->server->date,
		inline_body) != 0)
		http_conn_todo(c, TODO_GONE);
	buf_fini(&call->headers);
}

/* The owner's last word: it has no call any more. */
static void
end_call(struct http_conn *c)
{
	c->call.state = CALL_NONE;
	c->call.callbacks = NULL;
	c->call.full = false;
	c->server->stats.calls--;
	c->ending = true;
	if (c->bev != NULL)
		http_conn_todo(c, TODO_FLUSH);
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

/* The part of a whole answer's body that goes behind its head at once. */
static void
put_reply(struct http_conn *c, int status, const char *content_type,
    struct str body)
{
	struct http_head head = { .status = status,
		.content_type = content_type,
		.framing = BODY_LENGTH,
		.length = body.n };
	bool with_body = http_head_has_body(status) && !to_head_request(c);

	put_head(c, &head,
	    with_body && body.n <= INLINE_BYTES ? body : str_of(""));
}

static bool
needs_own_piece(const struct http_conn *c, int status, size_t n)
{
	return n > INLINE_BYTES && http_head_has_body(status) &&
	       !to_head_request(c);
}

void
http_reply(struct http_call *call, int status, const char *content_type,
    struct str body)
{
	struct http_conn *c = conn_of(call);

	if (!may_reply(call))
		return;
	if (!is_lost(c)) {
		put_reply(c, status, content_type, body);
		if (needs_own_piece(c, status, body.n) &&
		    evbuffer_add(http_conn_output(c), body.p, body.n) != 0)
			http_conn_todo(c, TODO_GONE);
	}
	end_call(c);
}

static void
free_piece(const void *data, size_t n, void *arg)
{
	(void)data;
	(void)n;
	free(arg);
}

void
http_reply_take(struct http_call *call, int status, const char *content_type,
    struct buf *body)
{
	struct http_conn *c = conn_of(call);
	size_t n = body->len;
	char *piece;

	if (call->state != CALL_OPEN || is_lost(c) ||
	    !needs_own_piece(c, status, n)) {
		http_reply(call, status, content_type, buf_str(body));
		buf_fini(body);
		return;
	}
	put_reply(c, status, content_type, buf_str(body));
	piece = buf_take(body, NULL);
	if (evbuffer_add_reference(http_conn_output(c), piece, n, free_piece,
		piece) != 0) {
		free(piece);
		http_conn_todo(c, TODO_GONE);
	}
	end_call(c);
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
	put_head(c, &head, str_of(""));
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

static int
put_bytes(struct evbuffer *out, bool chunked, struct str bytes)
{
	struct evbuffer_iovec v;
	char *p;

	if (!chunked)
		return evbuffer_add(out, bytes.p, bytes.n);
	if (evbuffer_reserve_space(out, (ev_ssize_t)bytes.n + 20, &v, 1) != 1)
		return -1;
	p = put_chunk_size(v.iov_base, bytes.n);
	memcpy(p, bytes.p, bytes.n);
	p += bytes.n;
	*p++ = '\r';
	*p++ = '\n';
	v.iov_len = (size_t)(p - (char *)v.iov_base);
	return evbuffer_commit_space(out, &v, 1);
}

bool
http_send(struct http_call *call, struct str bytes)
{
	struct http_conn *c = conn_of(call);
	size_t high = c->server->options.high_water_bytes, waits;
	struct evbuffer *out;

	if (call->state != CALL_STREAM || call->bodiless || bytes.n == 0 ||
	    is_lost(c))
		return false;
	out = http_conn_output(c);
	if (evbuffer_get_length(out) > high * HARD_CAP_FACTOR ||
	    put_bytes(out, call->framing == BODY_CHUNKED, bytes) != 0) {
		http_conn_todo(c, TODO_GONE);
		return true;
	}
	if (evbuffer_get_length(out) > FLUSH_BYTES)
		http_conn_flush(c);
	http_conn_todo(c, TODO_FLUSH);
	waits = evbuffer_get_length(out);
	call->full = call->full || waits > high;
	return waits > high;
}

void
http_end(struct http_call *call)
{
	struct http_conn *c = conn_of(call);

	if (call->state != CALL_STREAM) {
		http_abort(call); /* nothing was started: not an answer */
		return;
	}
	if (call->framing == BODY_CHUNKED && !call->bodiless && !is_lost(c) &&
	    evbuffer_add(http_conn_output(c), "0\r\n\r\n", 5) != 0)
		http_conn_todo(c, TODO_GONE);
	end_call(c);
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
	struct evbuffer *in = bufferevent_get_input(c->bev);
	struct evbuffer *out = http_conn_output(c);
	struct buf body;

	http_conn_take_over(c);
	c->call.req = NULL;
	c->keep = false;
	c->linger = true;
	c->ending = true;
	c->body_room = 0;
	evbuffer_drain(in, evbuffer_get_length(in));
	http_conn_release_body(c);
	/* evhttp's own page, if it wrote one. */
	evbuffer_drain(out, evbuffer_get_length(out));
	s->stats.refused++;
	buf_init(&body, ERROR_BODY_BYTES);
	s->callbacks.on_error(s->arg, status, code, text, &body);
	head.length = body.len;
	put_head(c, &head, buf_str(&body));
	buf_fini(&body);
	http_conn_todo(c, TODO_FLUSH);
}
