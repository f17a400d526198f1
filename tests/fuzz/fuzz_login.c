/*
 * Logins: any bytes as an answer at any stage. What comes out fits into
 * headers; the next question can be asked. The first byte says the stage;
 * profiles of AWS are any bytes too. Corpus: tests/fuzz/corpus/fuzz_login.
 */
#include "fuzz.h"

#include "config/aws_profile.h"
#include "wire/login/login.h"

#define NOW INT64_C(1700000000000000000)

static void
check_text(const char *s, size_t size)
{
	FUZZ_CHECK(strnlen(s, size) < size);
	for (; *s != '\0'; s++)
		FUZZ_CHECK(*s > 0x20 && *s <= 0x7e);
}

static void
check_profiles(struct str text)
{
	struct aws_files files = { text, text };
	struct str v = aws_profile_get(&files, "default", "region");

	FUZZ_CHECK(v.n == 0 || (v.p >= text.p && v.p + v.n <= text.p + text.n));
	if (v.n > 0)
		FUZZ_CHECK(aws_profile_exists(&files, "default"));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum login_source sources[] = { LOGIN_KEYS,
		LOGIN_WEB_IDENTITY, LOGIN_CONTAINER, LOGIN_INSTANCE,
		LOGIN_AZURE };
	struct config_login l;
	struct login_talk t;
	struct wire_call call;
	struct arena arena;
	struct str body;
	struct err err;
	int heard;

	if (size == 0)
		return 0;
	body = fuzz_text(data + 1, size - 1);
	config_login_init(&l);
	l.source = sources[data[0] % ARRAY_LEN(sources)];
	l.url = l.sts_url = "https://sts.example/";
	l.access_key_id = l.secret_access_key = "k";
	l.region = "us-east-1";
	if ((data[0] & 64) != 0)
		l.role_arn = "arn:r";
	arena_init(&arena, 4096);
	login_begin(&t, &l);
	if (l.source == LOGIN_INSTANCE)
		t.stage = (enum login_stage)(data[0] / 8 % 3);
	heard =
	    login_hear(&t, (data[0] & 128) != 0 ? 403 : 200, body, NOW, &err);
	if (heard < 0) {
		FUZZ_CHECK(err.text[0] != '\0');
	} else {
		check_text(t.keys.access_key_id, sizeof(t.keys.access_key_id));
		check_text(t.keys.token, sizeof(t.keys.token));
		check_text(t.metadata_token, sizeof(t.metadata_token));
		check_text(t.metadata_role, sizeof(t.metadata_role));
		FUZZ_CHECK(heard == 1 || login_ask(&t, str_of(""), NOW, &arena,
					     &call, &err) == 0);
	}
	check_profiles(body);
	free((void *)(uintptr_t)body.p);
	arena_fini(&arena);
	return 0;
}
