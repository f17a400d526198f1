/* Chat requests from those of other APIs. See chat_draft.h. */
#include "wire/openai/chat_draft.h"

#include "wire/openai/chat_turn.h"
#include "wire/openai/openai_params.h"

/* Blanks of JSON beside what the client wrote. */
#define ROOM_FACTOR 4
#define ROOM_MORE   (64 * 1024)

/* A chat's words for more output than the other APIs can ask for: what was
   held for the request does not pay for it. */
static const struct chat_param more_output[] = {
	{ "n", CHAT_REFUSE },
	{ "best_of", CHAT_REFUSE },
	{ "prediction", CHAT_REFUSE },
	{ "max_completion_tokens", CHAT_REFUSE },
};

static bool
find_fate(struct str key, const struct chat_param *params, size_t n,
    enum chat_fate *fate_r)
{
	for (size_t i = 0; i < n; i++) {
		if (str_is(key, params[i].name)) {
			*fate_r = params[i].fate;
			return true;
		}
	}
	return false;
}

int
chat_draft_members(struct chat_draft *d, const struct chat_param *params,
    size_t n)
{
	for (size_t i = 0; i < d->r->member_count; i++) {
		const struct wire_member *m = &d->r->members[i];
		enum chat_fate fate = CHAT_COPY;
		const char *name;

		if (m->cut || m->at.type == SKIM_NULL)
			continue;
		if (!find_fate(m->key, params, n, &fate))
			find_fate(m->key, more_output, ARRAY_LEN(more_output),
			    &fate);
		name = arena_strndup(d->arena, m->key.p, m->key.n);
		if (fate == CHAT_COPY)
			chat_draft_copy(d, name, &m->at);
		else if (fate == CHAT_REFUSE && chat_draft_refuse(d, name) != 0)
			return -1;
	}
	return 0;
}

struct skim_value
chat_draft_param(const struct chat_draft *d, const char *name)
{
	const struct wire_member *m = wire_request_member(d->r, str_of(name));
	struct skim_value v = { .type = SKIM_ABSENT };

	if (m != NULL && m->at.type != SKIM_NULL)
		v = m->at;
	return v;
}

bool
chat_draft_is_for(const struct chat_draft *d, const char *providers)
{
	return param_is_listed(providers, str_of(d->provider));
}

int
chat_draft_refuse(struct chat_draft *d, const char *what)
{
	if (d->drop)
		return 0;
	return err_set(d->err, ERR_BAD_REQUEST,
	    "%s does not support %s, for model=%s. To drop it, set "
	    "`litellm_settings: drop_params: true`, or drop_params in the "
	    "request",
	    d->provider, what, d->model);
}

int
chat_draft_refuse_tool(struct chat_draft *d, const struct skim_value *type)
{
	struct str name = pick_text(type, d->arena);

	return chat_draft_refuse(d,
	    arena_printf(d->arena, "tools of type \"%.*s\"",
		name.n > 40 ? 40 : (int)name.n, name.p));
}

void
chat_draft_copy(struct chat_draft *d, const char *key,
    const struct skim_value *v)
{
	if (v->type == SKIM_ABSENT)
		return;
	jsonw_key(&d->w, key);
	jsonw_raw(&d->w, v->value);
}

void
chat_draft_limit(struct chat_draft *d, const struct skim_value *limit)
{
	int64_t n;

	if (d->max_output_tokens <= 0 || skim_int(limit, &n) != 0 ||
	    n <= d->max_output_tokens) {
		chat_draft_copy(d, "max_tokens", limit);
		return;
	}
	jsonw_key(&d->w, "max_tokens");
	jsonw_int(&d->w, d->max_output_tokens);
}

void
chat_draft_effort(struct chat_draft *d, const struct skim_value *effort)
{
	struct skim_value most = { .type = SKIM_STRING,
		.value = STR_LIT("\"high\"") };
	bool more =
	    skim_string_is(effort, "xhigh") || skim_string_is(effort, "max");

	if (more && chat_draft_is_for(d, "hosted_vllm vllm"))
		effort = &most;
	chat_draft_copy(d, "reasoning_effort", effort);
}

static struct str
string_or_empty(const struct skim_value *v)
{
	return v->type == SKIM_STRING ? v->value : str_of("\"\"");
}

void
chat_draft_function(struct chat_draft *d, const struct skim_value *name,
    const struct skim_value *tool, const char *schema_name)
{
	struct skim_value description, schema, strict;
	const struct skim_wanted wanted[] = { { "description", &description },
		{ schema_name, &schema }, { "strict", &strict } };
	struct jsonw *w = &d->w;

	pick(tool, wanted, ARRAY_LEN(wanted));
	jsonw_open(w, '{');
	jsonw_key(w, "type");
	jsonw_cstr(w, "function");
	jsonw_key(w, "function");
	jsonw_open(w, '{');
	jsonw_key(w, "name");
	jsonw_raw(w, string_or_empty(name));
	if (!pick_is_empty(&description))
		chat_draft_copy(d, "description", &description);
	jsonw_key(w, "parameters");
	jsonw_raw(w, schema.type == SKIM_OBJECT ? schema.value : str_of("{}"));
	if (strict.type == SKIM_TRUE)
		chat_draft_copy(d, "strict", &strict);
	jsonw_close(w, '}');
	jsonw_close(w, '}');
}

void
chat_draft_choose(struct chat_draft *d, const char *kind,
    const struct skim_value *name)
{
	struct jsonw *w = &d->w;

	jsonw_key(w, "tool_choice");
	jsonw_open(w, '{');
	jsonw_key(w, "type");
	jsonw_cstr(w, kind);
	jsonw_key(w, kind);
	jsonw_open(w, '{');
	jsonw_key(w, "name");
	jsonw_raw(w, string_or_empty(name));
	jsonw_close(w, '}');
	jsonw_close(w, '}');
}

void
chat_draft_one_call(struct chat_draft *d)
{
	jsonw_key(&d->w, "parallel_tool_calls");
	jsonw_bool(&d->w, false);
}

static int
write_body(struct chat_draft *d, int (*write)(struct chat_draft *d))
{
	jsonw_open(&d->w, '{');
	jsonw_key(&d->w, "model");
	jsonw_raw(&d->w, d->r->model_at.value);
	if (write(d) != 0)
		return -1;
	jsonw_close(&d->w, '}');
	if (d->out.overflowed)
		return err_set(d->err, ERR_BAD_REQUEST,
		    "the request becomes too large when it is put into a "
		    "chat's form");
	return 0;
}

int
chat_draft_write(const struct wire_request *r, const struct wire_choice *choice,
    int (*write)(struct chat_draft *d), struct arena *arena,
    struct wire_request *chat_r, struct err *err)
{
	struct chat_draft d = { .r = r, .err = err };
	struct param_rules rules;
	const char *ignored;
	struct str body;
	int result;

	d.arena = arena;
	param_rules_init(&rules, r, choice);
	d.drop = rules.drop;
	d.model = rules.model;
	d.takes_effort = param_takes_effort(choice->deployment, rules.model);
	d.takes_custom =
	    param_takes_custom_tools(choice->deployment, rules.model);
	d.takes_late_system = param_takes_late_system(choice->deployment);
	d.thought = param_thought_members(choice->deployment);
	if (d.thought == NULL)
		d.thought = "";
	d.max_output_tokens = choice->max_output_tokens;
	d.deployment = choice->deployment;
	d.provider = choice->deployment->provider->prefix;
	param_rules_fini(&rules);
	buf_init(&d.out, ROOM_FACTOR * r->body.n + ROOM_MORE);
	buf_init(&d.lead, d.out.max);
	chat_parts_init(&d.held, &d);
	jsonw_init(&d.w, &d.out);
	result = write_body(&d, write);
	chat_parts_fini(&d.held, &d);
	buf_fini(&d.lead);
	body = result == 0 ? arena_str(arena, buf_str(&d.out)) : str_of("");
	buf_fini(&d.out);
	if (result != 0 || wire_request_parse(WIRE_CHAT, body, arena, chat_r,
			       &ignored, err) != 0)
		return -1;
	chat_r->drop_params = r->drop_params;
	chat_r->additional_drop_params = r->additional_drop_params;
	chat_r->allowed_openai_params = r->allowed_openai_params;
	return 0;
}
