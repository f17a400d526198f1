/* See router_fixture.h. */
#include "router_fixture.h"

static const struct provider providers[] = {
	{ .prefix = "openai",
	    .dialect = "openai",
	    .flags = PROVIDER_RESPONSES,
	    .title = "OpenAI" },
	{ .prefix = "azure", .dialect = "openai" },
	{ .prefix = "mistral", .dialect = "openai", .title = "Mistral" },
	{ .prefix = "anthropic", .dialect = "anthropic" },
};

static const struct config_policy no_policy = { -1, -1, -1, -1, -1, -1, -1, -1,
	-1 };
/* As the loader leaves it: the last three are no classes of it. */
static const struct config_policy no_fails_policy = { -1, -1, -1, -1, -1, -1, 0,
	0, 0 };

static bool
state_health(void *arg, const struct deployment *d, struct health_row *row_r)
{
	struct fix *f = arg;

	*row_r = f->health[d->index];
	return f->has_health[d->index];
}

static bool
state_use(void *arg, const struct deployment *d, struct limit_use *use_r)
{
	struct fix *f = arg;

	*use_r = (struct limit_use){
		.calls = f->in_flight[d->index],
		.requests = f->requests[d->index],
		.tokens = f->tokens[d->index],
		.next_nsecs = FIX_NEXT,
	};
	return true;
}

static bool
state_has_room(void *arg, const struct deployment *d,
    char reason[ROUTE_REASON_BYTES])
{
	struct fix *f = arg;

	if (f->no_room[d->index])
		snprintf(reason, ROUTE_REASON_BYTES, "budget used up");
	return !f->no_room[d->index];
}

/* xorshift64*: the same walk on every machine. */
static double
state_random(void *arg)
{
	struct fix *f = arg;

	if (f->fixed_random >= 0)
		return f->fixed_random;
	f->seed ^= f->seed >> 12;
	f->seed ^= f->seed << 25;
	f->seed ^= f->seed >> 27;
	return (double)((f->seed * UINT64_C(2685821657736338717)) >> 11) *
	       0x1.0p-53;
}

void
fix_init(struct fix *f)
{
	memset(f, 0, sizeof(*f));
	f->config.deployments = f->deployments;
	f->config.router.groups = f->groups;
	f->config.master_key = "";
	f->config.router.strategy_args_json = "{}";
	f->config.router.num_retries = 2;
	f->config.router.timeout_msecs = 6000000;
	f->config.router.stream_timeout_msecs = CONFIG_UNSET;
	f->config.router.cooldown_msecs = 5000;
	f->config.router.allowed_fails = CONFIG_UNSET;
	f->config.router.max_parallel_requests = CONFIG_UNSET;
	f->config.router.max_fallbacks = 5;
	f->config.router.tag_match_any = true;
	f->config.router.allowed_fails_policy = no_fails_policy;
	f->config.router.retry_policy = no_policy;
	f->config.router.aliases = f->aliases;
	f->config.router.fallbacks.items = f->fallbacks[FALLBACK_ANY];
	f->config.router.context_window_fallbacks.items =
	    f->fallbacks[FALLBACK_CONTEXT_WINDOW];
	f->config.router.content_policy_fallbacks.items =
	    f->fallbacks[FALLBACK_CONTENT_POLICY];
	f->seed = 88172645463325252u;
	f->fixed_random = -1;
	f->state.arg = f;
	f->state.health = state_health;
	f->state.use = state_use;
	f->state.has_room = state_has_room;
	f->state.random = state_random;
	f->state.now_nsecs = FIX_NOW;
	f->request.max_output = CONFIG_UNSET;
	arena_init(&f->arena, 1024);
}

void
fix_fini(struct fix *f)
{
	catalog_free(&f->catalog);
	price_table_free(&f->table);
	arena_fini(&f->arena);
}

static const struct provider *
provider_of(const char *model)
{
	for (size_t i = 0; i < ARRAY_LEN(providers); i++) {
		size_t n = strlen(providers[i].prefix);

		if (strncmp(model, providers[i].prefix, n) == 0 &&
		    model[n] == '/')
			return &providers[i];
	}
	fail_msg("no provider for %s", model);
	return NULL;
}

struct config_group *
fix_group(struct fix *f, const char *name)
{
	struct config_group *g = &f->groups[f->config.router.group_count++];

	*g = (struct config_group){
		.name = name,
		.strategy = f->config.router.strategy,
		.num_retries = CONFIG_UNSET,
		.allowed_fails = CONFIG_UNSET,
		.cooldown_msecs = CONFIG_UNSET,
		.max_cooldown_msecs = CONFIG_UNSET,
		.allowed_fails_policy = no_fails_policy,
		.retry_policy = no_policy,
		.file = "test.yaml",
		.line = 99,
	};
	return g;
}

struct config_deployment *
fix_add(struct fix *f, const char *name, const char *id, const char *model)
{
	struct config_deployment d = {
		.model_name = name,
		.id = id,
		.provider = provider_of(model),
		.litellm_model = model,
		.upstream_model = strchr(model, '/') + 1,
		.api_base = "http://127.0.0.1",
		.api_key = "",
		.api_version = "",
		.organization = "",
		.defaults_json = "",
		.extra_body_json = "",
		.base_model = "",
		.mode = "chat",
		.timeout_msecs = CONFIG_UNSET,
		.stream_timeout_msecs = CONFIG_UNSET,
		.cooldown_msecs = CONFIG_UNSET,
		.allowed_fails = CONFIG_UNSET,
		.allowed_fails_policy = no_fails_policy,
		.num_retries = CONFIG_UNSET,
		.rpm = CONFIG_UNSET,
		.tpm = CONFIG_UNSET,
		.max_parallel_requests = CONFIG_UNSET,
		.weight_micros = CONFIG_UNSET,
		.order = CONFIG_UNSET,
		.max_input_tokens = CONFIG_UNSET,
		.max_output_tokens = CONFIG_UNSET,
		.max_budget = "",
		.budget_duration = "",
		.drop_params = CONFIG_UNSET,
		.use_chat = CONFIG_UNSET,
		.model_info_json = "{}",
		.file = "test.yaml",
		.line = (int)f->config.deployment_count + 1,
	};

	assert_true(f->config.deployment_count < FIX_MAX);
	f->deployments[f->config.deployment_count] = d;
	return &f->deployments[f->config.deployment_count++];
}

void
fix_fallback(struct fix *f, enum fallback_kind kind, const char *from, ...)
{
	struct config_fallbacks *lists[] = { &f->config.router.fallbacks,
		&f->config.router.context_window_fallbacks,
		&f->config.router.content_policy_fallbacks };
	struct config_fallbacks *list = lists[kind];
	size_t i = list->count++;
	struct config_fallback *item = &list->items[i];
	const char *to;
	va_list ap;

	item->from = from;
	item->to.items = f->fallback_to[kind][i];
	item->to.count = 0;
	va_start(ap, from);
	while ((to = va_arg(ap, const char *)) != NULL)
		item->to.items[item->to.count++] = to;
	va_end(ap);
}

void
fix_alias(struct fix *f, const char *alias, const char *group, bool hidden)
{
	struct config_alias a = { alias, group, hidden };

	f->aliases[f->config.router.alias_count++] = a;
}

void
fix_prices(struct fix *f, const char *json)
{
	if (price_table_parse(str_of(json), "prices", &f->table, &f->err) != 0)
		fail_msg("%s", f->err.text);
}

void
fix_build(struct fix *f)
{
	catalog_free(&f->catalog);
	if (catalog_build(&f->config, &f->table, f->table != NULL, &f->catalog,
		&f->err) != 0)
		fail_msg("%s", f->err.text);
}

void
fix_open(struct fix *f, int index, int64_t nsecs)
{
	struct health_row *row = &f->health[index];

	health_row_init(row);
	row->state = BREAKER_OPEN;
	row->opened_nsecs = FIX_NOW;
	row->open_until_nsecs = FIX_NOW + nsecs;
	row->runs[HEALTH_FAILURE] = row->consecutive = 4;
	row->cause = CAUSE_FAILURES;
	row->last_status = 503;
	f->has_health[index] = true;
}

int
fix_route(struct fix *f, const char *model)
{
	arena_reset(&f->arena);
	f->request.model = str_of(model);
	return route(f->catalog, &f->request, &f->state, &f->arena, &f->plan,
	    &f->err);
}

const char *
fix_order(struct fix *f, const struct plan *p)
{
	char *out = arena_strdup(&f->arena, "");

	for (size_t i = 0; i < p->count; i++) {
		const struct candidate *c = &p->candidates[i];
		bool bar =
		    i > 0 && p->candidates[i - 1].group_index != c->group_index;

		out = arena_printf(&f->arena, "%s%s%s%s", out,
		    i == 0 ? "" : " ", bar ? "| " : "", c->deployment->id);
	}
	return out;
}

const char *
fix_reason(const struct plan *p, const char *id)
{
	for (size_t i = 0; i < p->count; i++) {
		if (strcmp(p->candidates[i].deployment->id, id) == 0)
			return p->candidates[i].reason;
	}
	for (size_t i = 0; i < p->refused_count; i++) {
		if (strcmp(p->refused[i].deployment->id, id) == 0)
			return p->refused[i].reason;
	}
	return "";
}
