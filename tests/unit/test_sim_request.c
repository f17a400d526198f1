/* The simulator's HTTP parser: whole, in pieces, and what it refuses. */
#include "unit.h"

#include "base/jsonx.h"
#include "sim/recent.h"
#include "sim/request.h"

#define HOST "Host: sim\r\n"

struct expect {
	const char *bytes;
	const char *method, *path, *query, *body;
	bool keep_alive;
	size_t headers;
	size_t rest; /* bytes behind the request */
};

static const struct expect good[] = {
	{ "GET /v1/models HTTP/1.1\r\n" HOST "\r\n", "GET", "/v1/models", "",
	    "", true, 1, 0 },
	{ "POST /a?n=3&m HTTP/1.1\r\n" HOST
	  "Content-Length: 5\r\nX-A: \t b \r\n\r\nhelloGET",
	    "POST", "/a", "n=3&m", "hello", true, 3, 3 },
	{ "\r\nPOST /a HTTP/1.1\r\n" HOST "transfer-encoding: chunked\r\n\r\n"
	  "5\r\nhello\r\n1;x=y\r\n \r\n00A\r\n0123456789\r\n0\r\n"
	  "trailer: t\r\n\r\nNEXT",
	    "POST", "/a", "", "hello 0123456789", true, 2, 4 },
	{ "POST http://sim:1/abs HTTP/1.1\r\n" HOST
	  "Connection: close\r\nContent-Length: 0\r\n\r\n",
	    "POST", "/abs", "", "", false, 3, 0 },
	{ "GET / HTTP/1.0\r\n\r\n", "GET", "/", "", "", false, 0, 0 },
	{ "GET / HTTP/1.0\r\nConnection: x, Keep-Alive\r\n\r\n", "GET", "/", "",
	    "", true, 1, 0 },
};

static void
check(const struct request *r, const struct buf *in, const struct expect *want)
{
	assert_str(r->method, want->method);
	assert_str(r->path, want->path);
	assert_str(r->query, want->query);
	assert_str(r->body, want->body);
	assert_int_equal(r->keep_alive, want->keep_alive);
	assert_int_equal(r->header_count, want->headers);
	assert_int_equal(in->len - r->total_bytes, want->rest);
}

static void
test_reads_whole_requests(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct request r;
		struct buf in;
		struct err err;

		buf_init(&in, REQUEST_BYTES_MAX);
		buf_add_cstr(&in, good[i].bytes);
		request_init(&r);
		assert_int_equal(request_parse(&r, &in, &err), 1);
		check(&r, &in, &good[i]);
		buf_fini(&in);
	}
}

/* Feeds the bytes in two parts, cut at every place; then one by one. */
static void
test_reads_requests_split_anywhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		size_t n = strlen(good[i].bytes) - good[i].rest;

		for (size_t cut = 0; cut <= n; cut++) {
			struct request r;
			struct buf in;
			struct err err;
			int rc = 0;

			buf_init(&in, REQUEST_BYTES_MAX);
			request_init(&r);
			buf_add(&in, good[i].bytes, cut);
			rc = request_parse(&r, &in, &err);
			assert_int_equal(rc, cut == n);
			/* move the bytes, so that stale slices would show */
			buf_reserve(&in, in.size * 3);
			if (rc == 0) {
				buf_add(&in, good[i].bytes + cut, n - cut);
				rc = request_parse(&r, &in, &err);
			} else {
				rc = request_parse(&r, &in, &err);
			}
			assert_int_equal(rc, 1);
			buf_add(&in, good[i].bytes + n, good[i].rest);
			check(&r, &in, &good[i]);
			buf_fini(&in);
		}
	}
}

static void
test_reads_requests_byte_by_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		size_t n = strlen(good[i].bytes) - good[i].rest;
		struct request r;
		struct buf in;
		struct err err;

		buf_init(&in, REQUEST_BYTES_MAX);
		request_init(&r);
		for (size_t at = 0; at < n; at++) {
			buf_add_char(&in, good[i].bytes[at]);
			assert_int_equal(request_parse(&r, &in, &err),
			    at + 1 == n);
		}
		buf_add(&in, good[i].bytes + n, good[i].rest);
		check(&r, &in, &good[i]);
		buf_fini(&in);
	}
}

static void
test_refuses_what_two_servers_could_read_differently(void **state)
{
	static const struct {
		const char *bytes;
		enum err_code code;
	} bad[] = {
		{ "GET / HTTP/1.1\nHost: x\n\n", ERR_BAD_HTTP },
		{ "GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n", ERR_BAD_HTTP },
		{ "GET / HTTP/1.1\r\n" HOST "A: b\r\r\n\r\n", ERR_BAD_HTTP },
		{ "GET / HTTP/1.1\r\n" HOST " folded\r\n\r\n", ERR_BAD_HTTP },
		{ "GET / HTTP/1.1\r\n" HOST "A : b\r\n\r\n", ERR_BAD_HTTP },
		{ "GET / HTTP/1.1\r\n" HOST "no colon\r\n\r\n", ERR_BAD_HTTP },
		{ "GET / HTTP/1.1\r\n" HOST "A: \x01\r\n\r\n", ERR_BAD_HTTP },
		{ "GET / HTTP/1.1\r\n\r\n", ERR_BAD_HTTP }, /* no Host */
		{ "GET / HTTP/2.0\r\n" HOST "\r\n", ERR_BAD_HTTP },
		{ "GET  / HTTP/1.1\r\n" HOST "\r\n", ERR_BAD_HTTP },
		{ "GET x HTTP/1.1\r\n" HOST "\r\n", ERR_BAD_HTTP },
		{ "G@T / HTTP/1.1\r\n" HOST "\r\n", ERR_BAD_HTTP },
		{ "POST / HTTP/1.1\r\n" HOST
		  "Content-Length: 1\r\nContent-Length: 1\r\n\r\na",
		    ERR_BAD_HTTP },
		{ "POST / HTTP/1.1\r\n" HOST "Content-Length: +1\r\n\r\na",
		    ERR_BAD_HTTP },
		{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 1,1\r\n\r\na",
		    ERR_BAD_HTTP },
		{ "POST / HTTP/1.1\r\n" HOST
		  "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
		    ERR_BAD_HTTP },
		{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n",
		    ERR_NOT_IMPLEMENTED },
		{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 67108865\r\n\r\n",
		    ERR_TOO_LARGE },
		{ "POST / HTTP/1.1\r\n" HOST
		  "Transfer-Encoding: chunked\r\n\r\n4000001\r\n",
		    ERR_TOO_LARGE },
		{ "POST / HTTP/1.1\r\n" HOST
		  "Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n",
		    ERR_BAD_HTTP },
		{ "POST / HTTP/1.1\r\n" HOST
		  "Transfer-Encoding: chunked\r\n\r\n\r\n",
		    ERR_BAD_HTTP },
		{ "POST / HTTP/1.1\r\n" HOST
		  "Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
		    ERR_BAD_HTTP },
		{ "POST / HTTP/1.1\r\n" HOST
		  "Transfer-Encoding: chunked\r\n\r\n123456789\r\n",
		    ERR_BAD_HTTP },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct request r;
		struct buf in;
		struct err err;

		buf_init(&in, REQUEST_BYTES_MAX);
		buf_add_cstr(&in, bad[i].bytes);
		request_init(&r);
		if (request_parse(&r, &in, &err) != -1)
			fail_msg("taken: %s", bad[i].bytes);
		assert_int_equal(err.code, bad[i].code);
		buf_fini(&in);
	}
}

static void
test_head_and_its_lines_are_bounded(void **state)
{
	struct request r;
	struct buf in;
	struct err err;
	int rc = 0;

	(void)state;
	buf_init(&in, REQUEST_BYTES_MAX);
	request_init(&r);
	buf_add_cstr(&in, "GET / HTTP/1.1\r\nA: ");
	for (int i = 0; rc == 0 && i < 100; i++) {
		for (int j = 0; j < 1000; j++)
			buf_add_char(&in, 'a');
		rc = request_parse(&r, &in, &err);
	}
	assert_int_equal(rc, -1);
	assert_int_equal(err.code, ERR_HEADERS_TOO_LARGE);
	assert_true(in.len < REQUEST_HEAD_MAX + 2000);
	buf_clear(&in);
	request_init(&r);
	buf_add_cstr(&in, "GET / HTTP/1.1\r\n" HOST);
	for (int i = 0; i < REQUEST_HEADERS_MAX; i++)
		buf_add_cstr(&in, "a: b\r\n");
	buf_add_cstr(&in, "\r\n");
	assert_int_equal(request_parse(&r, &in, &err), -1);
	assert_int_equal(err.code, ERR_HEADERS_TOO_LARGE);
	buf_fini(&in);
}

/* A body of one-byte chunks has six times its size in framing. */
static void
test_chunk_framing_does_not_pile_up(void **state)
{
	struct request r;
	struct buf in;
	struct err err;
	size_t bytes = 100000, most = 0;

	(void)state;
	buf_init(&in, REQUEST_BYTES_MAX);
	request_init(&r);
	buf_add_cstr(&in,
	    "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
	for (size_t i = 0; i < bytes; i++) {
		buf_printf(&in, "1\r\n%c\r\n", (int)('a' + i % 26));
		if (i % 100 == 0)
			assert_int_equal(request_parse(&r, &in, &err), 0);
		most = in.len > most ? in.len : most;
	}
	buf_add_cstr(&in, "0\r\n\r\n");
	assert_int_equal(request_parse(&r, &in, &err), 1);
	assert_int_equal(r.body.n, bytes);
	for (size_t i = 0; i < bytes; i++)
		assert_int_equal(r.body.p[i], (char)('a' + i % 26));
	assert_true(most < bytes + 80 * 1024);
	buf_fini(&in);
}

static void
test_headers_and_query_are_found(void **state)
{
	struct request r;
	struct buf in;
	struct err err;
	struct str v;

	(void)state;
	buf_init(&in, REQUEST_BYTES_MAX);
	buf_add_cstr(&in, "GET /x?a=1&n=20&e= HTTP/1.1\r\n" HOST
			  "X-Request-Id: abc\r\nx-sim-garbage: 1\r\n\r\n");
	request_init(&r);
	assert_int_equal(request_parse(&r, &in, &err), 1);
	assert_true(r.has_faults);
	assert_int_equal(request_header(&r, "x-request-id", &v), 1);
	assert_str(v, "abc");
	assert_int_equal(request_header(&r, "x-other", &v), 0);
	assert_str(request_query(&r, "n"), "20");
	assert_str(request_query(&r, "e"), "");
	assert_str(request_query(&r, "z"), "");
	buf_fini(&in);
}

/* What GET /control/last would show of these headers. */
static void
test_credentials_are_masked_when_kept(void **state)
{
	static struct recent recent; /* megabytes: not for the stack */
	struct request r;
	struct jsonw w;
	struct buf in, out;
	struct err err;

	(void)state;
	buf_init(&in, REQUEST_BYTES_MAX);
	buf_init(&out, 1 << 20);
	buf_add_cstr(&in,
	    "POST /x HTTP/1.1\r\n" HOST
	    "Authorization: Bearer sk-verysecret-9876\r\n"
	    "x-api-key: ant-verysecret-5432\r\napi-key: short1\r\n"
	    "X-Many: a\r\nx-many: b\r\nContent-Length: 3\r\n\r\nabc");
	request_init(&r);
	assert_int_equal(request_parse(&r, &in, &err), 1);
	recent_add(&recent, &r, 0);
	jsonw_init(&w, &out);
	recent_write(&recent, 5, &w);
	assert_null(strstr(buf_cstr(&out), "verysecret"));
	assert_null(strstr(buf_cstr(&out), "short1"));
	assert_non_null(strstr(buf_cstr(&out), "\"authorization\":\"Bearer *"));
	assert_non_null(strstr(buf_cstr(&out), "*9876\""));
	assert_non_null(strstr(buf_cstr(&out), "*5432\""));
	assert_non_null(strstr(buf_cstr(&out), "\"x-many\":\"a, b\""));
	assert_non_null(strstr(buf_cstr(&out), "\"body\":\"abc\""));
	/* the request itself still has them */
	assert_non_null(strstr(buf_cstr(&in), "verysecret-9876"));
	buf_fini(&in);
	buf_fini(&out);
}

static void
test_only_the_last_requests_are_kept(void **state)
{
	static struct recent recent;
	struct request r;
	struct jsonw w;
	struct buf in, out;
	struct err err;
	json_t *list;

	(void)state;
	buf_init(&in, REQUEST_BYTES_MAX);
	buf_init(&out, 1 << 20);
	for (int i = 0; i < RECENT_KEEP + 5; i++) {
		buf_clear(&in);
		buf_printf(&in, "GET /%d HTTP/1.1\r\n" HOST "\r\n", i);
		request_init(&r);
		assert_int_equal(request_parse(&r, &in, &err), 1);
		recent_add(&recent, &r, 0);
	}
	jsonw_init(&w, &out);
	recent_write(&recent, 1000, &w);
	list = jsonx_parse(buf_str(&out), &err);
	assert_int_equal(json_array_size(list), RECENT_KEEP);
	assert_str(jsonx_str(json_array_get(list, 0), "path"), "/5");
	assert_str(jsonx_str(json_array_get(list, RECENT_KEEP - 1), "path"),
	    "/36");
	json_decref(list);
	buf_fini(&in);
	buf_fini(&out);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_whole_requests),
		cmocka_unit_test(test_reads_requests_split_anywhere),
		cmocka_unit_test(test_reads_requests_byte_by_byte),
		cmocka_unit_test(
		    test_refuses_what_two_servers_could_read_differently),
		cmocka_unit_test(test_head_and_its_lines_are_bounded),
		cmocka_unit_test(test_chunk_framing_does_not_pile_up),
		cmocka_unit_test(test_headers_and_query_are_found),
		cmocka_unit_test(test_credentials_are_masked_when_kept),
		cmocka_unit_test(test_only_the_last_requests_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
