/*
 * What a request says to the gateway rather than to the model: tags, metadata,
 * LiteLLM's extras. See request_keys.h for the rules.
 */
#include "base/num.h"
#include "config/config.h"
#include "wire/request_parse.h"

/* ---- tags and metadata -------------------------------------------------- */

/* What LiteLLM and its callbacks read in metadata. */
static const char *const litellm_metadata_keys[] = { "tags",
	"spend_logs_metadata", "requester_metadata", "trace_id", "trace_name",
	"trace_user_id", "trace_metadata", "trace_version", "trace_release",
	"existing_trace_id", "update_trace_keys", "generation_id",
	"generation_name", "parent_observation_id", "session_id", "mask_input",
	"mask_output", "prompt_version", "model_group", "model_info",
	"previous_models", "hidden_params" };

/* An array of strings. More than we can keep is refused: a tag that is left
   out could be the one with a budget. */
static int
add_tags(struct request_parse *p, enum request_key id,
    const struct skim_value *list)
{
	struct wire_request *r = p->r;
	struct skim_iter it;
	struct skim_value v;
	struct str key;

	if (list->type == SKIM_NULL || list->type == SKIM_ABSENT)
		return 0;
	if (list->type != SKIM_ARRAY)
		return request_bad(p, id,
		    "must hold tags as an array of strings");
	skim_iter_init(&it, list->value);
	while (skim_iter_next(&it, &key, &v) == 1) {
		if (v.type != SKIM_STRING)
			return request_bad(p, id,
			    "must hold tags as an array of strings");
		if (r->tag_count == WIRE_MAX_TAGS)
			return request_bad(p, id,
			    "has more tags than the 8 allowed");
		r->tags[r->tag_count++] = request_text(p, &v);
	}
	return 0;
}

static bool
is_litellm_metadata(struct str key)
{
	for (size_t i = 0; i < ARRAY_LEN(litellm_metadata_keys); i++) {
		if (str_is(key, litellm_metadata_keys[i]))
			return true;
	}
	return str_starts(key, "user_api_key") || str_starts(key, "litellm_");
}

/* Reads tags (and Anthropic's user); *foreign_r: it is not for the provider. */
static int
take_metadata(struct request_parse *p, enum request_key id, bool *foreign_r)
{
	struct skim_value v = request_value(p, id), item;
	struct skim_iter it;
	struct str key;

	*foreign_r = false;
	if (v.type == SKIM_ABSENT)
		return 0;
	if (v.type != SKIM_OBJECT)
		return request_bad(p, id, "must be an object");
	skim_iter_init(&it, v.value);
	while (skim_iter_next(&it, &key, &item) == 1) {
		if (item.type != SKIM_STRING || is_litellm_metadata(key))
			*foreign_r = true;
		if (SKIM_KEY_IS(key, "tags") && add_tags(p, id, &item) != 0)
			return -1;
		if (wire_api_is_anthropic(p->r->api) &&
		    SKIM_KEY_IS(key, "user_id") && item.type == SKIM_STRING &&
		    p->r->user.n == 0)
			p->r->user = request_text(p, &item);
	}
	return 0;
}

/* ---- numbers and names -------------------------------------------------- */

/* Seconds, also with a fraction. */
static int
take_seconds(struct request_parse *p, enum request_key id, int64_t *msecs_r)
{
	struct skim_value v = request_value(p, id);
	bool inexact;
	int64_t msecs;

	if (v.type == SKIM_ABSENT || *msecs_r != CONFIG_UNSET)
		return 0;
	if (v.type != SKIM_NUMBER ||
	    num_decimal(v.value, 3, &msecs, &inexact) != 0 || msecs < 0)
		return request_bad(p, id, "must be a number of seconds");
	*msecs_r = msecs == 0 ? 1 : msecs;
	return 0;
}

static int
take_names(struct request_parse *p, enum request_key id,
    struct skim_value *list_r)
{
	struct skim_value v = request_value(p, id), item;
	struct skim_iter it;
	struct str key;

	if (v.type == SKIM_ABSENT)
		return 0;
	if (v.type != SKIM_ARRAY)
		return request_bad(p, id, "must be an array of strings");
	skim_iter_init(&it, v.value);
	while (skim_iter_next(&it, &key, &item) == 1) {
		if (item.type != SKIM_STRING)
			return request_bad(p, id,
			    "must be an array of strings");
	}
	*list_r = v;
	return 0;
}

/* ---- fallbacks ---------------------------------------------------------- */

struct names {
	size_t count;
	struct str items[WIRE_MAX_NAMES];
};

static int
bad_fallbacks(struct request_parse *p, enum request_key id)
{
	return request_bad(p, id,
	    "must be an array of model names, of {\"model\": name}, or of "
	    "{group: [names]}");
}

static int
add_name(struct request_parse *p, enum request_key id,
    const struct skim_value *v, struct names *names)
{
	if (v->type != SKIM_STRING)
		return bad_fallbacks(p, id);
	if (names->count == WIRE_MAX_NAMES)
		return request_bad(p, id, "names more than 32 groups");
	names->items[names->count++] = request_text(p, v);
	return 0;
}

static int
add_list(struct request_parse *p, enum request_key id,
    const struct skim_value *list, struct names *names)
{
	struct skim_value v;
	struct skim_iter it;
	struct str key;

	if (list->type != SKIM_ARRAY)
		return bad_fallbacks(p, id);
	skim_iter_init(&it, list->value);
	while (skim_iter_next(&it, &key, &v) == 1) {
		if (add_name(p, id, &v, names) != 0)
			return -1;
	}
	return 0;
}

/* {"model": "b"}, or as in a configuration {"a": ["b"]}: of those for other
   groups than the asked one nothing is taken. */
static int
add_map(struct request_parse *p, enum request_key id,
    const struct skim_value *map, struct names *names)
{
	struct skim_value v;
	struct skim_iter it;
	struct str key;
	int rc = 0;

	skim_iter_init(&it, map->value);
	while (rc == 0 && skim_iter_next(&it, &key, &v) == 1) {
		if (SKIM_KEY_IS(key, "model") && v.type == SKIM_STRING)
			rc = add_name(p, id, &v, names);
		else if (v.type != SKIM_ARRAY)
			rc = request_bad(p, id,
			    "cannot give a fallback parameters of its own");
		else if (str_eq(key, p->r->model) || SKIM_KEY_IS(key, "*"))
			rc = add_list(p, id, &v, names);
	}
	return rc;
}

static int
take_fallbacks(struct request_parse *p, enum request_key id,
    struct wire_names *names_r)
{
	struct skim_value v = request_value(p, id), item;
	struct names names = { .count = 0 };
	struct skim_iter it;
	struct str key;
	size_t bytes;

	if (v.type == SKIM_ABSENT)
		return 0;
	if (v.type != SKIM_ARRAY)
		return bad_fallbacks(p, id);
	skim_iter_init(&it, v.value);
	while (skim_iter_next(&it, &key, &item) == 1) {
		int rc = item.type == SKIM_OBJECT
			     ? add_map(p, id, &item, &names)
			     : add_name(p, id, &item, &names);

		if (rc != 0)
			return -1;
	}
	bytes = names.count * sizeof(names.items[0]);
	names_r->count = names.count;
	if (bytes > 0)
		names_r->items =
		    memcpy(arena_alloc(p->arena, bytes), names.items, bytes);
	return 0;
}

/* ---- mocks -------------------------------------------------------------- */

static bool
is_on(const struct wire_request *r, const char *key)
{
	const struct wire_member *m = wire_request_member(r, str_of(key));

	return m != NULL && m->at.type == SKIM_TRUE;
}

static int
take_mocks(struct request_parse *p)
{
	static const struct {
		const char *key;
		enum wire_play play;
	} plays[] = {
		{ "mock_testing_fallbacks", PLAY_FALLBACKS },
		{ "mock_testing_context_fallbacks", PLAY_CONTEXT },
		{ "mock_testing_content_policy_fallbacks", PLAY_POLICY },
		{ "mock_testing_rate_limit_error", PLAY_RATE_LIMIT },
		{ "mock_timeout", PLAY_TIMEOUT },
	};
	struct wire_request *r = p->r;
	const struct wire_member *m;
	struct str text;

	if (!r->mocked)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(plays); i++) {
		if (r->play == PLAY_NOTHING && is_on(r, plays[i].key))
			r->play = plays[i].play;
	}
	m = wire_request_member(r, str_of("mock_response"));
	if (m == NULL || m->at.type == SKIM_NULL)
		return 0;
	if (m->at.type != SKIM_STRING) {
		*p->param_r = "mock_response";
		return err_set(p->err, ERR_BAD_REQUEST,
		    "mock_response must be a string");
	}
	text = request_text(p, &m->at);
	r->mock_response = arena_strndup(p->arena, text.p, text.n);
	return 0;
}

/* ---- all together ------------------------------------------------------- */

static int
take_all_metadata(struct request_parse *p)
{
	struct skim_value tags = request_value(p, KEY_TAGS);
	bool foreign, ignored;

	if (take_metadata(p, KEY_METADATA, &foreign) != 0 ||
	    take_metadata(p, KEY_LITELLM_METADATA, &ignored) != 0)
		return -1;
	if (foreign)
		p->r->members[p->index[KEY_METADATA] - 1].cut = true;
	return add_tags(p, KEY_TAGS, &tags);
}

int
request_extras(struct request_parse *p)
{
	struct wire_request *r = p->r;
	bool drop = false;

	if (take_all_metadata(p) != 0 ||
	    request_flag(p, KEY_DISABLE_FALLBACKS, &r->disable_fallbacks) !=
		0 ||
	    request_flag(p, KEY_DROP_PARAMS, &drop) != 0 ||
	    request_integer(p, KEY_MAX_RETRIES, 0, 1000, &r->num_retries) !=
		0 ||
	    request_integer(p, KEY_NUM_RETRIES, 0, 1000, &r->num_retries) !=
		0 ||
	    take_seconds(p, KEY_TIMEOUT, &r->timeout_msecs) != 0 ||
	    take_seconds(p, KEY_REQUEST_TIMEOUT, &r->timeout_msecs) != 0 ||
	    take_seconds(p, KEY_STREAM_TIMEOUT, &r->stream_timeout_msecs) !=
		0 ||
	    take_names(p, KEY_DROP_MORE, &r->additional_drop_params) != 0 ||
	    take_names(p, KEY_ALLOWED_PARAMS, &r->allowed_openai_params) != 0 ||
	    take_fallbacks(p, KEY_FALLBACKS, &r->fallbacks) != 0 ||
	    take_fallbacks(p, KEY_CONTEXT_FALLBACKS, &r->context_fallbacks) !=
		0 ||
	    take_fallbacks(p, KEY_POLICY_FALLBACKS, &r->policy_fallbacks) !=
		0 ||
	    take_mocks(p) != 0)
		return -1;
	if (request_value(p, KEY_DROP_PARAMS).type != SKIM_ABSENT)
		r->drop_params = drop;
	return 0;
}
