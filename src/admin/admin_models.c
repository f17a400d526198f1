/* /v1/models and /model/info: what can be asked for. See admin.h. */
#include "admin/admin.h"

#include "base/jsonw.h"
#include "domain/accounts/access.h"

#define BODY_BYTES (8 * 1024 * 1024)
/* LiteLLM's constant: clients cache by it. */
#define MODEL_CREATED 1677610602

static void
write_model(struct jsonw *w, const char *id)
{
	jsonw_open(w, '{');
	jsonw_key(w, "id");
	jsonw_cstr(w, id);
	jsonw_key(w, "object");
	jsonw_cstr(w, "model");
	jsonw_key(w, "created");
	jsonw_int(w, MODEL_CREATED);
	jsonw_key(w, "owned_by");
	jsonw_cstr(w, "openai");
	jsonw_close(w, '}');
}

static bool
may_ask(const struct catalog *c, const struct account *account,
    const char *name)
{
	return access_model(account, c, str_of(name), NULL) == 0;
}

void
admin_models_list(const struct admin_env *env, struct http_call *call,
    const struct account *account, struct str argument)
{
	const struct catalog *c = env->catalog;
	const struct config_router *r = &env->config->router;
	struct buf body;
	struct jsonw w;

	(void)argument;
	buf_init(&body, BODY_BYTES);
	jsonw_init(&w, &body);
	jsonw_open(&w, '{');
	jsonw_put_open(&w, "data", '[');
	for (size_t i = 0; i < c->group_count; i++) {
		if (may_ask(c, account, c->groups[i].name))
			write_model(&w, c->groups[i].name);
	}
	for (size_t i = 0; i < r->alias_count; i++) {
		if (!r->aliases[i].hidden &&
		    may_ask(c, account, r->aliases[i].alias))
			write_model(&w, r->aliases[i].alias);
	}
	for (size_t i = 0; i < account->alias_count; i++) {
		if (may_ask(c, account, account->aliases[i].model))
			write_model(&w, account->aliases[i].name.p);
	}
	jsonw_close(&w, ']');
	jsonw_key(&w, "object");
	jsonw_cstr(&w, "list");
	jsonw_close(&w, '}');
	http_reply_take(call, 200, "application/json", &body);
	buf_fini(&body);
}

void
admin_models_get(const struct admin_env *env, struct http_call *call,
    const struct account *account, struct str argument)
{
	struct buf body;
	struct jsonw w;
	struct str model = access_alias(account, argument);
	char *name;

	if (catalog_find(env->catalog, model) == NULL ||
	    access_model(account, env->catalog, model, NULL) != 0) {
		name = xasprintf("model=" STR_FMT, STR_ARG(argument));
		/* OpenAI says 404 here, not 400. */
		admin_error(call, ERR_MODEL_ABSENT, name);
		free(name);
		return;
	}
	name = str_dup(argument);
	buf_init(&body, BODY_BYTES);
	jsonw_init(&w, &body);
	write_model(&w, name);
	http_reply_take(call, 200, "application/json", &body);
	buf_fini(&body);
	free(name);
}

/* A price in USD per token, under LiteLLM's key; nothing when unknown. */
static void
write_price(struct jsonw *w, const char *key, int64_t picos)
{
	if (picos == PRICE_UNSET)
		return;
	jsonw_key(w, key);
	jsonw_decimal(w, picos, 12);
}

static void
write_info(struct jsonw *w, const struct deployment *d)
{
	const struct price_rates *p = &d->price.base;

	jsonw_open(w, '{');
	jsonw_key(w, "id");
	jsonw_cstr(w, d->id);
	jsonw_key(w, "mode");
	jsonw_cstr(w, d->config->mode);
	jsonw_key(w, "litellm_provider");
	jsonw_cstr(w, d->provider);
	if (d->max_input_tokens != CONFIG_UNSET) {
		jsonw_key(w, "max_input_tokens");
		jsonw_int(w, d->max_input_tokens);
	}
	if (d->max_output_tokens != CONFIG_UNSET) {
		jsonw_key(w, "max_output_tokens");
		jsonw_int(w, d->max_output_tokens);
	}
	if (d->price.known) {
		write_price(w, "input_cost_per_token", p->input);
		write_price(w, "output_cost_per_token", p->output);
		write_price(w, "cache_read_input_token_cost", p->cached_input);
		write_price(w, "cache_creation_input_token_cost",
		    p->cache_write);
		write_price(w, "output_cost_per_reasoning_token", p->reasoning);
		jsonw_key(w, "price_version");
		jsonw_cstr(w, d->price.version);
	}
	jsonw_key(w, "config");
	jsonw_raw(w, str_of(d->config->model_info_json));
	jsonw_close(w, '}');
}

void
admin_model_info(const struct admin_env *env, struct http_call *call,
    const struct account *account, struct str argument)
{
	const struct catalog *c = env->catalog;
	struct buf body;
	struct jsonw w;

	(void)argument;
	buf_init(&body, BODY_BYTES);
	jsonw_init(&w, &body);
	jsonw_open(&w, '{');
	jsonw_put_open(&w, "data", '[');
	for (size_t i = 0; i < c->deployment_count; i++) {
		const struct deployment *d = &c->deployments[i];

		if (!may_ask(c, account, d->config->model_name))
			continue;
		jsonw_open(&w, '{');
		jsonw_key(&w, "model_name");
		jsonw_cstr(&w, d->config->model_name);
		jsonw_put_open(&w, "litellm_params", '{');
		jsonw_key(&w, "model");
		jsonw_cstr(&w, d->config->litellm_model);
		jsonw_key(&w, "api_base");
		jsonw_cstr(&w, d->config->api_base);
		jsonw_close(&w, '}');
		jsonw_key(&w, "model_info");
		write_info(&w, d);
		jsonw_close(&w, '}');
	}
	jsonw_close(&w, ']');
	jsonw_close(&w, '}');
	http_reply_take(call, 200, "application/json", &body);
	buf_fini(&body);
}
