/*
 * The golden cases of tests/unit/wire: one text file per topic, each case a
 * client's request and the request to the provider it becomes, or a provider's
 * answer and what the client gets. Answers are fed whole, byte by byte and cut
 * at random, and must come out the same.
 *
 *   === name
 *   provider: anthropic        (settings; all have a default)
 *   --- request                the client's
 *   --- upstream               expected; or --- refused: a part of the error
 *   --- call                   lines that must be there: the address, headers
 *   --- answer                 the provider's
 *                              (@event TYPE JSON, @exception TYPE JSON: a
 *                              message of AWS's event streams)
 *   --- client                 expected; empty: nothing
 *   --- facts                  words of facts_text() that must be there
 *
 * JSON is compared without the blanks between its tokens, "created" and
 * "created_at" are 0, and so are the digits of ids that the gateway made
 * ("call_" and 16 of them).
 */
#include "unit.h"

#include <glob.h>

#include "base/event_stream.h"
#include "base/hash.h"
#include "config/config.h"
#include "wire/apierror.h"
#include "wire/dialect.h"
#include "wire/pick.h"

#define FILE_BYTES  (512 * 1024)
#define RANDOM_RUNS 20
#define OUT_BYTES   (16 << 20)

struct kase {
	char name[200];
	const char *file;
	char provider[32], model[128], api[16], client_model[64];
	char version[32], defaults[512], extra[512];
	char base[128], key[64], base_model[64], family[32];
	char type[64];        /* the answer's Content-Type */
	bool token;           /* the key is one of Entra's */
	bool default_version; /* nobody named the version */
	int drop_params, use_chat;
	int64_t max_output, max_tokens, stop_after;
	bool fails; /* the exchange calls fail() at the end */
	struct str request, upstream, refused, call, answer, client, facts;
};

static struct arena arena;
static struct config_deployment deployment;
static struct config config;
static size_t cases_run;

/* ---- reading ----------------------------------------------------------- */

static void
set_defaults(struct kase *k)
{
	memset(k, 0, sizeof(*k));
	snprintf(k->provider, sizeof(k->provider), "anthropic");
	snprintf(k->model, sizeof(k->model), "claude-sonnet-4-5");
	snprintf(k->client_model, sizeof(k->client_model), "mine");
	snprintf(k->api, sizeof(k->api), "chat");
	snprintf(k->base, sizeof(k->base), "https://up.example");
	snprintf(k->key, sizeof(k->key), "sk-secret");
	k->drop_params = k->use_chat = CONFIG_UNSET;
	k->max_output = k->max_tokens = k->stop_after = CONFIG_UNSET;
}

static void
copy(char *field, size_t size, struct str value)
{
	assert_true(value.n < size);
	memcpy(field, value.p, value.n);
	field[value.n] = '\0';
}

static void
set(struct kase *k, struct str key, struct str value)
{
	long long n = strtoll(value.p, NULL, 10);

	if (str_is(key, "provider"))
		copy(k->provider, sizeof(k->provider), value);
	else if (str_is(key, "model"))
		copy(k->model, sizeof(k->model), value);
	else if (str_is(key, "api"))
		copy(k->api, sizeof(k->api), value);
	else if (str_is(key, "version"))
		copy(k->version, sizeof(k->version), value);
	else if (str_is(key, "base"))
		copy(k->base, sizeof(k->base), value);
	else if (str_is(key, "key"))
		copy(k->key, sizeof(k->key), value);
	else if (str_is(key, "type"))
		copy(k->type, sizeof(k->type), value);
	else if (str_is(key, "base_model"))
		copy(k->base_model, sizeof(k->base_model), value);
	else if (str_is(key, "family"))
		copy(k->family, sizeof(k->family), value);
	else if (str_is(key, "default_version"))
		k->default_version = n != 0;
	else if (str_is(key, "token"))
		k->token = n != 0;
	else if (str_is(key, "defaults"))
		copy(k->defaults, sizeof(k->defaults), value);
	else if (str_is(key, "extra_body"))
		copy(k->extra, sizeof(k->extra), value);
	else if (str_is(key, "drop_params"))
		k->drop_params = (int)n;
	else if (str_is(key, "use_chat"))
		k->use_chat = (int)n;
	else if (str_is(key, "max_output"))
		k->max_output = n;
	else if (str_is(key, "max_tokens"))
		k->max_tokens = n;
	else if (str_is(key, "stop_after"))
		k->stop_after = n;
	else if (str_is(key, "fails"))
		k->fails = n != 0;
	else
		fail_msg("%s: no setting " STR_FMT, k->file, STR_ARG(key));
}

static struct str *
section(struct kase *k, struct str name)
{
	if (str_is(name, "request"))
		return &k->request;
	if (str_is(name, "upstream"))
		return &k->upstream;
	if (str_is(name, "call"))
		return &k->call;
	if (str_is(name, "refused"))
		return &k->refused;
	if (str_is(name, "answer"))
		return &k->answer;
	if (str_is(name, "client"))
		return &k->client;
	if (str_is(name, "facts"))
		return &k->facts;
	fail_msg("%s: no section " STR_FMT, k->file, STR_ARG(name));
	return NULL;
}

/* ---- comparing --------------------------------------------------------- */

/* The digits behind a key become 0. */
static void
hide_clock(struct buf *out, const char *key)
{
	for (ptrdiff_t at = 0;;) {
		struct str rest =
		    str_make(out->data + at, out->len - (size_t)at);
		ptrdiff_t hit = str_find(rest, key);
		size_t i;

		if (hit < 0)
			break;
		at += hit + (ptrdiff_t)strlen(key);
		for (i = (size_t)at; out->data[i] >= '0' && out->data[i] <= '9';
		     i++)
			;
		memmove(out->data + at + 1, out->data + i, out->len - i + 1);
		out->data[at] = '0';
		out->len -= i - (size_t)at - 1;
	}
}

/* 16 hex digits behind this prefix are chance. */
static void
zero_ids(struct buf *b, const char *prefix)
{
	size_t n = strlen(prefix);

	for (size_t i = 0; i + n + 16 < b->len; i++) {
		if (memcmp(b->data + i, prefix, n) == 0 &&
		    strspn(b->data + i + n, "0123456789abcdef") == 16)
			memset(b->data + i + n, '0', 16);
	}
}

/* Blanks between tokens go where it is JSON; a line's data, too. */
static void
normal_form(struct str text, struct buf *out)
{
	struct str line;

	buf_init(out, OUT_BYTES);
	text = str_trim(text);
	if (text.n > 0 && text.p[0] == '{') {
		pick_compact(text, out);
	} else {
		while (text.n > 0) {
			line = str_cut(&text, '\n');
			if (str_starts(line, "data: {")) {
				buf_add_cstr(out, "data: ");
				line.p += 6;
				line.n -= 6;
				pick_compact(line, out);
			} else {
				buf_add_str(out, line);
			}
			buf_add_char(out, '\n');
		}
	}
	zero_ids(out, "\"call_");
	zero_ids(out, "\"chatcmpl-");
	hide_clock(out, "\"created\":");
	hide_clock(out, "\"created_at\":");
}

static void
assert_same(const struct kase *k, const char *what, struct str got,
    struct str want)
{
	struct buf a, b;

	normal_form(got, &a);
	normal_form(want, &b);
	if (!str_eq(buf_str(&a), buf_str(&b))) {
		/* cmocka cuts its messages. */
		fprintf(stderr, " got: %s\nwant: %s\n", buf_cstr(&a),
		    buf_cstr(&b));
		fail_msg("%s: %s: %s", k->file, k->name, what);
	}
	buf_fini(&a);
	buf_fini(&b);
}

/* ---- running ----------------------------------------------------------- */

static enum wire_api
api_of(const struct kase *k)
{
	for (int i = 0; i < WIRE_API_COUNT; i++) {
		if (strcmp(wire_api_name((enum wire_api)i), k->api) == 0)
			return (enum wire_api)i;
	}
	fail_msg("%s: no api %s", k->name, k->api);
	return WIRE_CHAT;
}

static const struct dialect *
use(const struct kase *k)
{
	const struct provider *p = provider_find(str_of(k->provider));

	assert_non_null(p);
	memset(&deployment, 0, sizeof(deployment));
	memset(&config, 0, sizeof(config));
	deployment.provider = p;
	deployment.upstream_model = k->model;
	deployment.api_base = k->base;
	deployment.api_key = k->key;
	deployment.key_is_token = k->token;
	deployment.base_model = k->base_model;
	deployment.organization = "";
	deployment.aws_access_key_id = deployment.aws_secret_access_key = "";
	deployment.aws_session_token = deployment.aws_region = "";
	deployment.api_version = k->version;
	deployment.api_version_is_default = k->default_version;
	deployment.family = k->family;
	deployment.defaults_json = k->defaults;
	deployment.extra_body_json = k->extra;
	deployment.drop_params = k->drop_params;
	deployment.use_chat = k->use_chat;
	return dialect_find(p->dialect);
}

static void
parse(const struct kase *k, struct wire_request *r)
{
	struct str body = k->request.n > 0
			      ? k->request
			      : str_of("{\"model\":\"mine\",\"input\":\"x\","
				       "\"messages\":["
				       "{\"role\":\"user\",\"content\":\"x\"}"
				       "]}");
	const char *param;
	struct err err;

	if (wire_request_parse(api_of(k), body, &arena, r, &param, &err) != 0)
		fail_msg("%s: %s: %s", k->file, k->name, err.text);
}

static void
check_call(const struct kase *k, const struct wire_call *call)
{
	struct str rest = str_trim(k->call);

	while (rest.n > 0) {
		struct str line = str_cut(&rest, '\n');
		bool found = str_is(line, call->url);

		for (size_t i = 0; i < call->header_count; i++)
			found = found || str_is(line, call->headers[i]);
		if (!found)
			fail_msg("%s: %s: not in the call to %s: " STR_FMT,
			    k->file, k->name, call->url, STR_ARG(line));
	}
}

static void
run_encode(const struct kase *k)
{
	const struct dialect *dialect = use(k);
	struct wire_choice choice = { .config = &config,
		.deployment = &deployment,
		.max_tokens = k->max_tokens,
		.max_output_tokens = k->max_output };
	struct wire_request r;
	struct wire_call call;
	struct err err;
	struct buf body;
	int result;

	parse(k, &r);
	result = dialect->encode(&r, &choice, &arena, &call, &err);
	if (k->refused.n > 0) {
		struct str want = str_trim(k->refused);
		char *text = str_dup(want);

		if (result == 0 || strstr(err.text, text) == NULL)
			fail_msg("%s: %s: refused with \"%s\"", k->file,
			    k->name, result == 0 ? "nothing" : err.text);
		assert_int_equal(err.code, ERR_BAD_REQUEST);
		free(text);
		return;
	}
	if (result != 0)
		fail_msg("%s: %s: %s", k->file, k->name, err.text);
	buf_init(&body, OUT_BYTES);
	for (size_t i = 0; i < call.piece_count; i++)
		buf_add_str(&body, call.pieces[i]);
	assert_int_equal(body.len, call.body_bytes);
	if (skim(buf_str(&body), NULL, 0, NULL, &err) != 0)
		fail_msg("%s: %s: no JSON: %s", k->file, k->name, err.text);
	if (k->upstream.n > 0)
		assert_same(k, "upstream", buf_str(&body), k->upstream);
	check_call(k, &call);
	buf_fini(&body);
}

static void
facts_text(const struct relay *relay, int result, enum err_code code,
    struct buf *out)
{
	const struct relay_facts *f = &relay->facts;
	const struct usage *u = &f->usage;
	static const char *const sources[] = { "none", "estimated",
		"provider" };

	buf_init(out, 4096);
	buf_printf(out,
	    " result=%s finish=%s finished=%d first=%d done=%d error=%d"
	    " status=%d malformed=%d stopped=%d source=%s prompt=%lld"
	    " completion=%lld cached=%lld write=%lld write_1h=%lld"
	    " reasoning=%lld tier=%d model=%s guess=%lld delivered=%lld"
	    " images=%lld image_out=%lld audio_ms=%lld characters=%lld"
	    " searches=%lld type=%s outcome=%s ",
	    result == 0 ? "ok" : err_info(code)->name, f->finish_reason,
	    f->finished, f->first_token, f->done_marker, f->error_event,
	    f->error_status, f->malformed, f->stopped, sources[u->source],
	    (long long)u->prompt_tokens, (long long)u->completion_tokens,
	    (long long)u->cached_tokens, (long long)u->cache_write_tokens,
	    (long long)u->cache_write_1h_tokens, (long long)u->reasoning_tokens,
	    (int)u->tier, f->model, (long long)f->output_guess_tokens,
	    (long long)f->delivered_bytes, (long long)u->images,
	    (long long)u->image_output_tokens, (long long)u->audio_millis,
	    (long long)u->characters, (long long)u->searches, f->content_type,
	    f->error_event ? outcome_info(f->error_outcome)->word : "");
}

/* The answer's bytes: as written, or the messages its lines stand for. */
static struct str
answer_bytes(const struct kase *k)
{
	struct str rest = k->answer, line, word, type;
	struct str bytes;
	struct buf b;

	if (!str_starts(k->answer, "@"))
		return k->answer;
	buf_init(&b, OUT_BYTES);
	while (rest.n > 0) {
		line = str_trim(str_cut(&rest, '\n'));
		if (line.n == 0)
			continue;
		word = str_cut(&line, ' ');
		type = str_cut(&line, ' ');
		event_stream_write(&b,
		    str_is(word, "@event") ? "event" : "exception",
		    str_is(word, "@event") ? ":event-type" : ":exception-type",
		    arena_strndup(&arena, type.p, type.n), line);
	}
	bytes = arena_str(&arena, buf_str(&b));
	buf_fini(&b);
	return bytes;
}

/* Feeds the answer in pieces of a size, or of random ones (0). */
static void
run_answer(const struct kase *k, const struct wire_request *r, size_t step,
    struct buf *out, struct buf *facts)
{
	const struct dialect *dialect = use(k);
	struct relay_options options = {
		.request = r,
		.request_id = "req-1",
		.client_model = k->client_model,
		.upstream_model = k->model,
		.place.deployment_id = "dep-1",
		.chat = dialect->relay(WIRE_CHAT),
		.content_type = str_of(k->type),
		.max_event_bytes = 1 << 20,
		.max_answer_bytes = 1 << 20,
		.stop_after_tokens = k->stop_after,
	};
	struct err err = { .code = ERR_NONE };
	struct str rest = answer_bytes(k);
	const struct relay_ops *ops;
	struct relay relay;
	int result;

	ops = dialect_relay(dialect, &deployment, r->api);
	assert_non_null(ops);
	result = relay_open(&relay, ops, &options, &err);
	assert_int_equal(result, 0);
	while (result == 0 && rest.n > 0) {
		size_t n = step > 0 ? step : 1 + random_u64() % 40;
		char *piece;

		n = n < rest.n ? n : rest.n;
		/* A copy of its own, so that ASan sees what reads past it. */
		piece = xstrndup(rest.p, n);
		result = relay.ops->feed(&relay, str_make(piece, n), out, &err);
		free(piece);
		rest.p += n;
		rest.n -= n;
	}
	if (result == 0)
		result = relay.ops->finish(&relay, out, &err);
	if (k->fails)
		(relay.ops->fail)(&relay, err.code, "it broke", out);
	facts_text(&relay, result, err.code, facts);
	relay_close(&relay);
}

static void
check_facts(const struct kase *k, struct buf *facts)
{
	struct str rest = str_trim(k->facts);
	char word[128];

	while (rest.n > 0) {
		struct str one = str_trim(str_cut(&rest, ' '));

		snprintf(word, sizeof(word), " " STR_FMT " ", STR_ARG(one));
		if (one.n > 0 && strstr(buf_cstr(facts), word) == NULL)
			fail_msg("%s: %s: facts are%s, not%s", k->file, k->name,
			    buf_cstr(facts), word);
	}
}

static void
run_relay(const struct kase *k)
{
	struct buf out, facts, other, other_facts;
	struct wire_request r;

	parse(k, &r);
	buf_init(&out, OUT_BYTES);
	run_answer(k, &r, SIZE_MAX, &out, &facts);
	assert_same(k, "client", buf_str(&out), k->client);
	check_facts(k, &facts);
	for (int i = 0; i <= RANDOM_RUNS; i++) {
		buf_init(&other, OUT_BYTES);
		run_answer(k, &r, i == 0 ? 1 : 0, &other, &other_facts);
		assert_same(k, "cut", buf_str(&other), buf_str(&out));
		if (!str_eq(buf_str(&facts), buf_str(&other_facts)))
			fail_msg("%s: %s: cut:%s whole:%s", k->file, k->name,
			    buf_cstr(&other_facts), buf_cstr(&facts));
		buf_fini(&other);
		buf_fini(&other_facts);
	}
	buf_fini(&out);
	buf_fini(&facts);
}

static void
run_case(const struct kase *k)
{
	arena_reset(&arena);
	if (k->name[0] == '\0')
		return;
	cases_run++;
	if (k->upstream.n + k->refused.n + k->call.n > 0)
		run_encode(k);
	if (k->answer.p != NULL)
		run_relay(k);
}

static void
run_file(const char *path)
{
	struct str rest, line, *into = NULL;
	FILE *f = fopen(path, "r");
	char *text = xmalloc(FILE_BYTES);
	struct kase k;

	assert_non_null(f);
	rest = str_make(text, fread(text, 1, FILE_BYTES, f));
	assert_true(rest.n < FILE_BYTES);
	fclose(f);
	set_defaults(&k);
	k.file = strrchr(path, '/') + 1;
	while (rest.n > 0) {
		line = str_cut(&rest, '\n');
		if (str_starts(line, "=== ")) {
			const char *file = k.file;

			run_case(&k);
			set_defaults(&k);
			k.file = file;
			copy(k.name, sizeof(k.name),
			    str_make(line.p + 4, line.n - 4));
			into = NULL;
		} else if (str_starts(line, "--- ")) {
			into = section(&k, str_make(line.p + 4, line.n - 4));
			*into = str_make(line.p + line.n + 1, 0);
		} else if (into != NULL) {
			into->n = (size_t)(line.p + line.n + 1 - into->p);
		} else if (line.n > 0 && line.p[0] != '#') {
			struct str key = str_cut(&line, ':');

			set(&k, key, str_trim(line));
		}
	}
	run_case(&k);
	free(text);
}

static void
every_golden_case_comes_out_as_written(void **state)
{
	const char *top = getenv("TALLYGATE_SRCDIR");
	char pattern[4096];
	glob_t files;

	(void)state;
	snprintf(pattern, sizeof(pattern), "%s/tests/unit/wire/*.case",
	    top != NULL ? top : ".");
	assert_int_equal(glob(pattern, 0, NULL, &files), 0);
	for (size_t i = 0; i < files.gl_pathc; i++)
		run_file(files.gl_pathv[i]);
	globfree(&files);
	print_message("%zu cases\n", cases_run);
	assert_true(cases_run > 40);
}

/* An answer's bounds that would make a case of many pages. */
static void
more_calls_than_there_may_be_cannot_be_used(void **state)
{
	struct buf answer, out, facts;
	struct wire_request r;
	struct kase k;

	(void)state;
	arena_reset(&arena);
	set_defaults(&k);
	copy(k.provider, sizeof(k.provider), str_of("hosted_vllm"));
	copy(k.api, sizeof(k.api), str_of("messages"));
	k.request =
	    str_of("{\"model\":\"mine\",\"max_tokens\":9,\"stream\":true,"
		   "\"messages\":[{\"role\":\"user\",\"content\":\"x\"}"
		   "]}");
	buf_init(&answer, OUT_BYTES);
	buf_init(&out, OUT_BYTES);
	for (int i = 0; i <= 128; i++)
		buf_printf(&answer,
		    "data: "
		    "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":["
		    "{\"index\":%d,\"id\":\"c%d\",\"function\":{\"name\":\"f\","
		    "\"arguments\":\"{}\"}}]}}]}\n\n",
		    i, i);
	k.answer = buf_str(&answer);
	parse(&k, &r);
	run_answer(&k, &r, SIZE_MAX, &out, &facts);
	assert_non_null(strstr(buf_cstr(&facts), " malformed=1 "));
	assert_non_null(strstr(buf_cstr(&out), "\"index\":127"));
	assert_null(strstr(buf_cstr(&out), "\"index\":128"));
	buf_fini(&answer);
	buf_fini(&out);
	buf_fini(&facts);
}

/* Members nobody knows are the provider's own: all of them go on. */
static void
members_nobody_knows_go_on(void **state)
{
	static const char *const heads[][3] = {
		{ "messages",
		    "\"max_tokens\":9,\"messages\":[{\"role\":\"user\","
		    "\"content\":\"x\"}]",
		    "\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],"
		    "\"max_tokens\":9" },
		{ "responses", "\"input\":\"x\"", "" },
	};
	struct buf request, upstream;
	struct kase k;

	(void)state;
	for (size_t h = 0; h < ARRAY_LEN(heads); h++) {
		arena_reset(&arena);
		set_defaults(&k);
		copy(k.provider, sizeof(k.provider), str_of("hosted_vllm"));
		copy(k.model, sizeof(k.model), str_of("q"));
		copy(k.api, sizeof(k.api), str_of(heads[h][0]));
		buf_init(&request, OUT_BYTES);
		buf_init(&upstream, OUT_BYTES);
		buf_printf(&request, "{\"model\":\"mine\",%s", heads[h][1]);
		buf_printf(&upstream, "{\"model\":\"q\"%s%s",
		    heads[h][2][0] != '\0' ? "," : "", heads[h][2]);
		for (int i = 0; i < 500; i++) {
			buf_printf(&request, ",\"x_%d\":{\"n\":1e400}", i);
			buf_printf(&upstream, ",\"x_%d\":{\"n\":1e400}", i);
		}
		buf_add_cstr(&request, "}");
		if (h == 1)
			buf_add_cstr(&upstream,
			    ",\"messages\":[{\"role\":\"user\","
			    "\"content\":\"x\"}]");
		buf_add_cstr(&upstream, "}");
		k.request = buf_str(&request);
		k.upstream = buf_str(&upstream);
		run_encode(&k);
		buf_fini(&request);
		buf_fini(&upstream);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_golden_case_comes_out_as_written),
		cmocka_unit_test(more_calls_than_there_may_be_cannot_be_used),
		cmocka_unit_test(members_nobody_knows_go_on),
	};
	int result;

	arena_init(&arena, 16384);
	result = cmocka_run_group_tests(tests, NULL, NULL);
	arena_fini(&arena);
	return result;
}
