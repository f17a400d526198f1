/* Chat messages for strict providers. See openai_messages.h. */
#include "wire/openai/openai_messages.h"

#include "base/hash.h"
#include "base/jsonw.h"
#include "wire/openai/openai_params.h"
#include "wire/pick.h"

#define TAKES_DEVELOPER                                                        \
	"openai azure azure_text azure_ai text-completion-openai"
#define TAKES_NO_NAMES "groq"
#define TAKES_CACHE    "openrouter"
#define IS_STRICT      "mistral codestral"
#define WANTS_SIGNED   "gemini"
#define NEEDS_THOUGHT  "deepseek"
/* Members that hold it, of a message. */
#define THOUGHT                                                                \
	"reasoning_content reasoning thinking_blocks "                         \
	"reasoning_details"

/* Google's word for calls that its model did not make. */
#define ANY_SIGNATURE                                                          \
	"{\"google\":{\"thought_signature\":"                                  \
	"\"skip_thought_signature_validator\"}}"

#define ROOM_FACTOR 3 /* an id of one byte becomes one of nine */
#define ROOM_MORE   4096

#define MISTRAL_ID_BYTES 9

struct mend {
	bool no_developer, no_names, no_cache, strict;
	bool signs;          /* calls without a signature get one */
	bool thinks;         /* takes thinking chunks */
	const char *thought; /* names it has here; NULL: as it is */
	bool needs_thought;  /* ... with calls in any case */
	bool changed;
	struct arena *arena;
	struct buf out;
	struct jsonw w;
	bool behind_tool; /* the message before was of role tool */
	bool begun;       /* one that is no instructions came */
};

struct message {
	struct skim_value object, role, content, tool_calls, prefix;
	struct skim_value reasoning, other; /* reasoning_content, reasoning */
	bool is_last;
	bool is_late; /* instructions where Mistral wants a user's turn */
};

static bool
is_role(const struct message *m, const char *role)
{
	return skim_string_is(&m->role, role);
}

/* ---- ids --------------------------------------------------------------- */

static bool
is_mistral_id(const struct skim_value *v)
{
	if (v->type != SKIM_STRING || v->value.n != MISTRAL_ID_BYTES + 2)
		return false;
	for (size_t i = 1; i <= MISTRAL_ID_BYTES; i++) {
		char c = v->value.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			(c >= '0' && c <= '9')))
			return false;
	}
	return true;
}

/* Nine of 62 characters from a hash of the id. */
static void
write_id(struct mend *m, const struct skim_value *v)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz"
				     "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	unsigned char hash[SHA256_BYTES];
	char id[MISTRAL_ID_BYTES + 1] = "";

	if (is_mistral_id(v)) {
		jsonw_raw(&m->w, v->value);
		return;
	}
	m->changed = true;
	hash_sha256(pick_text(v, m->arena), hash);
	for (size_t i = 0; i < MISTRAL_ID_BYTES; i++)
		id[i] = digits[hash[i] % 62];
	jsonw_cstr(&m->w, id);
}

/* ---- members ----------------------------------------------------------- */

/* One member of an object that is kept. */
static void
write_key(struct mend *m, struct str key)
{
	jsonw_str(&m->w, key);
	buf_add_char(m->w.out, ':');
	m->w.comma = false;
}

static void
write_call(struct mend *m, const struct skim_value *call)
{
	struct skim_iter it;
	struct skim_value v;
	struct str key;

	if (call->type != SKIM_OBJECT) {
		jsonw_raw(&m->w, call->value);
		return;
	}
	jsonw_open(&m->w, '{');
	skim_iter_init(&it, call->value);
	while (skim_iter_next(&it, &key, &v) == 1) {
		if (!param_is_listed("id type function index", key)) {
			m->changed = true;
			continue;
		}
		write_key(m, key);
		if (str_is(key, "id"))
			write_id(m, &v);
		else
			jsonw_raw(&m->w, v.value);
	}
	jsonw_close(&m->w, '}');
}

/* A call with a signature, when it has none: only the first of a turn needs
   it. What else its extra_content holds means nothing to Gemini. */
static void
write_signed(struct mend *m, const struct skim_value *call)
{
	struct skim_value signature = pick_one(call, "extra_content");
	struct skim_iter it;
	struct skim_value v;
	struct str key;

	signature = pick_one(&signature, "google");
	signature = pick_one(&signature, "thought_signature");
	if (call->type != SKIM_OBJECT || !pick_is_empty(&signature)) {
		jsonw_raw(&m->w, call->value);
		return;
	}
	m->changed = true;
	jsonw_open(&m->w, '{');
	jsonw_key(&m->w, "extra_content");
	jsonw_raw(&m->w, str_of(ANY_SIGNATURE));
	skim_iter_init(&it, call->value);
	while (skim_iter_next(&it, &key, &v) == 1) {
		if (str_is(key, "extra_content"))
			continue;
		write_key(m, key);
		jsonw_raw(&m->w, v.value);
	}
	jsonw_close(&m->w, '}');
}

/* Gemini 3 and what comes after it; what has another name is one of them. */
static bool
wants_signed(const char *model)
{
	static const char *const older[] = { "gemini-1", "gemini-2", "gemma" };

	for (size_t i = 0; i < ARRAY_LEN(older); i++) {
		if (str_find_nocase(str_of(model), older[i]) >= 0)
			return false;
	}
	return true;
}

static void
write_calls(struct mend *m, const struct skim_value *calls)
{
	struct skim_iter it;
	struct skim_value v;
	struct str key;
	bool first = true;

	if (calls->type != SKIM_ARRAY) {
		jsonw_raw(&m->w, calls->value);
		return;
	}
	jsonw_open(&m->w, '[');
	skim_iter_init(&it, calls->value);
	while (skim_iter_next(&it, &key, &v) == 1) {
		if (m->strict)
			write_call(m, &v);
		else if (first)
			write_signed(m, &v);
		else
			jsonw_raw(&m->w, v.value);
		first = false;
	}
	jsonw_close(&m->w, ']');
}

/* [thinking, text]: content with the reasoning in front of it. */
static void
write_thinking(struct mend *m, const struct message *message)
{
	struct jsonw *w = &m->w;

	m->changed = true;
	jsonw_key(w, "content");
	jsonw_open(w, '[');
	jsonw_raw(w, str_of("{\"type\":\"thinking\",\"thinking\":["
			    "{\"type\":\"text\",\"text\":"));
	buf_add_str(w->out, message->reasoning.value);
	buf_add_cstr(w->out, "}]}");
	if (!pick_is_empty(&message->content)) {
		jsonw_raw(w, str_of("{\"type\":\"text\",\"text\":"));
		buf_add_str(w->out, message->content.value);
		buf_add_char(w->out, '}');
	}
	jsonw_close(w, ']');
}

static bool
shows_thinking(const struct mend *m, const struct message *message)
{
	return m->thinks && is_role(message, "assistant") &&
	       !pick_is_empty(&message->reasoning) &&
	       message->content.type != SKIM_ARRAY;
}

/* Members that Mistral's schema has for this role. */
static bool
is_known(const struct message *message, struct str key)
{
	if (is_role(message, "assistant"))
		return param_is_listed("role content tool_calls prefix", key);
	if (is_role(message, "tool"))
		return param_is_listed("role content tool_call_id name", key);
	return param_is_listed("role content", key);
}

static bool
is_kept(const struct mend *m, const struct message *message, struct str key)
{
	if (m->strict)
		return is_known(message, key) &&
		       !(str_is(key, "content") && shows_thinking(m, message));
	if (m->thought != NULL && param_is_listed(THOUGHT, key) &&
	    !param_is_listed(m->thought, key))
		return false;
	return !(m->no_names && str_is(key, "name")) &&
	       !(m->no_cache && str_is(key, "cache_control"));
}

/* An object, or an array of them, without cache_control in it. */
static void
write_uncached(struct mend *m, const struct skim_value *v, bool is_tool)
{
	bool is_array = v->type == SKIM_ARRAY;
	struct skim_value item;
	struct skim_iter it;
	struct str key;

	if (!is_array && v->type != SKIM_OBJECT) {
		jsonw_raw(&m->w, v->value);
		return;
	}
	jsonw_open(&m->w, is_array ? '[' : '{');
	skim_iter_init(&it, v->value);
	while (skim_iter_next(&it, &key, &item) == 1) {
		if (!is_array && str_is(key, "cache_control")) {
			m->changed = true;
			continue;
		}
		if (!is_array)
			write_key(m, key);
		/* Objects in the array, and a tool's function; not deeper: what
		   a schema calls its properties is its own affair. */
		if (is_array || (is_tool && str_is(key, "function")))
			write_uncached(m, &item, is_tool && is_array);
		else
			jsonw_raw(&m->w, item.value);
	}
	jsonw_close(&m->w, is_array ? ']' : '}');
}

/* Thoughts under the other of their two names. */
static void
write_thought(struct mend *m, const struct message *message)
{
	const struct skim_value *have[] = { &message->reasoning,
		&message->other };
	static const char *const names[] = { "reasoning_content", "reasoning" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (!pick_is_empty(have[i]) || pick_is_empty(have[1 - i]) ||
		    !param_is_listed(m->thought, str_of(names[i])))
			continue;
		m->changed = true;
		jsonw_key(&m->w, names[i]);
		jsonw_raw(&m->w, have[1 - i]->value);
	}
	if (m->needs_thought && message->reasoning.type != SKIM_STRING &&
	    pick_is_empty(&message->other) &&
	    message->tool_calls.type == SKIM_ARRAY) {
		m->changed = true;
		jsonw_key(&m->w, "reasoning_content");
		jsonw_cstr(&m->w, "");
	}
}

static void
write_member(struct mend *m, const struct message *message, struct str key,
    const struct skim_value *v)
{
	if (message->is_late && str_is(key, "role")) {
		m->changed = true;
		jsonw_cstr(&m->w, "user");
	} else if (m->no_developer && str_is(key, "role") &&
		   skim_string_is(v, "developer")) {
		m->changed = true;
		jsonw_cstr(&m->w, "system");
	} else if (m->no_cache && str_is(key, "content")) {
		write_uncached(m, v, false);
	} else if ((m->strict || m->signs) && str_is(key, "tool_calls")) {
		write_calls(m, v);
	} else if (m->strict && str_is(key, "tool_call_id")) {
		write_id(m, v);
	} else {
		jsonw_raw(&m->w, v->value);
	}
}

/* ---- messages ---------------------------------------------------------- */

static void
write_members(struct mend *m, const struct message *message)
{
	struct skim_iter it;
	struct skim_value v;
	struct str key;

	jsonw_open(&m->w, '{');
	skim_iter_init(&it, message->object.value);
	while (skim_iter_next(&it, &key, &v) == 1) {
		if (!is_kept(m, message, key)) {
			m->changed = true;
			continue;
		}
		write_key(m, key);
		write_member(m, message, key, &v);
	}
	if (m->strict && shows_thinking(m, message))
		write_thinking(m, message);
	if (!m->strict && m->thought != NULL && is_role(message, "assistant"))
		write_thought(m, message);
	if (m->strict && message->is_last && is_role(message, "assistant") &&
	    message->tool_calls.type != SKIM_ARRAY &&
	    message->prefix.type == SKIM_ABSENT) {
		m->changed = true;
		jsonw_key(&m->w, "prefix");
		jsonw_bool(&m->w, true);
	}
	jsonw_close(&m->w, '}');
}

static bool
is_empty_assistant(const struct mend *m, const struct message *message)
{
	bool has_content = message->content.type == SKIM_ARRAY
			       ? message->content.count > 0
			       : !pick_is_empty(&message->content);
	bool has_calls = message->tool_calls.type == SKIM_ARRAY &&
			 message->tool_calls.count > 0;

	return is_role(message, "assistant") && !has_content && !has_calls &&
	       !shows_thinking(m, message);
}

static void
write_message(struct mend *m, const struct skim_value *v, bool is_last)
{
	struct message message = { .object = *v, .is_last = is_last };
	const struct skim_wanted wanted[] = { { "role", &message.role },
		{ "content", &message.content },
		{ "tool_calls", &message.tool_calls },
		{ "reasoning_content", &message.reasoning },
		{ "reasoning", &message.other },
		{ "prefix", &message.prefix } };
	bool is_system;

	if (v->type != SKIM_OBJECT) {
		jsonw_raw(&m->w, v->value);
		return;
	}
	pick(v, wanted, ARRAY_LEN(wanted));
	if (m->strict && pick_is_empty(&message.reasoning))
		message.reasoning = message.other;
	if (m->strict && is_empty_assistant(m, &message)) {
		m->changed = true;
		return;
	}
	is_system =
	    is_role(&message, "system") || is_role(&message, "developer");
	message.is_late = m->strict && m->begun && is_system;
	m->begun = m->begun || !is_system;
	if (m->strict && m->behind_tool &&
	    (message.is_late || is_role(&message, "user"))) {
		m->changed = true;
		jsonw_raw(&m->w,
		    str_of("{\"role\":\"assistant\",\"content\":\".\"}"));
	}
	m->behind_tool = is_role(&message, "tool");
	write_members(m, &message);
}

struct str
openai_messages_mend(const struct wire_request *r,
    const struct config_deployment *d, const char *model, struct arena *arena)
{
	struct str prefix = str_of(d->provider->prefix), result;
	struct mend m = { .arena = arena };
	struct skim_iter it;
	struct skim_value v;
	struct str key;
	size_t i = 0;

	result = r->messages.value;
	m.strict = param_is_listed(IS_STRICT, prefix);
	m.no_developer =
	    r->has_developer_role && !param_is_listed(TAKES_DEVELOPER, prefix);
	m.no_names = r->has_names && param_is_listed(TAKES_NO_NAMES, prefix);
	m.no_cache =
	    r->has_cache_control && !param_is_listed(TAKES_CACHE, prefix);
	m.thinks = str_find_nocase(str_of(model), "magistral") >= 0;
	/* The first turn has no calls. */
	m.signs = r->message_count > 1 &&
		  param_is_listed(WANTS_SIGNED, prefix) &&
		  wants_signed(param_family(d, model));
	m.needs_thought = param_is_listed(NEEDS_THOUGHT, prefix);
	if (r->has_thought || m.needs_thought)
		m.thought = param_thought_members(d);
	if ((!m.strict && !m.no_developer && !m.no_names && !m.no_cache &&
		!m.signs && m.thought == NULL) ||
	    r->messages.type != SKIM_ARRAY)
		return result;
	buf_init(&m.out, ROOM_FACTOR * r->messages.value.n + ROOM_MORE);
	jsonw_init(&m.w, &m.out);
	jsonw_open(&m.w, '[');
	skim_iter_init(&it, r->messages.value);
	while (skim_iter_next(&it, &key, &v) == 1)
		write_message(&m, &v, ++i == r->messages.count);
	jsonw_close(&m.w, ']');
	if (m.changed && !m.out.overflowed)
		result = arena_str(arena, buf_str(&m.out));
	buf_fini(&m.out);
	return result;
}

struct str
openai_tools_mend(const struct wire_request *r, const struct provider *provider,
    struct arena *arena)
{
	struct str result = r->tools.value;
	struct mend m = { .arena = arena };

	if (r->tools.type != SKIM_ARRAY ||
	    param_is_listed(TAKES_CACHE, str_of(provider->prefix)) ||
	    str_find(r->tools.value, "\"cache_control\"") < 0)
		return result;
	buf_init(&m.out, r->tools.value.n + ROOM_MORE);
	jsonw_init(&m.w, &m.out);
	write_uncached(&m, &r->tools, true);
	if (m.changed && !m.out.overflowed)
		result = arena_str(arena, buf_str(&m.out));
	buf_fini(&m.out);
	return result;
}
