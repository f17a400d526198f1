/* AWS signatures against AWS's published test suite (get-vanilla and its
   like), and against what AWS's own client makes of calls to Bedrock. */
#include "unit.h"

#include "base/clock.h"
#include "base/sigv4.h"

#define NOW (INT64_C(1440938160) * NSECS_PER_SEC) /* 20150830T123600Z */

static struct arena arena;

static const struct sigv4_keys keys = { "AKIDEXAMPLE",
	"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "" };

struct vector {
	const char *method, *path, *query;
	const char *name, *value; /* one header more; NULL none */
	const char *body;
	const char *signed_headers, *signature;
};

static void
check(const struct sigv4_request *r, const struct sigv4_keys *k,
    const char *signed_headers, const char *signature)
{
	struct sigv4_signature s;
	const char *want = arena_printf(&arena,
	    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/%s/%s/"
	    "aws4_request, SignedHeaders=%s, Signature=%s",
	    r->region, r->service, signed_headers, signature);

	sigv4_sign(r, k, NOW, &arena, &s);
	assert_string_equal(s.date, "20150830T123600Z");
	assert_string_equal(s.authorization, want);
}

static void
the_published_vectors(void **state)
{
	static const struct vector vectors[] = {
		{ "GET", "/", "", NULL, NULL, "", "host;x-amz-date",
		    "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d"
		    "763fbf31" },
		{ "GET", "/", "Param2=value2&Param1=value1", NULL, NULL, "",
		    "host;x-amz-date",
		    "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec9"
		    "4cdf2500" },
		{ "POST", "/", "", NULL, NULL, "", "host;x-amz-date",
		    "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92"
		    "efbe5d6b" },
		{ "POST", "/", "", "content-type",
		    "application/x-www-form-urlencoded", "Param1=value1",
		    "content-type;host;x-amz-date",
		    "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0"
		    "fe09473a" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		const struct vector *v = &vectors[i];
		struct sigv4_request r = { .method = v->method,
			.path = str_of(v->path),
			.query = str_of(v->query),
			.body = str_of(v->body),
			.region = "us-east-1",
			.service = "service",
			.header_count = 1 };

		r.headers[0].name = str_of("host");
		r.headers[0].value = str_of("example.amazonaws.com");
		if (v->name != NULL) {
			r.headers[1].name = str_of(v->name);
			r.headers[1].value = str_of(v->value);
			r.header_count = 2;
		}
		check(&r, &keys, v->signed_headers, v->signature);
	}
}

static void
blanks_in_values(void **state)
{
	struct sigv4_request r = { .method = "GET",
		.path = str_of("/"),
		.query = str_of(""),
		.body = str_of(""),
		.region = "us-east-1",
		.service = "service",
		.header_count = 3,
		.headers = {
		    { str_of("host"), str_of("example.amazonaws.com") },
		    { str_of("my-header2"), str_of(" \"a   b   c\"") },
		    { str_of("my-header1"), str_of(" value1") } } };

	(void)state;
	check(&r, &keys, "host;my-header1;my-header2;x-amz-date",
	    "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736");
}

static void
calls_to_bedrock(void **state)
{
	struct sigv4_keys temporary = keys;
	struct sigv4_request r = { .method = "POST",
		.path = str_of("/model/us.anthropic.claude-sonnet-4-5-20250929-"
			       "v1%3A0/converse-stream"),
		.query = str_of(""),
		.body = str_of("{\"messages\":[]}"),
		.region = "us-east-1",
		.service = "bedrock",
		.header_count = 2,
		.headers = { { str_of("host"),
				 str_of("bedrock-runtime.us-east-1.amazonaws."
					"com") },
		    { str_of("content-type"), str_of("application/json") } } };

	(void)state;
	check(&r, &keys, "content-type;host;x-amz-date",
	    "84398646bf3400b6fe124cbb6c76b1ed0ceebcfcb83d3c5a6503a351fa906a98");
	r.path = str_of("/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference"
			"-profile%2Fx/converse");
	temporary.session_token = "TOKEN+/=";
	check(&r, &temporary,
	    "content-type;host;x-amz-date;x-amz-security-token",
	    "c08c16d7ef10120875050edfe9b6e2477763c65667ca56f4b352aba3375baac8");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_published_vectors),
		cmocka_unit_test(blanks_in_values),
		cmocka_unit_test(calls_to_bedrock),
	};
	int result;

	arena_init(&arena, 4096);
	result = cmocka_run_group_tests(tests, NULL, NULL);
	arena_fini(&arena);
	return result;
}
