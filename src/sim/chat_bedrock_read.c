/* Requests of Converse, and who signed them. See chat_bedrock.h. */
#include "base/clock.h"
#include "base/sigv4.h"
#include "sim/chat_bedrock.h"

#define SCHEME     "AWS4-HMAC-SHA256 "
#define SKEW_NSECS (INT64_C(15) * 60 * NSECS_PER_SEC)

/* ---- the signature ------------------------------------------------------ */

static int
forbid(struct problem *p, const char *what)
{
	return problem_set(p, 403, "", "%s", what);
}

/* The part of the Authorization header behind "NAME=". */
static struct str
part_of(struct str authorization, const char *name)
{
	struct str rest = authorization, part;

	rest.p += sizeof(SCHEME) - 1;
	rest.n -= sizeof(SCHEME) - 1;
	while (rest.n > 0) {
		part = str_trim(str_cut(&rest, ','));
		if (str_starts(part, name))
			return str_make(part.p + strlen(name),
			    part.n - strlen(name));
	}
	return str_make("", 0);
}

/* 20150830T123600Z; -1 when it is none. */
static int64_t
read_date(struct str date)
{
	struct tm tm = { 0 };
	char text[SIGV4_DATE_BYTES];

	if (date.n != SIGV4_DATE_BYTES - 1)
		return -1;
	memcpy(text, date.p, date.n);
	text[date.n] = '\0';
	if (strptime(text, "%Y%m%dT%H%M%SZ", &tm) == NULL)
		return -1;
	return (int64_t)timegm(&tm) * NSECS_PER_SEC;
}

/* The headers that are said to be signed, but for those that sigv4_sign()
   adds itself. False: one is not there, or there are too many. */
static bool
take_signed(const struct request *req, struct str names,
    struct sigv4_request *r, bool *host_r)
{
	*host_r = false;
	while (names.n > 0) {
		struct str name = str_cut(&names, ';'), value;
		char text[64];

		if (str_is(name, "x-amz-date") ||
		    str_is(name, "x-amz-security-token"))
			continue;
		snprintf(text, sizeof(text), STR_FMT, STR_ARG(name));
		if (!request_header(req, text, &value) ||
		    r->header_count == SIGV4_MAX_HEADERS - 2)
			return false;
		*host_r = *host_r || str_is(name, "host");
		r->headers[r->header_count].name = name;
		r->headers[r->header_count++].value = value;
	}
	return true;
}

static int
check_signature(const struct request *req, struct str authorization,
    int64_t now_nsecs, struct arena *arena, struct problem *p)
{
	struct str scope = part_of(authorization, "Credential=");
	struct str id = str_cut(&scope, '/'), date, token = str_make("", 0);
	struct str day = str_cut(&scope, '/'), region = str_cut(&scope, '/');
	struct sigv4_request r = { .path = req->path,
		.query = req->query,
		.body = req->body };
	struct sigv4_keys keys = { BEDROCK_KEY_ID, BEDROCK_SECRET, "" };
	struct sigv4_signature s;
	int64_t signed_nsecs;
	bool host;

	if (!str_is(id, BEDROCK_KEY_ID))
		return forbid(p,
		    "The security token included in the request is invalid.");
	if (!request_header(req, "x-amz-date", &date) ||
	    (signed_nsecs = read_date(date)) < 0 ||
	    !str_eq(day, str_make(date.p, 8)))
		return forbid(p,
		    "Date in Credential scope does not match X-Amz-Date.");
	if (signed_nsecs > now_nsecs + SKEW_NSECS ||
	    signed_nsecs < now_nsecs - SKEW_NSECS)
		return forbid(p, "Signature expired.");
	(void)request_header(req, "x-amz-security-token", &token);
	keys.session_token = arena_strndup(arena, token.p, token.n);
	r.method = arena_strndup(arena, req->method.p, req->method.n);
	r.region = arena_strndup(arena, region.p, region.n);
	r.service = "bedrock";
	if (!take_signed(req, part_of(authorization, "SignedHeaders="), &r,
		&host) ||
	    !host)
		return forbid(p,
		    "The request's signed headers are not all there.");
	sigv4_sign(&r, &keys, signed_nsecs, arena, &s);
	if (!str_eq(part_of(str_of(s.authorization), "Signature="),
		part_of(authorization, "Signature=")))
		return forbid(p,
		    "The request signature we calculated does not match the "
		    "signature you provided. Check your AWS Secret Access Key "
		    "and signing method.");
	return 0;
}

int
chat_bedrock_check(const struct request *req, int64_t now_nsecs,
    struct arena *arena, struct problem *p)
{
	struct str authorization = str_make("", 0);

	(void)request_header(req, "authorization", &authorization);
	if (str_starts(authorization, SCHEME))
		return check_signature(req, authorization, now_nsecs, arena, p);
	if (str_starts(authorization, "Bearer "))
		return 0;
	return forbid(p, "Missing Authentication Token");
}

/* ---- the path ----------------------------------------------------------- */

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static struct str
decoded(struct str s, struct arena *arena)
{
	char *p = arena_alloc(arena, s.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '%' && i + 2 < s.n &&
		    hex_digit(s.p[i + 1]) >= 0 && hex_digit(s.p[i + 2]) >= 0) {
			p[n++] = (char)(hex_digit(s.p[i + 1]) << 4 |
					hex_digit(s.p[i + 2]));
			i += 2;
		} else {
			p[n++] = s.p[i];
		}
	}
	return str_make(p, n);
}

bool
chat_bedrock_path(struct str path, struct arena *arena, struct str *model_r,
    bool *stream_r)
{
	static const char *const tails[] = { "/converse", "/converse-stream" };

	if (!str_starts(path, "/model/"))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(tails); i++) {
		size_t n = strlen(tails[i]);

		if (!str_ends(path, tails[i]) || path.n <= 7 + n)
			continue;
		*model_r = decoded(str_make(path.p + 7, path.n - 7 - n), arena);
		*stream_r = i == 1;
		return true;
	}
	return false;
}

/* ---- the body ----------------------------------------------------------- */

static int
refuse(struct problem *p, const char *what)
{
	return problem_set(p, 400, "", "%s", what);
}

/* A block has one member, which says what it is. */
static int
read_block(struct chat *chat, struct arena *arena, const json_t *block,
    struct problem *p)
{
	const json_t *result = json_object_get(block, "toolResult");

	if (!json_is_object(block) || json_object_size(block) != 1)
		return refuse(p,
		    "The content field in the Message object must have one "
		    "member.");
	if (json_is_object(result))
		chat_add_result(chat,
		    chat_text(chat, arena, json_object_get(result, "content")));
	return 0;
}

static int
read_message(struct chat *chat, struct arena *arena, const json_t *message,
    struct problem *p)
{
	struct str role = jsonx_str(message, "role"), text;
	const json_t *content = json_object_get(message, "content");
	json_t *block;
	size_t i;

	if (!str_is(role, "user") && !str_is(role, "assistant"))
		return refuse(p, "messages: role must be user or assistant");
	if (!json_is_array(content) || json_array_size(content) == 0)
		return refuse(p,
		    "The content field in the Message object is empty.");
	chat->messages++;
	chat->result_count = 0;
	json_array_foreach(content, i, block) {
		if (read_block(chat, arena, block, p) != 0)
			return -1;
	}
	text = chat_text(chat, arena, content);
	chat_close_turn(chat, role, text);
	return 0;
}

static int
read_messages(struct chat *chat, struct arena *arena, struct problem *p)
{
	const json_t *messages = json_object_get(chat->root, "messages");
	const json_t *system = json_object_get(chat->root, "system");
	json_t *message;
	size_t i;

	if (!json_is_array(messages) || json_array_size(messages) == 0)
		return refuse(p,
		    "The messages field is required: a conversation must "
		    "start with a user message.");
	if (json_is_array(system)) {
		chat->messages++;
		chat_text(chat, arena, system);
	}
	json_array_foreach(messages, i, message) {
		struct str role = jsonx_str(message, "role");

		if (str_is(role, i % 2 == 0 ? "assistant" : "user"))
			return refuse(p,
			    "A conversation must alternate between user and "
			    "assistant roles.");
		if (read_message(chat, arena, message, p) != 0)
			return -1;
	}
	return 0;
}

static int
read_tools(struct chat *chat, struct arena *arena, struct problem *p)
{
	const json_t *config = json_object_get(chat->root, "toolConfig");
	const json_t *choice = json_object_get(config, "toolChoice");
	const json_t *tool = json_object_get(choice, "tool"), *spec;
	json_t *one;
	size_t i;

	json_array_foreach(json_object_get(config, "tools"), i, one) {
		struct chat_tool t = { .custom = false };

		spec = json_object_get(one, "toolSpec");
		if (spec == NULL)
			continue; /* a cache point */
		t.name = jsonx_str(spec, "name");
		t.schema = jsonx_path(spec, "inputSchema.json");
		if (t.name.n == 0 || !json_is_object(t.schema))
			return refuse(p, "toolSpec: name and inputSchema.json");
		if (chat_add_tool(chat, arena, t, p) != 0)
			return -1;
	}
	if (json_object_get(choice, "any") != NULL)
		chat->choice = CHOICE_REQUIRED;
	if (tool != NULL) {
		chat->choice = CHOICE_NAMED;
		chat->choice_name = jsonx_str(tool, "name");
	}
	return 0;
}

/* outputConfig.textFormat.structure.jsonSchema.schema is JSON text. */
static int
read_format(struct chat *chat, struct problem *p)
{
	const json_t *schema = jsonx_path(chat->root,
	    "outputConfig.textFormat.structure.jsonSchema");
	struct str text = jsonx_str(schema, "schema");
	json_t *parsed;

	if (text.n == 0)
		return 0;
	parsed = json_loadb(text.p, text.n, 0, NULL);
	if (parsed == NULL)
		return refuse(p, "outputConfig: the schema is no JSON");
	/* Kept by the body, which owns it from here on. */
	json_object_set_new(chat->root, " schema", parsed);
	chat->json = true;
	chat->schema = parsed;
	return 0;
}

static int
read_inference(struct chat *chat, struct problem *p)
{
	static const int64_t limit[2] = { 1, INT32_MAX };
	const json_t *config = json_object_get(chat->root, "inferenceConfig");
	json_t *one;
	size_t i;

	json_array_foreach(json_object_get(config, "stopSequences"), i, one) {
		if (chat->stop_count < ARRAY_LEN(chat->stop))
			chat->stop[chat->stop_count++] = chat_string(one);
	}
	return chat_int(config, "maxTokens", limit, &chat->max_tokens, p) < 0
		   ? -1
		   : 0;
}

/* What Converse does not have is refused, as the real one does. */
static int
refuse_strangers(const struct chat *chat, struct problem *p)
{
	static const char *const names[] = { "messages", "system",
		"inferenceConfig", "toolConfig", "guardrailConfig",
		"additionalModelRequestFields", "promptVariables",
		"additionalModelResponseFieldPaths", "requestMetadata",
		"performanceConfig", "serviceTier", "outputConfig" };
	const char *key;
	json_t *v;

	json_object_foreach(chat->root, key, v) {
		size_t i = 0;

		while (i < ARRAY_LEN(names) && strcmp(names[i], key) != 0)
			i++;
		if (i == ARRAY_LEN(names))
			return problem_set(p, 400, "",
			    "extraneous key [%.60s] is not permitted", key);
	}
	return 0;
}

int
chat_bedrock_read(struct chat *chat, struct arena *arena, struct str body,
    struct problem *p)
{
	chat->root = json_loadb(body.p == NULL ? "" : body.p, body.n,
	    JSON_ALLOW_NUL, NULL);
	if (!json_is_object(chat->root))
		return refuse(p, "The body is not a JSON object.");
	chat->faults =
	    jsonx_path(chat->root, "additionalModelRequestFields.x_sim");
	if (refuse_strangers(chat, p) != 0 ||
	    read_messages(chat, arena, p) != 0 ||
	    read_inference(chat, p) != 0 || read_tools(chat, arena, p) != 0)
		return -1;
	return read_format(chat, p);
}
