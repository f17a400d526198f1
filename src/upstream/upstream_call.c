/*
 * One transfer: an easy handle with its options, its body reader, its head
 * and its end. The library's traps answered here (each cost somebody a
 * weekend): no second POST on a dead keep-alive connection (a read callback
 * whose seek fails), no Expect, no redirects, no proxy from the environment,
 * DNS that gives up at once, HTTP/1.1 only.
 */
#include "upstream/upstream_private.h"

#include "base/clock.h"
#include "base/num.h"

#include <strings.h>

static const char *
end_text(CURLcode code)
{
	return curl_easy_strerror(code);
}

/* ---- curl's callbacks --------------------------------------------------- */

static size_t
on_read(char *out, size_t size, size_t count, void *arg)
{
	struct upstream_call *c = arg;
	size_t room = size * count, done = 0;

	if (c->callbacks == NULL)
		return CURL_READFUNC_ABORT; /* cancelled */
	while (room > 0 && c->piece_at < c->piece_count) {
		struct str piece = c->pieces[c->piece_at];
		size_t n = piece.n - c->piece_offset;

		if (n > room)
			n = room;
		if (n > 0)
			memcpy(out + done, piece.p + c->piece_offset, n);
		done += n;
		room -= n;
		c->piece_offset += n;
		if (c->piece_offset == piece.n) {
			c->piece_at++;
			c->piece_offset = 0;
		}
	}
	return done;
}

/* Never: a request that may have reached the provider is not sent again. */
static int
on_seek(void *arg, curl_off_t offset, int origin)
{
	(void)arg;
	(void)offset;
	(void)origin;
	return CURL_SEEKFUNC_FAIL;
}

static bool
header_is(struct str line, const char *name, struct str *value_r)
{
	size_t n = strlen(name);

	if (line.n <= n || line.p[n] != ':' ||
	    strncasecmp(line.p, name, n) != 0)
		return false;
	*value_r = str_trim(str_make(line.p + n + 1, line.n - n - 1));
	return true;
}

static void
keep_text(char *out, size_t size, struct str s)
{
	if (s.n >= size)
		s.n = size - 1;
	memcpy(out, s.p, s.n);
	out[s.n] = '\0';
}

/* Retry-After: seconds (also with a fraction) or an HTTP date. */
static int64_t
retry_after(struct str v)
{
	char date[64];
	time_t when;
	int64_t nsecs;

	if (num_duration(v, "s", &nsecs) == 0)
		return nsecs;
	if (v.n == 0 || v.n >= sizeof(date))
		return 0;
	keep_text(date, sizeof(date), v);
	when = curl_getdate(date, NULL);
	if (when <= 0)
		return 0;
	nsecs = (int64_t)when * NSECS_PER_SEC - clock_wall_nsecs();
	return nsecs > 0 ? nsecs : 0;
}

static void
reset_head(struct upstream_call *c)
{
	memset(&c->head, 0, sizeof(c->head));
	c->head.content_length = -1;
	c->head.should_retry = -1;
	c->content_type[0] = c->request_id[0] = '\0';
}

static void
read_header(struct upstream_call *c, struct str line)
{
	struct upstream_head *h = &c->head;
	struct str v;
	int64_t n;

	if (header_is(line, "content-type", &v)) {
		keep_text(c->content_type, sizeof(c->content_type), v);
	} else if (header_is(line, "x-request-id", &v) ||
		   header_is(line, "request-id", &v)) {
		keep_text(c->request_id, sizeof(c->request_id), v);
	} else if (header_is(line, "retry-after-ms", &v)) {
		if (num_duration(v, "ms", &n) == 0)
			h->retry_after_nsecs = n;
	} else if (header_is(line, "retry-after", &v)) {
		if (h->retry_after_nsecs == 0)
			h->retry_after_nsecs = retry_after(v);
	} else if (header_is(line, "x-should-retry", &v)) {
		h->should_retry = str_is_nocase(v, "true")    ? 1
				  : str_is_nocase(v, "false") ? 0
							      : -1;
	} else if (header_is(line, "content-length", &v)) {
		if (num_int64(v, &n) == 0 && n >= 0)
			h->content_length = n;
	}
}

static void
give_head(struct upstream_call *c)
{
	long status = 0;

	curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status < 200) {
		reset_head(c); /* 100 Continue and the like */
		return;
	}
	c->head.status = (int)status;
	c->head.content_type = str_of(c->content_type);
	c->head.request_id = str_of(c->request_id);
	c->head_given = true;
	if (c->callbacks != NULL)
		c->callbacks->on_head(c->arg, &c->head);
}

static size_t
on_header(char *data, size_t size, size_t count, void *arg)
{
	struct upstream_call *c = arg;
	struct str line = str_make(data, size * count);

	if (c->callbacks == NULL)
		return 0;
	if (c->head_given)
		return line.n; /* trailers */
	if (str_trim(line).n == 0)
		give_head(c);
	else
		read_header(c, line);
	return line.n;
}

static size_t
on_write(char *data, size_t size, size_t count, void *arg)
{
	struct upstream_call *c = arg;
	size_t n = size * count;

	if (c->callbacks == NULL)
		return n == 0 ? 1 : 0; /* cancelled: makes curl stop */
	c->body_bytes += (int64_t)n;
	c->callbacks->on_data(c->arg, str_make(data, n));
	return n;
}

/* ---- life --------------------------------------------------------------- */

struct upstream_call *
call_new(struct upstream *u, struct err *err)
{
	struct list *node = list_shift(&u->pool);
	struct upstream_call *c;
	CURL *easy;

	if (node != NULL) {
		u->pooled--;
		c = LIST_OBJ(node, struct upstream_call, node);
		easy = c->easy;
		/* All options anew: a header left over from another client's
		   request must be impossible. */
		curl_easy_reset(easy);
		memset(c, 0, sizeof(*c));
	} else {
		easy = curl_easy_init();
		if (easy == NULL) {
			err_set(err, ERR_NOMEM, "libcurl handle");
			return NULL;
		}
		c = xcalloc(1, sizeof(*c));
	}
	c->easy = easy;
	c->u = u;
	list_init(&c->wishes);
	list_init(&c->node);
	list_append(&u->calls, &c->node);
	reset_head(c);
	return c;
}

void
call_free(struct upstream_call *c)
{
	curl_easy_cleanup(c->easy);
	free(c);
}

void
call_recycle(struct upstream_call *c)
{
	struct upstream *u = c->u;

	list_remove(&c->node);
	list_remove(&c->wishes);
	curl_slist_free_all(c->headers);
	c->headers = NULL;
	c->callbacks = NULL;
	if (u->pooled < UPSTREAM_POOL_MAX) {
		list_append(&u->pool, &c->node);
		u->pooled++;
	} else {
		call_free(c);
	}
}

static int
add_header(struct upstream_call *c, const char *line, struct err *err)
{
	struct curl_slist *more;

	for (const char *p = line; *p != '\0'; p++) {
		if (*p == '\r' || *p == '\n')
			return err_set(err, ERR_BAD_REQUEST,
			    "a header holds a line break");
	}
	more = curl_slist_append(c->headers, line);
	if (more == NULL)
		return err_set(err, ERR_NOMEM, "request header");
	c->headers = more;
	return 0;
}

static void
set_transport(struct upstream_call *c)
{
	const struct upstream_options *o = &c->u->options;
	CURL *e = c->easy;

	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(e, CURLOPT_PROXY, "");
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS,
	    (long)o->connect_timeout_msecs);
	curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(e, CURLOPT_TCP_KEEPIDLE, 30L);
	curl_easy_setopt(e, CURLOPT_TCP_KEEPINTVL, 10L);
	/* Below the usual 60 s of the other side: fewer stale reuses. */
	curl_easy_setopt(e, CURLOPT_MAXAGE_CONN, 50L);
	curl_easy_setopt(e, CURLOPT_MAXLIFETIME_CONN, 600L);
	curl_easy_setopt(e, CURLOPT_SHARE, c->u->share);
	if (!o->verify_tls) {
		curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (o->ca_file != NULL)
		curl_easy_setopt(e, CURLOPT_CAINFO, o->ca_file);
}

int
call_set_up(struct upstream_call *c, const struct upstream_request *request,
    struct err *err)
{
	CURL *e = c->easy;
	curl_off_t bytes = 0;

	c->callbacks = request->callbacks;
	c->arg = request->arg;
	c->pieces = request->pieces;
	c->piece_count = request->piece_count;
	for (size_t i = 0; i < request->piece_count; i++)
		bytes += (curl_off_t)request->pieces[i].n;
	for (size_t i = 0; i < request->header_count; i++) {
		if (add_header(c, request->headers[i], err) != 0)
			return -1;
	}
	if (add_header(c, "Expect:", err) != 0)
		return -1;
	set_transport(c);
	if (curl_easy_setopt(e, CURLOPT_URL, request->url) != CURLE_OK)
		return err_set(err, ERR_NOMEM, "url");
	curl_easy_setopt(e, CURLOPT_HTTPHEADER, c->headers);
	if (strcmp(request->method, "GET") != 0) {
		curl_easy_setopt(e, CURLOPT_POST, 1L);
		curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, bytes);
		curl_easy_setopt(e, CURLOPT_READFUNCTION, on_read);
		curl_easy_setopt(e, CURLOPT_READDATA, c);
		curl_easy_setopt(e, CURLOPT_SEEKFUNCTION, on_seek);
		curl_easy_setopt(e, CURLOPT_SEEKDATA, c);
		if (strcmp(request->method, "POST") != 0)
			curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST,
			    request->method);
	}
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, c);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_write);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, c);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, c->error);
	curl_easy_setopt(e, CURLOPT_PRIVATE, c);
	return 0;
}

/* ---- the end ------------------------------------------------------------ */

/* Which end an error code stands for; `sent` and `head` tell the rest. */
static enum upstream_end
classify(CURLcode code, bool sent, bool head)
{
	switch (code) {
	case CURLE_OK:
		/* A head that broke off counts as success with curl. */
		return head ? UPSTREAM_DONE : UPSTREAM_BROKEN;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_CONNECT:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CACERT_BADFILE:
		return UPSTREAM_REFUSED;
	case CURLE_OPERATION_TIMEDOUT:
		return sent ? UPSTREAM_BROKEN : UPSTREAM_CONNECT_TIMEOUT;
	case CURLE_UNSUPPORTED_PROTOCOL: /* HTTP/0.9 or no HTTP at all */
	case CURLE_WEIRD_SERVER_REPLY:
		return UPSTREAM_GARBAGE;
	case CURLE_OUT_OF_MEMORY:
		/* Also the library's word for a head above its limit. */
		return sent ? UPSTREAM_GARBAGE : UPSTREAM_FAILED;
	case CURLE_URL_MALFORMAT:
	case CURLE_BAD_FUNCTION_ARGUMENT:
	case CURLE_FAILED_INIT:
		return UPSTREAM_FAILED;
	default:
		return head ? UPSTREAM_CUT : UPSTREAM_BROKEN;
	}
}

void
call_result(const struct upstream_call *c, CURLcode code,
    struct upstream_result *result_r)
{
	struct upstream_result r;
	long request_bytes = 0;
	const char *text = c->error[0] != '\0' ? c->error : end_text(code);

	memset(&r, 0, sizeof(r));
	/* The upload counters stay 0 in some failures; this one is right
	   (notes on our libraries, section 2.7). */
	curl_easy_getinfo(c->easy, CURLINFO_REQUEST_SIZE, &request_bytes);
	r.sent = request_bytes > 0;
	r.end = classify(code, r.sent, c->head_given);
	r.status = c->head_given ? c->head.status : 0;
	r.body_bytes = c->body_bytes;
	if (code == CURLE_OUT_OF_MEMORY && r.sent)
		text = "the answer's head is too large";
	if (code == CURLE_OK && r.end != UPSTREAM_DONE)
		text = "the connection ended inside the answer's head";
	if (r.end != UPSTREAM_DONE)
		snprintf(r.text, sizeof(r.text), "%.*s",
		    (int)sizeof(r.text) - 1, text);
	*result_r = r;
}
