/*
 * What a request says to the gateway rather than to the model: tags, metadata,
 * LiteLLM's extras. See request_keys.h for the rules.
 */
#include "base/num.h"
#include "config/config.h"
#include "wire/request_parse.h"

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
	const struct wire_member *mock;
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
	    take_names(p, KEY_ALLOWED_PARAMS, &r->allowed_openai_params) != 0)
		return -1;
	if (request_value(p, KEY_DROP_PARAMS).type != SKIM_ABSENT)
		r->drop_params = drop;
	r->fallbacks = request_value(p, KEY_FALLBACKS);
	mock = wire_request_member(r, str_of("mock_response"));
	if (mock != NULL && mock->at.type != SKIM_NULL)
		r->mock_response = mock->at;
	return 0;
}
