/*
 * The parameters of a chat request for Anthropic. See anthropic_body.h;
 * messages and tools have files of their own.
 */
#include "wire/anthropic/anthropic_body.h"

#include "base/num.h"

/* Blanks of JSON beside what the client wrote: a message of 28 bytes becomes
   one of 60, an empty schema one of 40. */
#define ROOM_FACTOR 4
#define ROOM_MORE   (64 * 1024)

#define JSON_INSTRUCTION                                                       \
	"Answer with one valid JSON object and nothing else: no explanation, " \
	"no code fence."

/* Sampling parameters are gone there. */
#define VERSION_STRICT "2026-10-21"

/* Parameters that are translated; the others are dropped by the table in
   openai_params.c or go on as they are (Anthropic's own). */
static const char *const translated[] = { "model", "messages", "tools",
	"tool_choice", "parallel_tool_calls", "web_search_options",
	"response_format", "max_tokens", "max_completion_tokens", "stop",
	"temperature", "top_p", "top_k", "reasoning_effort", "thinking",
	"output_config", "user", "safety_identifier", "metadata",
	"service_tier", "stream", "stream_options" };

static bool
is_translated(struct str key)
{
	for (size_t i = 0; i < ARRAY_LEN(translated); i++) {
		if (str_is(key, translated[i]))
			return true;
	}
	return false;
}

/* ---- parameters -------------------------------------------------------- */

static struct skim_value
json_of(const char *text)
{
	return pick_root(str_of(text));
}

/* A limit has two names; the client's word on one is its word on both. */
static bool
client_speaks(const struct anthropic_body *b, const char *name)
{
	if (strcmp(name, "max_tokens") == 0 ||
	    strcmp(name, "max_completion_tokens") == 0)
		return b->r->max_tokens != CONFIG_UNSET;
	return wire_request_member(b->r, str_of(name)) != NULL;
}

struct skim_value
anthropic_param(const struct anthropic_body *b, const char *name)
{
	struct skim_value defaults, none = { .type = SKIM_ABSENT };

	for (size_t i = 0; i < b->r->member_count; i++) {
		const struct wire_member *m = &b->r->members[i];

		if (!str_is(m->key, name))
			continue;
		if (b->dropped[i] || m->at.type == SKIM_NULL)
			return none;
		return m->at;
	}
	if (client_speaks(b, name))
		return none;
	defaults = json_of(b->choice->deployment->defaults_json);
	return pick_one(&defaults, name);
}

/* What the gateway decides is not for the configuration's members to change. */
static bool
is_ours(const struct anthropic_body *b, struct str key)
{
	return str_is(key, "model") || str_is(key, "stream") ||
	       (str_is(key, "max_tokens") &&
		   b->choice->max_tokens != CONFIG_UNSET);
}

void
anthropic_put(struct anthropic_body *b, const char *key, struct str json)
{
	struct skim_value extra =
	    json_of(b->choice->deployment->extra_body_json);
	struct skim_value theirs = pick_one(&extra, key);

	if (theirs.type != SKIM_ABSENT && !is_ours(b, str_of(key)))
		return;
	jsonw_key(&b->w, key);
	jsonw_raw(&b->w, json);
}

static void
put_text(struct anthropic_body *b, const char *key, const char *text)
{
	struct jsonw w;

	buf_clear(&b->work);
	jsonw_init(&w, &b->work);
	jsonw_cstr(&w, text);
	anthropic_put(b, key, buf_str(&b->work));
}

static void
put_list(struct anthropic_body *b, const char *key, const struct buf *items)
{
	struct jsonw w;

	buf_clear(&b->work);
	jsonw_init(&w, &b->work);
	jsonw_open(&w, '[');
	buf_add_str(&b->work, buf_str(items));
	jsonw_close(&w, ']');
	anthropic_put(b, key, buf_str(&b->work));
}

/* Which members the rules drop; what they refuse is noted. */
static void
judge_members(struct anthropic_body *b)
{
	const char *ignored;

	for (size_t i = 0; i < b->r->member_count; i++) {
		const struct wire_member *m = &b->r->members[i];

		b->dropped[i] = m->cut || param_rules_judge(&b->rules, m->key,
					      &m->at, &ignored) == PARAM_DROP;
	}
}

/* ---- limits ------------------------------------------------------------ */

static int64_t
output_limit(const struct anthropic_body *b)
{
	const struct wire_choice *c = b->choice;
	int64_t limit = c->max_tokens;
	struct skim_value v;

	if (limit == CONFIG_UNSET)
		limit = b->r->max_tokens;
	if (limit == CONFIG_UNSET) {
		v = anthropic_param(b, "max_completion_tokens");
		if (v.type == SKIM_ABSENT)
			v = anthropic_param(b, "max_tokens");
		if (v.type != SKIM_NUMBER || skim_int(&v, &limit) != 0 ||
		    limit < 1)
			limit = CONFIG_UNSET;
	}
	if (limit == CONFIG_UNSET)
		limit = c->max_output_tokens > 0 ? c->max_output_tokens
						 : ANTHROPIC_MAX_TOKENS;
	if (c->max_output_tokens > 0 && limit > c->max_output_tokens)
		limit = c->max_output_tokens;
	return limit;
}

static bool
is_blank(const struct anthropic_body *b, const struct skim_value *string)
{
	return str_trim(pick_text(string, b->arena)).n == 0;
}

/* A sequence of nothing but blanks is refused there. */
static void
put_stop(struct anthropic_body *b)
{
	struct skim_value stop = anthropic_param(b, "stop"), v;
	struct skim_iter it;
	struct str key;
	struct buf items;
	struct jsonw w;

	if (wire_request_member(b->r, str_of("stop_sequences")) != NULL)
		return; /* said in Anthropic's own way */
	buf_init(&items, b->out.max);
	jsonw_init(&w, &items);
	if (stop.type == SKIM_STRING && !is_blank(b, &stop))
		jsonw_raw(&w, stop.value);
	if (stop.type == SKIM_ARRAY) {
		skim_iter_init(&it, stop.value);
		while (skim_iter_next(&it, &key, &v) == 1) {
			if (v.type == SKIM_STRING && !is_blank(b, &v))
				jsonw_raw(&w, v.value);
		}
	}
	if (items.len > 0)
		put_list(b, "stop_sequences", &items);
	buf_fini(&items);
}

/* ---- thinking and sampling --------------------------------------------- */

/* The text of thinking as it is to be sent; "" none. effort_r: for
   output_config; NULL none. */
static struct str
choose_thinking(struct anthropic_body *b, int64_t limit, const char **effort_r)
{
	struct skim_value given = anthropic_param(b, "thinking"), type;
	struct skim_value v = anthropic_param(b, "reasoning_effort");
	struct str wish = pick_text(&v, b->arena);
	bool off = str_is(wish, "none");

	*effort_r = NULL;
	if (v.type == SKIM_STRING && !off &&
	    b->claude->thinking == THINKING_ADAPTIVE)
		*effort_r = claude_effort(b->claude, wish);
	if (given.type == SKIM_OBJECT) {
		type = pick_one(&given, "type");
		if (b->has_unsigned_calls && skim_string_is(&type, "enabled"))
			return str_of("");
		return claude_fit_thinking(&given, limit, b->arena);
	}
	if (v.type != SKIM_STRING || b->claude->thinking == THINKING_NONE)
		return str_of("");
	if (off)
		return str_of(b->claude->can_disable &&
				      b->claude->thinking == THINKING_ADAPTIVE
				  ? "{\"type\":\"disabled\"}"
				  : "");
	if (b->forces_tool)
		return str_of("");
	if (b->claude->thinking == THINKING_ADAPTIVE)
		return str_of("{\"type\":\"adaptive\"}");
	if (claude_budget(wish) == 0 || b->has_unsigned_calls)
		return str_of("");
	given = json_of(arena_printf(b->arena,
	    "{\"type\":\"enabled\",\"budget_tokens\":%lld}",
	    (long long)claude_budget(wish)));
	return claude_fit_thinking(&given, limit, b->arena);
}

/* One without thinking was asked to think. */
static void
check_effort(struct anthropic_body *b)
{
	struct skim_value v = anthropic_param(b, "reasoning_effort");

	if (b->claude->thinking == THINKING_NONE && v.type == SKIM_STRING &&
	    !skim_string_is(&v, "none"))
		(void)param_rules_refuse(&b->rules, str_of("reasoning_effort"));
}

static void
put_output_config(struct anthropic_body *b, const char *effort)
{
	struct skim_value given = anthropic_param(b, "output_config");
	struct skim_value schema = pick_one(&b->json_schema, "schema");
	bool has_format = b->json == JSON_NATIVE && schema.type == SKIM_OBJECT;
	struct jsonw w;

	if (given.type == SKIM_OBJECT) {
		anthropic_put(b, "output_config", given.value);
		return;
	}
	if (effort == NULL && !has_format)
		return;
	buf_clear(&b->work);
	jsonw_init(&w, &b->work);
	jsonw_open(&w, '{');
	if (effort != NULL) {
		jsonw_key(&w, "effort");
		jsonw_cstr(&w, effort);
	}
	if (has_format) {
		jsonw_key(&w, "format");
		jsonw_open(&w, '{');
		jsonw_key(&w, "type");
		jsonw_cstr(&w, "json_schema");
		jsonw_key(&w, "schema");
		anthropic_schema_write(&schema, &w);
		jsonw_close(&w, '}');
	}
	jsonw_close(&w, '}');
	anthropic_put(b, "output_config", buf_str(&b->work));
}

/* OpenAI's temperature goes up to 2, Anthropic's to 1. */
static void
put_temperature(struct anthropic_body *b, const struct skim_value *v)
{
	int64_t micros;
	bool inexact;

	if (num_decimal(v->value, 6, &micros, &inexact) == 0 &&
	    micros > 1000000)
		anthropic_put(b, "temperature", str_of("1"));
	else
		anthropic_put(b, "temperature", v->value);
}

static void
put_sampling(struct anthropic_body *b, bool thinks)
{
	struct skim_value temperature = anthropic_param(b, "temperature");
	struct skim_value top_p = anthropic_param(b, "top_p");
	struct skim_value top_k = anthropic_param(b, "top_k");

	if (thinks || b->claude->sampling == SAMPLING_REFUSED ||
	    strcmp(b->choice->deployment->api_version, VERSION_STRICT) == 0)
		return;
	if (temperature.type == SKIM_NUMBER)
		put_temperature(b, &temperature);
	if (top_p.type == SKIM_NUMBER &&
	    (temperature.type != SKIM_NUMBER ||
		b->claude->sampling == SAMPLING_ALL))
		anthropic_put(b, "top_p", top_p.value);
	if (top_k.type == SKIM_NUMBER)
		anthropic_put(b, "top_k", top_k.value);
}

static void
put_thinking(struct anthropic_body *b, int64_t limit)
{
	const char *effort;
	struct str thinking;

	check_effort(b);
	thinking = choose_thinking(b, limit, &effort);
	if (thinking.n > 0)
		anthropic_put(b, "thinking", thinking);
	put_output_config(b, effort);
	put_sampling(b,
	    thinking.n > 0 && str_find(thinking, "\"disabled\"") < 0);
}

/* ---- who asks ---------------------------------------------------------- */

/* Anthropic wants no names in user ids: what looks like an address or a
   telephone number stays here. */
static bool
is_personal(struct str user)
{
	size_t digits = 0;

	if (memchr(user.p, '@', user.n) != NULL)
		return true;
	for (size_t i = 0; i < user.n; i++) {
		if (user.p[i] >= '0' && user.p[i] <= '9')
			digits++;
		else if (strchr("+-(). ", user.p[i]) == NULL)
			return false;
	}
	return digits >= 7;
}

static void
put_user(struct anthropic_body *b)
{
	static const char *const names[] = { "user", "safety_identifier" };
	struct skim_value metadata = anthropic_param(b, "metadata"), v;
	struct jsonw w;

	v = pick_one(&metadata, "user_id");
	for (size_t i = 0; i < ARRAY_LEN(names) && v.type != SKIM_STRING; i++)
		v = anthropic_param(b, names[i]);
	if (pick_is_empty(&v) || is_personal(pick_text(&v, b->arena)))
		return;
	buf_clear(&b->work);
	jsonw_init(&w, &b->work);
	jsonw_open(&w, '{');
	jsonw_key(&w, "user_id");
	jsonw_raw(&w, v.value);
	jsonw_close(&w, '}');
	anthropic_put(b, "metadata", buf_str(&b->work));
}

static void
put_tier(struct anthropic_body *b)
{
	struct skim_value v = anthropic_param(b, "service_tier");

	if (skim_string_is(&v, "auto") || skim_string_is(&v, "priority"))
		put_text(b, "service_tier", "auto");
	else if (skim_string_is(&v, "default") ||
		 skim_string_is(&v, "standard_only"))
		put_text(b, "service_tier", "standard_only");
}

/* ---- the rest ---------------------------------------------------------- */

static void
copy_member(struct anthropic_body *b, struct str key,
    const struct skim_value *v)
{
	anthropic_put(b, arena_strndup(b->arena, key.p, key.n), v->value);
}

static void
put_others(struct anthropic_body *b)
{
	struct skim_value defaults =
	    json_of(b->choice->deployment->defaults_json);
	const char *ignored;
	struct skim_iter it;
	struct skim_value v;
	struct str key;

	for (size_t i = 0; i < b->r->member_count; i++) {
		const struct wire_member *m = &b->r->members[i];

		if (b->dropped[i] || is_translated(m->key) ||
		    (str_is(m->key, "system") && b->system.len > 0))
			continue;
		copy_member(b, m->key, &m->at);
	}
	if (defaults.type != SKIM_OBJECT)
		return;
	skim_iter_init(&it, defaults.value);
	while (skim_iter_next(&it, &key, &v) == 1) {
		if (!is_translated(key) &&
		    wire_request_member(b->r, key) == NULL &&
		    param_rules_judge(&b->rules, key, NULL, &ignored) !=
			PARAM_DROP)
			copy_member(b, key, &v);
	}
}

static void
put_extra_body(struct anthropic_body *b)
{
	struct skim_value extra =
	    json_of(b->choice->deployment->extra_body_json);
	struct skim_iter it;
	struct skim_value v;
	struct str key;

	if (extra.type != SKIM_OBJECT)
		return;
	skim_iter_init(&it, extra.value);
	while (skim_iter_next(&it, &key, &v) == 1) {
		if (is_ours(b, key))
			continue;
		jsonw_key(&b->w, arena_strndup(b->arena, key.p, key.n));
		jsonw_raw(&b->w, v.value);
	}
}

static int
write_members(struct anthropic_body *b)
{
	const struct skim_value none = { .type = SKIM_ABSENT };
	char number[NUM_TEXT_BYTES];
	int64_t limit = output_limit(b);
	struct skim_value instruction;

	put_text(b, "model", b->rules.model);
	num_format(limit, 0, number);
	anthropic_put(b, "max_tokens", str_of(number));
	if (anthropic_turns_write(b) != 0 || anthropic_tools_write(b) != 0)
		return -1;
	if (b->json == JSON_OBJECT) {
		instruction = pick_root(str_of("\"" JSON_INSTRUCTION "\""));
		anthropic_text_write(&instruction, &none, &b->system);
	}
	if (b->system.len > 0)
		put_list(b, "system", &b->system);
	put_list(b, "messages", &b->turns);
	put_stop(b);
	put_thinking(b, limit);
	put_user(b);
	put_tier(b);
	if (b->r->stream)
		anthropic_put(b, "stream", str_of("true"));
	put_others(b);
	put_extra_body(b);
	return param_rules_end(&b->rules, b->err);
}

static void
open_buffers(struct anthropic_body *b)
{
	const struct config_deployment *d = b->choice->deployment;
	size_t room = ROOM_FACTOR * b->r->body.n + ROOM_MORE +
		      strlen(d->defaults_json) + strlen(d->extra_body_json);

	buf_init(&b->system, room);
	buf_init(&b->turns, room);
	buf_init(&b->past_tools, room);
	buf_init(&b->work, room);
	buf_init(&b->out, room);
	(void)buf_reserve(&b->out, b->r->body.n + 1024);
}

static void
close_buffers(struct anthropic_body *b)
{
	buf_fini(&b->system);
	buf_fini(&b->turns);
	buf_fini(&b->past_tools);
	buf_fini(&b->work);
	buf_fini(&b->out);
}

static int
check_room(const struct anthropic_body *b, struct err *err)
{
	if (!b->out.overflowed && !b->turns.overflowed &&
	    !b->system.overflowed && !b->work.overflowed &&
	    !b->past_tools.overflowed)
		return 0;
	return err_set(err, ERR_BAD_REQUEST,
	    "the request becomes too large when it is put into Anthropic's "
	    "form");
}

int
anthropic_body_write(const struct wire_request *r,
    const struct wire_choice *choice, struct arena *arena,
    struct wire_call *call_r, struct err *err)
{
	struct anthropic_body b = { .r = r, .choice = choice, .err = err };
	int result;

	b.arena = arena;
	b.dropped =
	    arena_alloc(arena, (r->member_count + 1) * sizeof(*b.dropped));
	param_rules_init(&b.rules, r, choice);
	b.claude = claude_find(
	    str_of(param_family(choice->deployment, b.rules.model)));
	open_buffers(&b);
	judge_members(&b);
	jsonw_init(&b.w, &b.out);
	jsonw_open(&b.w, '{');
	result = write_members(&b);
	jsonw_close(&b.w, '}');
	if (result == 0)
		result = check_room(&b, err);
	if (result == 0) {
		call_r->pieces[0] = arena_str(arena, buf_str(&b.out));
		call_r->piece_count = 1;
		call_r->body_bytes = b.out.len;
		call_r->max_tokens = choice->max_tokens;
	}
	param_rules_fini(&b.rules);
	close_buffers(&b);
	return result;
}
