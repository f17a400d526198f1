/*
 * The checks of a request's own members: model, prompt, stream, limits. See
 * request.h.
 */
#include "config/config.h"
#include "wire/request_parse.h"
#include "wire/responses/response_id.h"
#include "wire/usage_json.h"

static int
take_model(struct request_parse *p)
{
	struct skim_value v = request_value(p, KEY_MODEL);
	struct str text;

	*p->param_r = "model";
	if (v.type == SKIM_ABSENT)
		return err_set(p->err, ERR_MODEL_MISSING, "'model' is missing");
	if (v.type != SKIM_STRING)
		return request_bad(p, KEY_MODEL, "must be a string");
	text = request_text(p, &v);
	if (text.n == 0)
		return err_set(p->err, ERR_MODEL_MISSING, "'model' is empty");
	if (text.n > WIRE_MODEL_BYTES)
		return request_bad(p, KEY_MODEL, "is too long");
	if (memchr(text.p, '\0', text.n) != NULL)
		return request_bad(p, KEY_MODEL, "must not contain a NUL");
	p->r->model = arena_str(p->arena, text);
	p->r->model_at = v;
	*p->param_r = NULL;
	return 0;
}

/* A list of messages: chat and Anthropic's. */
static int
check_messages(struct request_parse *p, const struct skim_value *v)
{
	if (v->type == SKIM_ABSENT)
		return request_bad(p, KEY_MESSAGES, "is missing");
	if (v->type != SKIM_ARRAY)
		return request_bad(p, KEY_MESSAGES, "must be an array");
	if (v->count == 0)
		return request_bad(p, KEY_MESSAGES, "must not be empty");
	return 0;
}

static bool
needs_prompt(enum wire_api api)
{
	return api == WIRE_EMBEDDINGS || api == WIRE_MODERATIONS ||
	       api == WIRE_IMAGES || api == WIRE_SPEECH;
}

static int
check_input(struct request_parse *p, enum request_key id,
    const struct skim_value *v)
{
	if (v->type == SKIM_ABSENT)
		return needs_prompt(p->r->api)
			   ? request_bad(p, id, "is missing")
			   : 0;
	if (v->type != SKIM_STRING && v->type != SKIM_ARRAY)
		return request_bad(p, id, "must be a string or an array");
	if (v->type == SKIM_ARRAY && v->count == 0)
		return request_bad(p, id, "must not be empty");
	return 0;
}

/* "audio", or "modalities" with anything but text in it. */
static bool
wants_sound(const struct wire_request *r)
{
	const struct wire_member *audio =
	    wire_request_member(r, str_of("audio"));
	const struct wire_member *kinds =
	    wire_request_member(r, str_of("modalities"));

	return (audio != NULL && audio->at.type != SKIM_NULL) ||
	       (kinds != NULL && str_find(kinds->at.value, "audio") >= 0);
}

static int
take_prompt(struct request_parse *p)
{
	enum request_key id = request_prompt_key(p->r->api);
	struct skim_value v = request_value(p, id);
	struct wire_request *r = p->r;

	if (id == KEY_MESSAGES ? check_messages(p, &v) : check_input(p, id, &v))
		return -1;
	r->messages = v;
	r->message_count = p->size.messages;
	r->tools = request_value(p, KEY_TOOLS);
	if (r->tools.type != SKIM_ABSENT && r->tools.type != SKIM_ARRAY)
		return request_bad(p, KEY_TOOLS, "must be an array");
	p->size.has_tools = p->size.has_tools || r->tools.type == SKIM_ARRAY ||
			    request_value(p, KEY_FUNCTIONS).type != SKIM_ABSENT;
	r->has_unsigned_thinking = p->size.has_unsigned;
	r->has_developer_role = p->size.has_developer;
	r->has_names = p->size.has_names;
	r->has_thought = p->size.has_thought;
	r->has_cache_control = p->size.has_cache;
	r->has_item_tools = p->size.has_item_tools;
	p->size.is_chat = r->api != WIRE_COMPLETIONS &&
			  r->api != WIRE_EMBEDDINGS &&
			  !wire_api_is_media(r->api);
	r->prompt_bound_tokens = prompt_bound(&p->size);
	r->prompt_guess_tokens = prompt_guess(&p->size);
	/* A request without any prompt (rerank of nothing). */
	if (r->prompt_bound_tokens < r->prompt_guess_tokens)
		r->prompt_bound_tokens = r->prompt_guess_tokens;
	r->template_bound_tokens = prompt_template_bound(&p->size);
	r->image_bound_tokens = prompt_image_bound(&p->size);
	r->audio_bound_tokens = p->size.has_sound ? r->prompt_bound_tokens : 0;
	r->audio_output = wants_sound(r);
	/* Counting is free. */
	if (r->api == WIRE_COUNT)
		r->prompt_bound_tokens = r->template_bound_tokens =
		    r->image_bound_tokens = r->audio_bound_tokens = 0;
	return 0;
}

static bool *
stream_option(struct wire_request *r, struct str key)
{
	if (SKIM_KEY_IS(key, "include_usage"))
		return &r->include_usage;
	if (SKIM_KEY_IS(key, "continuous_usage_stats"))
		return &r->continuous_usage;
	return NULL;
}

static int
take_stream(struct request_parse *p)
{
	struct wire_request *r = p->r;
	unsigned usages = 0;
	struct skim_iter it;
	struct skim_value v;
	struct str key;

	if (r->api == WIRE_EMBEDDINGS || r->api == WIRE_COUNT)
		return 0;
	if (request_flag(p, KEY_STREAM, &r->stream) != 0)
		return -1;
	/* Sound is given out as it comes. */
	if (r->api == WIRE_SPEECH)
		r->stream = true;
	if (wire_api_is_media(r->api))
		return 0;
	r->stream_options = request_value(p, KEY_STREAM_OPTIONS);
	if (r->stream_options.type == SKIM_ABSENT)
		return 0;
	if (r->stream_options.type != SKIM_OBJECT)
		return request_bad(p, KEY_STREAM_OPTIONS, "must be an object");
	skim_iter_init(&it, r->stream_options.value);
	while (skim_iter_next(&it, &key, &v) == 1) {
		bool *flag = stream_option(r, key);

		usages += flag == &r->include_usage;
		if (flag == NULL || v.type == SKIM_NULL)
			continue;
		if ((v.type != SKIM_TRUE && v.type != SKIM_FALSE) || usages > 1)
			return request_bad(p, KEY_STREAM_OPTIONS,
			    "must hold true or false, once");
		*flag = v.type == SKIM_TRUE;
	}
	r->continuous_usage = r->continuous_usage && r->include_usage;
	return 0;
}

static int
take_max_tokens(struct request_parse *p)
{
	static const enum request_key chat[] = { KEY_MAX_COMPLETION_TOKENS,
		KEY_MAX_TOKENS };
	static const enum request_key responses[] = { KEY_MAX_OUTPUT_TOKENS,
		KEY_UNKNOWN };
	enum wire_api api = p->r->api;
	const enum request_key *keys = api == WIRE_RESPONSES ? responses : chat;
	/* Anthropic's 0 fills its cache without an answer. */
	int64_t least = api == WIRE_MESSAGES ? 0 : 1;
	struct wire_request *r = p->r;

	if (api == WIRE_EMBEDDINGS || api == WIRE_COUNT ||
	    wire_api_is_media(api))
		return 0;
	for (int i = 0; i < 2 && keys[i] != KEY_UNKNOWN; i++) {
		int64_t v = CONFIG_UNSET;

		if (request_integer(p, keys[i], least, INT64_MAX, &v) != 0)
			return -1;
		if (v == CONFIG_UNSET)
			continue;
		if (r->max_tokens == CONFIG_UNSET) {
			r->max_tokens = v;
			r->max_tokens_at = request_value(p, keys[i]);
		} else {
			r->max_tokens_other = request_value(p, keys[i]);
		}
	}
	return 0;
}

/* Characters of a string as the providers of speech count them: Unicode's. */
static int64_t
count_characters(struct request_parse *p, const struct skim_value *v)
{
	struct str text;
	int64_t n = 0;

	if (v->type != SKIM_STRING)
		return 0;
	text = request_text(p, v);
	for (size_t i = 0; i < text.n; i++)
		n += ((unsigned char)text.p[i] & 0xc0) != 0x80;
	return n;
}

/* What is paid by the piece, and the tokens it may come to. */
static int
take_pieces(struct request_parse *p)
{
	struct wire_request *r = p->r;

	r->outputs = 0;
	if (r->api == WIRE_SPEECH) {
		r->characters = count_characters(p, &r->messages);
		r->audio_output = true;
		r->extra_output_tokens =
		    WIRE_TOKENS_PER_CHARACTER * r->characters;
	}
	if (r->api != WIRE_IMAGES && r->api != WIRE_IMAGE_EDITS)
		return 0;
	if (request_integer(p, KEY_N, 1, WIRE_MAX_N, &r->images) != 0)
		return -1;
	r->images = r->images < 1 ? 1 : r->images;
	r->image_output = true;
	r->extra_output_tokens = WIRE_TOKENS_PER_IMAGE * r->images;
	return 0;
}

static int
take_n(struct request_parse *p)
{
	struct wire_request *r = p->r;
	int64_t best_of = 1, prompts;

	if (r->api == WIRE_EMBEDDINGS || r->api == WIRE_COUNT)
		r->outputs = 0;
	if (wire_api_is_media(r->api))
		return take_pieces(p);
	if (r->api != WIRE_CHAT && r->api != WIRE_COMPLETIONS)
		return 0;
	if (request_integer(p, KEY_N, 1, WIRE_MAX_N, &r->n) != 0)
		return -1;
	r->outputs = r->n;
	if (r->api == WIRE_CHAT)
		return 0;
	if (request_integer(p, KEY_BEST_OF, 1, WIRE_MAX_N, &best_of) != 0)
		return -1;
	prompts = r->message_count > 1 ? r->message_count : 1;
	r->outputs = prompts * (best_of > r->n ? best_of : r->n);
	r->n *= prompts;
	return 0;
}

static int
take_user(struct request_parse *p)
{
	struct skim_value v = request_value(p, KEY_USER);
	struct skim_value tier = request_value(p, KEY_SERVICE_TIER);

	if (v.type != SKIM_ABSENT && v.type != SKIM_STRING)
		return request_bad(p, KEY_USER, "must be a string");
	if (v.type == SKIM_STRING)
		p->r->user = request_text(p, &v);
	p->r->service_tier = usage_json_tier(&tier);
	v = request_value(p, KEY_PREDICTION);
	if (p->r->api == WIRE_CHAT)
		p->r->extra_output_tokens = (int64_t)v.value.n;
	return 0;
}

/* What the provider must have kept, or keep. */
static int
take_state(struct request_parse *p)
{
	struct skim_value v = request_value(p, KEY_PREVIOUS_RESPONSE);
	struct wire_request *r = p->r;
	struct response_name name;

	if (r->api != WIRE_RESPONSES)
		return 0;
	if (request_flag(p, KEY_BACKGROUND, &r->background) != 0)
		return -1;
	r->needs_state = r->background || v.type != SKIM_ABSENT ||
			 request_value(p, KEY_CONVERSATION).type != SKIM_ABSENT;
	if (v.type == SKIM_ABSENT)
		return 0;
	if (v.type != SKIM_STRING)
		return request_bad(p, KEY_PREVIOUS_RESPONSE,
		    "must be a string");
	response_id_split(request_text(p, &v), &name);
	r->previous_response = name.own;
	r->state_tag = name.tag;
	r->response_owner = name.owner;
	return 0;
}

int
request_check(struct request_parse *p)
{
	if (take_model(p) != 0 || take_prompt(p) != 0 || take_stream(p) != 0 ||
	    take_max_tokens(p) != 0 || take_n(p) != 0 || take_user(p) != 0 ||
	    take_state(p) != 0)
		return -1;
	return 0;
}
