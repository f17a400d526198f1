/*
 * The answer of a call: what upstream.h's head has of its headers, and the
 * bytes of its body on their way to the owner.
 */
#include "upstream/upstream_private.h"

#include "base/clock.h"
#include "base/num.h"

/* An answer begins with a piece of this size, if its chunks are smaller. */
#define FIRST_BYTES 1024
/* A year stands for "never". */
#define MOST_RETRY_NSECS (365 * 24 * 3600 * NSECS_PER_SEC)

/* At least nothing, at most what can be added to a time. */
static int64_t
within_reach(int64_t nsecs)
{
	if (nsecs < 0)
		return 0;
	return nsecs < MOST_RETRY_NSECS ? nsecs : MOST_RETRY_NSECS;
}

/* Retry-After: seconds (also with a fraction) or an HTTP date. */
static int64_t
retry_after(struct str v)
{
	char date[64];
	time_t when;
	int64_t nsecs;

	if (num_duration(v, "s", &nsecs) == 0)
		return within_reach(nsecs);
	if (v.n == 0 || v.n >= sizeof(date))
		return 0;
	str_keep(v, date, sizeof(date));
	when = curl_getdate(date, NULL);
	if (when <= 0)
		return 0;
	if (when > INT64_MAX / NSECS_PER_SEC)
		return MOST_RETRY_NSECS;
	return within_reach((int64_t)when * NSECS_PER_SEC - clock_wall_nsecs());
}

/* The headers somebody asks for differ in their lengths, or nearly so. */
static void
note_header(struct upstream_call *c, struct str name, struct str v)
{
	struct upstream_head *h = &c->answer;
	int64_t n;

	switch (name.n) {
	case 10:
		if (str_is_nocase(name, "request-id"))
			str_keep(v, c->request_id, sizeof(c->request_id));
		break;
	case 11:
		if (str_is_nocase(name, "retry-after") &&
		    h->retry_after_nsecs == 0)
			h->retry_after_nsecs = retry_after(v);
		break;
	case 12:
		if (str_is_nocase(name, "content-type"))
			str_keep(v, c->content_type, sizeof(c->content_type));
		else if (str_is_nocase(name, "x-request-id"))
			str_keep(v, c->request_id, sizeof(c->request_id));
		break;
	case 14:
		if (str_is_nocase(name, "retry-after-ms")) {
			if (num_duration(v, "ms", &n) == 0)
				h->retry_after_nsecs = within_reach(n);
		} else if (str_is_nocase(name, "x-should-retry")) {
			h->should_retry = str_is_nocase(v, "true")    ? 1
					  : str_is_nocase(v, "false") ? 0
								      : -1;
		}
		break;
	default:
		break;
	}
}

static void
give_head(struct upstream_call *c)
{
	c->answer.status = c->reader.status;
	c->answer.content_length = c->reader.length;
	c->answer.content_type = str_of(c->content_type);
	c->answer.request_id = str_of(c->request_id);
	c->head_given = true;
	c->callbacks->on_head(c->arg, &c->answer);
}

static void
give_body(struct upstream_call *c, struct str *body)
{
	struct str bytes = *body;

	*body = str_make(NULL, 0);
	if (bytes.n == 0)
		return;
	c->body_bytes += (int64_t)bytes.n;
	c->callbacks->on_data(c->arg, bytes);
}

/* Joins chunks that came together, so that the owner hears of them once. */
static void
join(struct str *body, struct str more)
{
	if (body->n == 0)
		*body = more;
	else
		memmove((char *)(uintptr_t)body->p + body->n, more.p, more.n),
		    body->n += more.n;
}

/* Its first piece is given alone: the first token does not wait until all that
   came with it is read. */
static bool
is_enough(const struct upstream_call *c, const struct str *body)
{
	return c->body_bytes == 0 && body->n >= FIRST_BYTES;
}

/* Some servers say 408 to a connection that is idle for too long, and close
   it. It must not be taken for the answer to what we send just then. */
static bool
is_stale(const struct upstream_call *c)
{
	return c->reader.status == 408 && c->conn->served &&
	       conn_took_nothing(c->conn);
}

enum given
answer_give(struct upstream_call *c, char *p, size_t n)
{
	struct upstream *u = c->u;
	struct str in = { p, n }, body = { NULL, 0 };
	enum http1_event event;

	u->giving = c->conn;
	do {
		event = http1_reader_next(&c->reader, &in);
		if (event == HTTP1_FIELD) {
			note_header(c, c->reader.name, c->reader.value);
		} else if (event == HTTP1_BODY) {
			join(&body, c->reader.body);
			if (is_enough(c, &body))
				give_body(c, &body);
		} else if (event == HTTP1_HEAD) {
			if (is_stale(c))
				return GIVEN_STALE;
			give_head(c);
		}
		if (u->giving == NULL)
			return GIVEN_GONE;
		if (c->paused && in.n > 0) {
			buf_add_str(&c->left, in);
			return GIVEN_PART;
		}
	} while (
	    event == HTTP1_FIELD || event == HTTP1_HEAD || event == HTTP1_BODY);
	give_body(c, &body);
	if (u->giving == NULL)
		return GIVEN_GONE;
	if (event == HTTP1_BAD)
		return GIVEN_BAD;
	if (event == HTTP1_MORE)
		return GIVEN_ALL;
	return in.n > 0 ? GIVEN_EARLY_END : GIVEN_END;
}
