/* Logins: what is asked, in which order, and what the answers mean. */
#include "arena_fixture.h"

#include "base/clock.h"
#include "wire/login/login.h"

#define NOW (INT64_C(1700000000) * NSECS_PER_SEC) /* 2023-11-14T22:13:20Z */

static const struct config_login nothing = { .url = "",
	.access_key_id = "",
	.secret_access_key = "",
	.session_token = "",
	.role_arn = "",
	.session_name = "",
	.external_id = "",
	.sts_url = "https://sts.eu-west-1.amazonaws.com/",
	.region = "eu-west-1",
	.token = "",
	.token_file = "",
	.client_id = "",
	.client_secret = "",
	.scope = "" };

static const char *
header_of(const struct wire_call *call, const char *name)
{
	for (size_t i = 0; i < call->header_count; i++) {
		if (str_starts(str_of(call->headers[i]), name))
			return call->headers[i] + strlen(name);
	}
	return "";
}

/* The next question; its body as text. */
static const char *
ask(const struct login_talk *t, const char *token, struct wire_call *call)
{
	struct err err;

	if (login_ask(t, str_of(token), NOW, &arena, call, &err) != 0)
		fail_msg("%s", err.text);
	return call->piece_count == 0 ? ""
				      : arena_strndup(&arena, call->pieces[0].p,
					    call->pieces[0].n);
}

static int
hear(struct login_talk *t, int status, const char *body)
{
	struct err err;

	return login_hear(t, status, str_of(body), NOW, &err);
}

#define ROLE_ANSWER(id)                                                        \
	"<AssumeRoleResponse xmlns=\"x\"><AssumeRoleResult><Credentials>"      \
	"<AccessKeyId>" id "</AccessKeyId>"                                    \
	"<SecretAccessKey>s/+=</SecretAccessKey>\n"                            \
	"<SessionToken>tok/+==</SessionToken>"                                 \
	"<Expiration>2023-11-14T23:13:20Z</Expiration></Credentials>"          \
	"</AssumeRoleResult></AssumeRoleResponse>"

static void
test_keys_take_a_role(void **state)
{
	struct config_login l = nothing;
	struct wire_call call;
	struct login_talk t;
	const char *body;

	(void)state;
	l.source = LOGIN_KEYS;
	l.access_key_id = "AKIDEXAMPLE";
	l.secret_access_key = "secret";
	l.role_arn = "arn:aws:iam::1:role/r";
	l.external_id = "e&x";
	login_begin(&t, &l);
	body = ask(&t, "", &call);
	assert_string_equal(call.method, "POST");
	assert_string_equal(call.url, l.sts_url);
	assert_string_equal(body,
	    "Action=AssumeRole&Version=2011-06-15&DurationSeconds=3600&"
	    "RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr&"
	    "RoleSessionName=tallygate&ExternalId=e%26x");
	assert_int_equal(call.body_bytes, strlen(body));
	assert_string_equal(header_of(&call, "X-Amz-Date: "),
	    "20231114T221320Z");
	assert_true(str_starts(str_of(header_of(&call, "Authorization: ")),
	    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20231114/eu-west-1/sts/"
	    "aws4_request, SignedHeaders=content-type;host;x-amz-date, "));
	assert_int_equal(hear(&t, 200, ROLE_ANSWER("ASIA1")), 1);
	assert_string_equal(t.keys.access_key_id, "ASIA1");
	assert_string_equal(t.keys.secret_access_key, "s/+=");
	assert_string_equal(t.keys.token, "tok/+==");
	assert_int_equal(t.keys.expires_nsecs, NOW + 3600 * NSECS_PER_SEC);
}

static void
test_a_web_identity_is_not_signed(void **state)
{
	struct config_login l = nothing;
	struct wire_call call;
	struct login_talk t;
	struct err err;

	(void)state;
	l.source = LOGIN_WEB_IDENTITY;
	l.role_arn = "arn:r";
	l.session_name = "me";
	l.token_file = "/run/token";
	login_begin(&t, &l);
	assert_string_equal(ask(&t, "ey.J", &call),
	    "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&"
	    "DurationSeconds=3600&RoleArn=arn%3Ar&RoleSessionName=me&"
	    "WebIdentityToken=ey.J");
	assert_string_equal(header_of(&call, "Authorization: "), "");
	assert_int_equal(hear(&t, 200, ROLE_ANSWER("ASIA2")), 1);
	/* An empty file, or one with something else in it. */
	assert_int_equal(login_ask(&t, str_of(""), NOW, &arena, &call, &err),
	    -1);
	assert_non_null(strstr(err.text, "/run/token holds no token"));
	assert_int_equal(login_ask(&t, str_of("a\nb"), NOW, &arena, &call,
			     &err),
	    -1);
}

static void
test_an_instance_is_asked_thrice_and_then_for_a_role(void **state)
{
	struct config_login l = nothing;
	struct wire_call call;
	struct login_talk t;

	(void)state;
	l.source = LOGIN_INSTANCE;
	l.url = "http://169.254.169.254";
	l.role_arn = "arn:other";
	login_begin(&t, &l);
	(void)ask(&t, "", &call);
	assert_string_equal(call.method, "PUT");
	assert_string_equal(call.url,
	    "http://169.254.169.254/latest/api/token");
	assert_string_equal(header_of(&call,
				"X-aws-ec2-metadata-token-ttl-seconds: "),
	    "21600");
	assert_int_equal(hear(&t, 200, "TOKEN=="), 0);
	(void)ask(&t, "", &call);
	assert_string_equal(call.method, "GET");
	assert_string_equal(call.url,
	    "http://169.254.169.254/latest/meta-data/iam/"
	    "security-credentials/");
	assert_string_equal(header_of(&call, "X-aws-ec2-metadata-token: "),
	    "TOKEN==");
	assert_int_equal(hear(&t, 200, "my-role\nother\n"), 0);
	(void)ask(&t, "", &call);
	assert_true(str_ends(str_of(call.url), "/my-role"));
	assert_int_equal(hear(&t, 200,
			     "{\"Code\":\"Success\",\"AccessKeyId\":\"ASIA3\","
			     "\"SecretAccessKey\":\"s\",\"Token\":\"t3\","
			     "\"Expiration\":\"2023-11-15T04:00:00Z\"}"),
	    0);
	(void)ask(&t, "", &call);
	assert_string_equal(header_of(&call, "X-Amz-Security-Token: "), "t3");
	assert_non_null(
	    strstr(header_of(&call, "Authorization: "), "Credential=ASIA3/"));
	assert_int_equal(hear(&t, 200, ROLE_ANSWER("ASIA4")), 1);
	assert_string_equal(t.keys.access_key_id, "ASIA4");
}

static void
test_a_container_is_asked_once(void **state)
{
	struct config_login l = nothing;
	struct wire_call call;
	struct login_talk t;

	(void)state;
	l.source = LOGIN_CONTAINER;
	l.url = "http://169.254.170.2/v2/credentials/x";
	l.token = "Basic abc";
	login_begin(&t, &l);
	(void)ask(&t, "", &call);
	assert_string_equal(call.url, l.url);
	assert_string_equal(header_of(&call, "Authorization: "), "Basic abc");
	assert_int_equal(hear(&t, 200,
			     "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s\","
			     "\"Token\":\"t\",\"Expiration\":\"2023-11-15T04:"
			     "00:00Z\"}"),
	    1);
}

static void
test_an_application_of_entra(void **state)
{
	struct config_login l = nothing;
	struct wire_call call;
	struct login_talk t;

	(void)state;
	l.source = LOGIN_AZURE;
	l.url = "https://login.microsoftonline.com/tenant/oauth2/v2.0/token";
	l.client_id = "app";
	l.client_secret = "s~1";
	l.scope = "https://cognitiveservices.azure.com/.default";
	login_begin(&t, &l);
	assert_string_equal(ask(&t, "", &call),
	    "grant_type=client_credentials&client_id=app&scope=https%3A%2F%2F"
	    "cognitiveservices.azure.com%2F.default&client_secret=s~1");
	assert_string_equal(call.url, l.url);
	assert_int_equal(hear(&t, 200,
			     "{\"token_type\":\"Bearer\",\"expires_in\":3599,"
			     "\"access_token\":\"ey.J.1\"}"),
	    1);
	assert_string_equal(t.keys.token, "ey.J.1");
	assert_string_equal(t.keys.access_key_id, "");
	assert_int_equal(t.keys.expires_nsecs, NOW + 3599 * NSECS_PER_SEC);
	/* With a token of its platform in the secret's place. */
	l.client_secret = "";
	l.token_file = "/f";
	login_begin(&t, &l);
	assert_non_null(strstr(ask(&t, "ey.K", &call),
	    "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-"
	    "assertion-type%3Ajwt-bearer&client_assertion=ey.K"));
}

static void
test_refusals_and_nonsense(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum err_code code;
		const char *text;
	} rows[] = {
		{ 403,
		    "<ErrorResponse><Error><Type>Sender</Type>"
		    "<Code>AccessDenied</Code><Message>User is not "
		    "authorized</Message></Error></ErrorResponse>",
		    ERR_UPSTREAM_AUTH, "status 403: User is not authorized" },
		{ 401,
		    "{\"error\":\"invalid_client\",\"error_description\":"
		    "\"AADSTS7000215: Invalid client secret\"}",
		    ERR_UPSTREAM_AUTH, "AADSTS7000215" },
		{ 503, "", ERR_UPSTREAM, "status 503" },
		{ 429, "{\"message\":\"slow\"}", ERR_UPSTREAM,
		    "status 429: slow" },
		{ 200, "", ERR_UPSTREAM, "holds no keys" },
		{ 200, "{\"AccessKeyId\":\"A\"}", ERR_UPSTREAM,
		    "holds no keys" },
		{ 200, "{", ERR_UPSTREAM, "holds no keys" },
		{ 200, "<AccessKeyId>A", ERR_UPSTREAM, "holds no keys" },
		{ 200, ROLE_ANSWER("A B"), ERR_UPSTREAM, "holds no keys" },
		{ 200, ROLE_ANSWER("A&#10;X: y\r\n"), ERR_UPSTREAM,
		    "holds no keys" },
	};
	struct config_login l = nothing;

	(void)state;
	l.source = LOGIN_KEYS;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct login_talk t;
		struct err err;

		login_begin(&t, &l);
		assert_int_equal(login_hear(&t, rows[i].status,
				     str_of(rows[i].body), NOW, &err),
		    -1);
		assert_int_equal(err.code, rows[i].code);
		if (strstr(err.text, rows[i].text) == NULL)
			fail_msg("%s", err.text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys_take_a_role),
		cmocka_unit_test(test_a_web_identity_is_not_signed),
		cmocka_unit_test(
		    test_an_instance_is_asked_thrice_and_then_for_a_role),
		cmocka_unit_test(test_a_container_is_asked_once),
		cmocka_unit_test(test_an_application_of_entra),
		cmocka_unit_test(test_refusals_and_nonsense),
	};

	return cmocka_run_group_tests(tests, arena_set_up, arena_tear_down);
}
