/* What a request costs: /spend/calculate, /cost/estimate; and what groups
   there are, /model_group/info. See admin_call.h. */
#include "admin/admin_call.h"

#include "domain/accounts/access.h"
#include "domain/ledger/money.h"
#include "wire/request.h"
#include "wire/usage_json.h"

/* The price of the first deployment of a model that the caller may ask for;
   NULL with an error. */
static const struct price *
find_price(struct admin_call *a, struct str model, struct arena *arena)
{
	struct catalog_match match;
	const struct price *p;
	const struct deployment *d;

	model = access_alias(a->account, model);
	if (access_model(a->account, a->env->catalog, model, &a->err) != 0) {
		a->param = "model";
		return NULL;
	}
	if (!catalog_match(a->env->catalog, model, arena, &match)) {
		a->param = "model";
		call_refuse(a, ERR_MODEL_UNKNOWN, "model=" STR_FMT,
		    model.n > 200 ? 200 : (int)model.n, model.p);
		return NULL;
	}
	d = match.group->members[0];
	p = catalog_price(a->env->catalog, d,
	    catalog_upstream_model(d, &match, arena), arena);
	if (p->known)
		return p;
	a->param = "model";
	call_refuse(a, ERR_UNPRICED, "model=" STR_FMT,
	    model.n > 200 ? 200 : (int)model.n, model.p);
	return NULL;
}

/* The usage of an answer that the client has. */
static int
read_answer(struct admin_call *a, const json_t *response, struct usage *u,
    struct str *model_r)
{
	char *text = entity_dump(json_object_get(response, "usage"));
	struct skim_value v = { .type = SKIM_OBJECT };
	int rc = -1;

	*model_r = jsonx_str(response, "model");
	memset(u, 0, sizeof(*u));
	v.value = str_of(text);
	v.value_end = v.value.n;
	if (json_is_object(json_object_get(response, "usage")))
		rc = usage_json_read(&v, u);
	free(text);
	if (rc == 0)
		return 0;
	a->param = "completion_response";
	return call_refuse(a, ERR_BAD_FIELD,
	    "completion_response takes an answer with its usage");
}

/* A guess at the prompt of a request that is not made. */
static int
read_question(struct admin_call *a, struct arena *arena, struct usage *u,
    struct str *model_r)
{
	struct wire_request request;

	if (wire_request_parse(WIRE_CHAT, http_body(a->http), arena, &request,
		&a->param, &a->err) != 0)
		return -1;
	memset(u, 0, sizeof(*u));
	u->source = USAGE_ESTIMATED;
	u->prompt_tokens = request.prompt_guess_tokens;
	*model_r = request.model;
	return 0;
}

int
spend_calculate(struct admin_call *a, json_t **answer_r)
{
	const json_t *response =
	    json_object_get(a->body, "completion_response");
	const struct price *p = NULL;
	struct arena arena;
	struct str model;
	struct usage u;
	int rc;

	arena_init(&arena, 1024);
	rc = response != NULL ? read_answer(a, response, &u, &model)
			      : read_question(a, &arena, &u, &model);
	if (rc == 0)
		p = find_price(a, model, &arena);
	if (p != NULL)
		*answer_r = json_pack("{s:o}", "cost",
		    view_usd(price_cost_nanos(p, &u)));
	arena_fini(&arena);
	return p != NULL ? 0 : -1;
}

static int
read_tokens(struct admin_call *a, const char *name, int64_t *v_r)
{
	*v_r = 0;
	if (jsonx_int(a->body, name, v_r) >= 0 && *v_r >= 0 &&
	    *v_r <= INT64_C(1000000000000))
		return 0;
	a->param = name;
	return call_refuse(a, ERR_BAD_FIELD, "%s takes %s", name,
	    field_type_text(FIELD_COUNT));
}

static int64_t
times(int64_t nanos, int64_t count)
{
	__int128 v = (__int128)nanos * count;

	return v > MONEY_MAX ? MONEY_MAX : (int64_t)v;
}

static json_t *
estimate(const struct price *p, struct usage u, int64_t per_day,
    int64_t per_month)
{
	int64_t cost = price_cost_nanos(p, &u), input;
	int64_t prompt = u.prompt_tokens, output = u.completion_tokens;

	u.completion_tokens = 0;
	input = price_cost_nanos(p, &u);
	return json_pack("{s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:s}",
	    "input_tokens", (json_int_t)prompt, "output_tokens",
	    (json_int_t)output, "cost_per_request", view_usd(cost),
	    "input_cost_per_request", view_usd(input),
	    "output_cost_per_request", view_usd(cost - input), "daily_cost",
	    per_day > 0 ? view_usd(times(cost, per_day)) : json_null(),
	    "monthly_cost",
	    per_month > 0 ? view_usd(times(cost, per_month)) : json_null(),
	    "price_version", p->version);
}

int
cost_estimate(struct admin_call *a, json_t **answer_r)
{
	struct usage u = { .source = USAGE_PROVIDER };
	const struct price *p;
	int64_t per_day, per_month;
	struct arena arena;
	struct str model;

	if (call_need_text(a, "model", &model) != 0 ||
	    read_tokens(a, "input_tokens", &u.prompt_tokens) != 0 ||
	    read_tokens(a, "output_tokens", &u.completion_tokens) != 0 ||
	    read_tokens(a, "num_requests_per_day", &per_day) != 0 ||
	    read_tokens(a, "num_requests_per_month", &per_month) != 0)
		return -1;
	arena_init(&arena, 512);
	p = find_price(a, model, &arena);
	if (p != NULL) {
		*answer_r = estimate(p, u, per_day, per_month);
		json_object_set(*answer_r, "model",
		    json_object_get(a->body, "model"));
	}
	arena_fini(&arena);
	return p != NULL ? 0 : -1;
}

/* ---- groups ------------------------------------------------------------- */

static json_t *
count_or_null(int64_t v)
{
	return v == CONFIG_UNSET ? json_null() : json_integer(v);
}

/* USD per token, exact. */
static json_t *
rate(int64_t picos)
{
	return picos == PRICE_UNSET ? json_null()
				    : json_real((double)picos / 1e12);
}

/* The sum of what is set; CONFIG_UNSET when nothing is. */
static int64_t
sum_of(int64_t sum, int64_t v)
{
	if (v == CONFIG_UNSET)
		return sum;
	return sum == CONFIG_UNSET ? v : sum + v;
}

static json_t *
group_view(const struct group *g)
{
	const struct deployment *first = g->members[0];
	json_t *providers = json_array();
	int64_t rpm = CONFIG_UNSET, tpm = CONFIG_UNSET;

	for (size_t i = 0; i < g->count; i++) {
		const struct deployment *d = g->members[i];
		bool seen = false;

		for (size_t k = 0; k < json_array_size(providers); k++)
			seen = seen ||
			       str_is(call_item(providers, k), d->provider);
		if (!seen)
			json_array_append_new(providers,
			    json_string(d->provider));
		rpm = sum_of(rpm, d->config->rpm);
		tpm = sum_of(tpm, d->config->tpm);
	}
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s}",
	    "model_group", g->name, "providers", providers, "max_input_tokens",
	    count_or_null(first->max_input_tokens), "max_output_tokens",
	    count_or_null(first->max_output_tokens), "input_cost_per_token",
	    rate(first->price.known ? first->price.base.input : PRICE_UNSET),
	    "output_cost_per_token",
	    rate(first->price.known ? first->price.base.output : PRICE_UNSET),
	    "rpm", count_or_null(rpm), "tpm", count_or_null(tpm), "mode",
	    first->config->mode);
}

int
model_group_info(struct admin_call *a, json_t **answer_r)
{
	const struct catalog *c = a->env->catalog;
	char only[CATALOG_NAME_BYTES] = "";
	json_t *data = json_array();

	if (call_query(a, "model_group", only, sizeof(only)) < 0) {
		json_decref(data);
		return -1;
	}
	for (size_t i = 0; i < c->group_count; i++) {
		const struct group *g = &c->groups[i];

		if ((only[0] == '\0' || strcmp(only, g->name) == 0) &&
		    access_model(a->account, c, str_of(g->name), NULL) == 0)
			json_array_append_new(data, group_view(g));
	}
	*answer_r = json_pack("{s:o}", "data", data);
	return 0;
}
