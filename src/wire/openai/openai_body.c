/*
 * Splicing the body. See openai_body.h.
 *
 * First every member gets a decision, then the bytes are put together as
 * pieces: runs of the original, with what is new between them. When there are
 * more changes than pieces, the same is done once more into one block.
 */
#include "wire/openai/openai_body.h"

#include "base/jsonw.h"
#include "base/num.h"
#include "wire/messages/messages_mend.h"
#include "wire/openai/openai_messages.h"
#include "wire/pick.h"

enum decision_kind {
	DECIDE_KEEP,
	DECIDE_DROP,
	DECIDE_VALUE,  /* another value */
	DECIDE_RENAME, /* another key; another value when it is set */
};

struct decision {
	enum decision_kind kind;
	struct str key;   /* RENAME: with quotes and colon */
	struct str value; /* VALUE, RENAME; empty: its own */
};

/* A member to add at the end. */
struct addition {
	struct str key; /* with quotes and colon */
	struct str value;
};

struct body {
	const struct wire_request *r;
	const struct wire_choice *choice;
	struct arena *arena;
	struct wire_call *call;
	struct param_rules rules;
	struct decision *decisions; /* one per member */
	size_t addition_count, addition_room;
	struct addition *additions;
	char *flat; /* second run: where the bytes go */
	bool too_many;
};

/* ---- decisions --------------------------------------------------------- */

/* "name": with its quotes. The names are ours or come from checked JSON. */
static struct str
key_text(struct body *b, const char *name)
{
	size_t n = strlen(name);
	char *p = arena_alloc(b->arena, n + 4);

	p[0] = '"';
	memcpy(p + 1, name, n);
	p[n + 1] = '"';
	p[n + 2] = ':';
	return str_make(p, n + 3);
}

static struct str
number_text(struct body *b, int64_t n)
{
	char text[NUM_TEXT_BYTES];
	size_t len = num_format(n, 0, text);

	return str_make(arena_strndup(b->arena, text, len), len);
}

static struct str
quoted_text(struct body *b, const char *s)
{
	size_t n = strlen(s), room = 6 * n + 2;
	struct buf q;

	/* In the arena at once: a name is short, and escapes are rare. */
	buf_init(&q, room);
	q.data = arena_alloc(b->arena, room + 1);
	q.size = room + 1;
	buf_add_char(&q, '"');
	jsonw_escape(&q, str_make(s, n));
	buf_add_char(&q, '"');
	return buf_str(&q);
}

static void
add_member(struct body *b, struct str key, struct str value)
{
	if (b->addition_count == b->addition_room) {
		size_t room = b->addition_room == 0 ? 8 : 2 * b->addition_room;
		struct addition *a = arena_alloc(b->arena, room * sizeof(*a));

		if (b->addition_count > 0)
			memcpy(a, b->additions, b->addition_count * sizeof(*a));
		b->additions = a;
		b->addition_room = room;
	}
	b->additions[b->addition_count].key = key;
	b->additions[b->addition_count++].value = value;
}

/* The index of a member that is going to be sent under this name. */
static bool
find_sent(const struct body *b, struct str key, size_t *i_r)
{
	for (size_t i = 0; i < b->r->member_count; i++) {
		if (b->decisions[i].kind != DECIDE_DROP &&
		    b->decisions[i].kind != DECIDE_RENAME &&
		    str_eq(b->r->members[i].key, key)) {
			*i_r = i;
			return true;
		}
	}
	return false;
}

/*
 * The new name may be in the body already. Then one of the two goes: of two
 * output limits the one that counts stays, else the one that needs no new name.
 */
static void
decide_rename(struct body *b, size_t i, const char *name)
{
	struct decision *d = &b->decisions[i];
	size_t other;

	if (find_sent(b, str_of(name), &other)) {
		if (b->r->max_tokens_at.type == SKIM_ABSENT ||
		    b->r->members[i].at.key_start !=
			b->r->max_tokens_at.key_start) {
			d->kind = DECIDE_DROP;
			return;
		}
		b->decisions[other].kind = DECIDE_DROP;
	}
	d->kind = DECIDE_RENAME;
	d->key = key_text(b, name);
}

static bool
is_limit(const struct body *b, enum request_key id)
{
	if (b->r->api == WIRE_RESPONSES)
		return id == KEY_MAX_OUTPUT_TOKENS;
	return id == KEY_MAX_TOKENS || id == KEY_MAX_COMPLETION_TOKENS;
}

/* A lowered limit replaces every number that the client gave; null says
   nothing and would stand beside the one that is added. */
static void
decide_limit(struct body *b, size_t i)
{
	struct decision *d = &b->decisions[i];
	const struct wire_member *m = &b->r->members[i];

	if (b->choice->max_tokens == CONFIG_UNSET)
		return;
	if (m->at.type == SKIM_NULL) {
		d->kind = DECIDE_DROP;
		return;
	}
	d->value = number_text(b, b->choice->max_tokens);
	if (d->kind == DECIDE_KEEP)
		d->kind = DECIDE_VALUE;
}

static bool
asks_usage(const struct body *b)
{
	unsigned flags = b->choice->deployment->provider->flags;

	return b->r->stream &&
	       (b->r->api == WIRE_CHAT || b->r->api == WIRE_COMPLETIONS) &&
	       (flags & PROVIDER_NO_STREAM_OPTIONS) == 0;
}

/* stream_options with include_usage in it, whatever else it holds. */
static struct str
with_usage(struct body *b, struct str object)
{
	struct skim_value v;
	struct skim_iter it;
	struct str key;

	skim_iter_init(&it, object);
	while (skim_iter_next(&it, &key, &v) == 1) {
		if (SKIM_KEY_IS(key, "include_usage"))
			return str_of(arena_printf(b->arena, "%.*strue%.*s",
			    (int)v.value_start, object.p,
			    (int)(object.n - v.value_end),
			    object.p + v.value_end));
	}
	return str_of(arena_printf(b->arena, "{\"include_usage\":true%s%.*s",
	    it.begun ? "," : "", (int)object.n - 1, object.p + 1));
}

static void
decide_stream_options(struct body *b, size_t i)
{
	struct decision *d = &b->decisions[i];
	const struct wire_member *m = &b->r->members[i];

	if ((b->choice->deployment->provider->flags &
		PROVIDER_NO_STREAM_OPTIONS) != 0) {
		d->kind = DECIDE_DROP;
	} else if (d->kind == DECIDE_KEEP && asks_usage(b) &&
		   !b->r->include_usage) {
		d->kind = DECIDE_VALUE;
		d->value = m->at.type == SKIM_OBJECT
			       ? with_usage(b, m->at.value)
			       : str_of("{\"include_usage\":true}");
	}
}

/* Of Anthropic's own requests. */
static void
decide_messages(struct body *b, size_t i)
{
	struct decision *d = &b->decisions[i];
	const struct wire_member *m = &b->r->members[i];

	if (m->id == KEY_MESSAGES && b->r->has_unsigned_thinking) {
		d->kind = DECIDE_VALUE;
		d->value = messages_mend_thinking(&m->at, b->arena);
	} else if (str_is(m->key, "thinking")) {
		d->kind = DECIDE_VALUE;
		d->value = messages_mend_budget(b->r, &m->at,
		    b->choice->max_tokens, b->arena);
		if (d->value.n == 0)
			d->kind = DECIDE_DROP;
		else if (d->value.p == m->at.value.p)
			d->kind = DECIDE_KEEP;
	}
}

/*
 * Anthropic's thinking in a chat: the effort it amounts to where the provider
 * takes one, what DeepSeek calls it (without a budget), or nothing.
 */
static void
decide_thinking(struct body *b, size_t i)
{
	const struct config_deployment *d = b->choice->deployment;
	const struct skim_value *v = &b->r->members[i].at;
	struct decision *decision = &b->decisions[i];
	struct skim_value type = pick_one(v, "type");
	struct skim_value budget = pick_one(v, "budget_tokens");
	int64_t tokens = 0;
	size_t other;

	if (strcmp(d->provider->prefix, "deepseek") == 0 &&
	    type.type == SKIM_STRING) {
		decision->kind = DECIDE_VALUE;
		decision->value = str_of(arena_printf(b->arena,
		    "{\"type\":" STR_FMT "}", STR_ARG(type.value)));
	} else if (skim_string_is(&type, "enabled") &&
		   skim_int(&budget, &tokens) == 0 &&
		   param_takes_effort(d, b->rules.model) &&
		   !find_sent(b, str_of("reasoning_effort"), &other)) {
		decision->kind = DECIDE_RENAME;
		decision->key = key_text(b, "reasoning_effort");
		decision->value =
		    quoted_text(b, param_effort_of_budget(tokens));
	} else if (param_takes_effort(d, b->rules.model)) {
		decision->kind = DECIDE_DROP;
	} else if (param_refuses_thinking(d)) {
		decision->kind = DECIDE_DROP;
		if (!skim_string_is(&type, "disabled"))
			param_rules_refuse(&b->rules, str_of("thinking"));
	}
}

static void
decide_member(struct body *b, size_t i)
{
	const struct wire_member *m = &b->r->members[i];
	struct decision *d = &b->decisions[i];
	const char *name = NULL;
	enum param_action action;

	if (m->cut || d->kind == DECIDE_DROP) {
		d->kind = DECIDE_DROP;
		return;
	}
	action = param_rules_judge(&b->rules, m->key, &m->at, &name);
	if (action == PARAM_DROP) {
		d->kind = DECIDE_DROP;
		return;
	}
	if (action == PARAM_RENAME)
		decide_rename(b, i, name);
	if (action == PARAM_VALUE) {
		d->kind = DECIDE_VALUE;
		d->value = str_of(name);
		return;
	}
	if (m->id == KEY_MODEL) {
		d->kind = DECIDE_VALUE;
		d->value = quoted_text(b, b->rules.model);
	} else if (m->id == KEY_PREVIOUS_RESPONSE && b->r->state_tag.n > 0) {
		d->kind = DECIDE_VALUE;
		d->value = quoted_text(b,
		    arena_strndup(b->arena, b->r->previous_response.p,
			b->r->previous_response.n));
	} else if (m->id == KEY_STREAM_OPTIONS) {
		decide_stream_options(b, i);
	} else if (is_limit(b, m->id) && d->kind != DECIDE_DROP) {
		decide_limit(b, i);
	} else if (m->id == KEY_TOOLS && b->r->api == WIRE_CHAT) {
		d->value = openai_tools_mend(b->r,
		    b->choice->deployment->provider, b->arena);
		if (d->value.p != m->at.value.p)
			d->kind = DECIDE_VALUE;
	} else if (b->r->api == WIRE_CHAT && d->kind == DECIDE_KEEP &&
		   str_is(m->key, "thinking")) {
		decide_thinking(b, i);
	} else if (m->id == KEY_MESSAGES && b->r->api == WIRE_CHAT) {
		d->value = openai_messages_mend(b->r, b->choice->deployment,
		    b->rules.model, b->arena);
		if (d->value.p != m->at.value.p)
			d->kind = DECIDE_VALUE;
	} else if (d->kind == DECIDE_KEEP && wire_api_is_anthropic(b->r->api)) {
		decide_messages(b, i);
	}
}

/* ---- additions --------------------------------------------------------- */

/* api.openai.com takes the new name for all its models; others may know only
   the old one. */
static const char *
limit_name(const struct body *b)
{
	const struct config_deployment *d = b->choice->deployment;
	const char *base =
	    d->api_base[0] != '\0' ? d->api_base : d->provider->base_url;

	if (b->r->api == WIRE_RESPONSES)
		return "max_output_tokens";
	return b->r->api == WIRE_CHAT &&
		       str_find(str_of(base), "://api.openai.com/") >= 0
		   ? "max_completion_tokens"
		   : "max_tokens";
}

/* Whether a limit goes up already, be it of the client or an addition. */
static bool
has_limit(const struct body *b)
{
	for (size_t i = 0; i < b->r->member_count; i++) {
		if (is_limit(b, b->r->members[i].id) &&
		    b->decisions[i].kind != DECIDE_DROP)
			return true;
	}
	return false;
}

/* One the gateway adds itself, under the name the provider knows. */
static void
add_own(struct body *b, const char *name, struct str value)
{
	enum param_action action;

	action = param_rules_judge(&b->rules, str_of(name), NULL, &name);
	if (action != PARAM_DROP)
		add_member(b, key_text(b, name), value);
}

/* One of the additions has this name. */
static bool
is_added(const struct body *b, struct str key)
{
	for (size_t i = 0; i < b->addition_count; i++) {
		struct str have = b->additions[i].key;

		if (have.n >= key.n + 2 && have.p[key.n + 1] == '"' &&
		    memcmp(have.p + 1, key.p, key.n) == 0)
			return true;
	}
	return false;
}

/* The client has a say in this parameter, under any of its names. */
static bool
client_has(const struct body *b, struct str key)
{
	if (is_limit(b, request_key_find(key)))
		return b->choice->max_tokens != CONFIG_UNSET ||
		       b->r->max_tokens != CONFIG_UNSET;
	return wire_request_member(b->r, key) != NULL;
}

/* What the gateway decides is not for the configuration's members to change. */
static bool
is_ours(const struct body *b, enum request_key id)
{
	return id == KEY_MODEL || id == KEY_STREAM ||
	       (id == KEY_STREAM_OPTIONS && b->r->stream) ||
	       (is_limit(b, id) && b->choice->max_tokens != CONFIG_UNSET);
}

static void
add_extra_body(struct body *b)
{
	struct str json = str_of(b->choice->deployment->extra_body_json);
	struct skim_value v;
	struct skim_iter it;
	struct str key;

	if (json.n == 0)
		return;
	skim_iter_init(&it, json);
	while (skim_iter_next(&it, &key, &v) == 1) {
		if (!is_ours(b, request_key_find(key)))
			add_member(b,
			    str_make(json.p + v.key_start,
				v.value_start - v.key_start),
			    v.value);
	}
}

/* A deployment's parameters are a chat's: what they are called in a response's
   request; NULL: they have no place there. */
static const char *
default_name(const struct body *b, const char *name)
{
	static const char *const chat_only[] = { "n", "stop", "seed",
		"frequency_penalty", "presence_penalty", "logit_bias",
		"logprobs", "response_format", "modalities", "audio",
		"prediction", "functions", "function_call", "messages",
		"reasoning_effort", "verbosity", "stream_options" };

	if (b->r->api != WIRE_RESPONSES)
		return name;
	if (strcmp(name, "max_tokens") == 0 ||
	    strcmp(name, "max_completion_tokens") == 0)
		return "max_output_tokens";
	for (size_t i = 0; i < ARRAY_LEN(chat_only); i++) {
		if (strcmp(name, chat_only[i]) == 0)
			return NULL;
	}
	return name;
}

/* reasoning_effort and verbosity are inside of objects there. */
static void
add_nested_default(struct body *b, const char *name, const char *object,
    const char *member)
{
	struct skim_value defaults = pick_root(
			      str_of(b->choice->deployment->defaults_json)),
			  v = pick_one(&defaults, name);

	if (b->r->api != WIRE_RESPONSES || v.type != SKIM_STRING ||
	    client_has(b, str_of(object)) || is_added(b, str_of(object)))
		return;
	add_own(b, object,
	    str_of(arena_printf(b->arena, "{\"%s\":" STR_FMT "}", member,
		STR_ARG(v.value))));
}

static void
add_defaults(struct body *b)
{
	struct str json = str_of(b->choice->deployment->defaults_json);
	struct skim_value v;
	struct skim_iter it;
	struct str key;

	if (json.n == 0)
		return;
	skim_iter_init(&it, json);
	while (skim_iter_next(&it, &key, &v) == 1) {
		const char *name =
		    default_name(b, arena_strndup(b->arena, key.p, key.n));

		if (name == NULL)
			continue;
		key = str_of(name);
		if (!client_has(b, key) && !is_added(b, key) &&
		    !is_ours(b, request_key_find(key)))
			add_own(b, name, v.value);
	}
	add_nested_default(b, "reasoning_effort", "reasoning", "effort");
	add_nested_default(b, "verbosity", "text", "verbosity");
}

/* The operator's members take the place of the client's. */
static void
drop_overridden(struct body *b)
{
	struct str json = str_of(b->choice->deployment->extra_body_json);
	struct skim_value v;
	struct skim_iter it;
	struct str key;
	size_t i;

	if (json.n == 0)
		return;
	skim_iter_init(&it, json);
	while (skim_iter_next(&it, &key, &v) == 1) {
		while (
		    !is_ours(b, request_key_find(key)) && find_sent(b, key, &i))
			b->decisions[i].kind = DECIDE_DROP;
	}
}

static void
add_members(struct body *b)
{
	if (asks_usage(b) && b->r->stream_options.type == SKIM_ABSENT &&
	    wire_request_member(b->r, str_of("stream_options")) == NULL)
		add_own(b, "stream_options",
		    str_of("{\"include_usage\":true}"));
	if (b->choice->max_tokens != CONFIG_UNSET &&
	    b->r->api != WIRE_EMBEDDINGS && !wire_api_is_media(b->r->api) &&
	    !has_limit(b))
		add_own(b, limit_name(b),
		    number_text(b, b->choice->max_tokens));
	add_extra_body(b);
	add_defaults(b);
}

/* ---- putting it together ----------------------------------------------- */

static void
put(struct body *b, struct str s)
{
	struct wire_call *call = b->call;
	struct str *last =
	    call->piece_count > 0 ? &call->pieces[call->piece_count - 1] : NULL;

	if (b->flat != NULL) {
		memcpy(b->flat + call->body_bytes, s.p, s.n);
	} else if (s.n == 0) {
		return;
	} else if (last != NULL && last->p + last->n == s.p) {
		last->n += s.n;
	} else if (call->piece_count < WIRE_MAX_PIECES) {
		call->pieces[call->piece_count++] = s;
	} else {
		b->too_many = true;
	}
	call->body_bytes += s.n;
}

static void
put_span(struct body *b, size_t from, size_t to)
{
	put(b, str_make(b->r->body.p + from, to - from));
}

static void
put_member(struct body *b, size_t i)
{
	const struct decision *d = &b->decisions[i];
	const struct skim_value *at = &b->r->members[i].at;

	if (d->kind == DECIDE_RENAME)
		put(b, d->key);
	else
		put_span(b, at->key_start, at->value_start);
	if (d->value.n > 0 && d->kind != DECIDE_KEEP)
		put(b, d->value);
	else
		put_span(b, at->value_start, at->value_end);
}

static void
put_body(struct body *b)
{
	const struct wire_member *m = b->r->members;
	size_t n = b->r->member_count;
	bool any = false;

	b->call->piece_count = 0;
	b->call->body_bytes = 0;
	put_span(b, 0, m[0].at.key_start);
	for (size_t i = 0; i < n; i++) {
		if (b->decisions[i].kind == DECIDE_DROP)
			continue;
		if (any) /* the comma in front, with its blanks */
			put_span(b, m[i - 1].at.value_end, m[i].at.key_start);
		put_member(b, i);
		any = true;
	}
	for (size_t i = 0; i < b->addition_count; i++) {
		if (any)
			put(b, str_make(",", 1));
		put(b, b->additions[i].key);
		put(b, b->additions[i].value);
		any = true;
	}
	put_span(b, m[n - 1].at.value_end, b->r->body.n);
}

int
openai_body_write(const struct wire_request *r,
    const struct wire_choice *choice, struct arena *arena,
    struct wire_call *call_r, struct err *err)
{
	struct body b = { .r = r, .choice = choice };
	int result;

	b.arena = arena;
	b.call = call_r;
	b.decisions =
	    arena_alloc(arena, r->member_count * sizeof(*b.decisions));
	param_rules_init(&b.rules, r, choice);
	drop_overridden(&b);
	for (size_t i = 0; i < r->member_count; i++)
		decide_member(&b, i);
	add_members(&b);
	result = param_rules_end(&b.rules, err);
	param_rules_fini(&b.rules);
	if (result != 0)
		return -1;
	call_r->max_tokens = choice->max_tokens;
	put_body(&b);
	if (b.too_many) {
		b.flat = arena_alloc(arena, call_r->body_bytes);
		put_body(&b);
		call_r->piece_count = 1;
		call_r->pieces[0] = str_make(b.flat, call_r->body_bytes);
	}
	return 0;
}
