/*
 * The health endpoints: from state, none costs a provider call; but for
 * /health?probe=true, which asks each deployment first (exchange/probe.h).
 */
#include "admin/admin.h"
#include "admin/query.h"

#include "base/clock.h"
#include "base/jsonw.h"
#include "domain/accounts/access.h"
#include "domain/routing/breaker.h"
#include "exchange/probe.h"

#define BODY_BYTES (8 * 1024 * 1024)

void
admin_liveness(const struct admin_env *env, struct http_call *call,
    const struct account *account, struct str argument)
{
	(void)env;
	(void)account;
	(void)argument;
	http_reply(call, 200, "application/json", str_of("\"I'm alive!\""));
}

static bool
store_is_readable(struct store *s)
{
	struct store_txn *t;

	if (store_read(s, STORE_LIVE, &t, NULL) != 0)
		return false;
	store_abort(&t);
	return true;
}

void
admin_readiness(const struct admin_env *env, struct http_call *call,
    const struct account *account, struct str argument)
{
	bool store_ok = store_is_readable(env->store);
	bool ready = store_ok && !*env->draining;
	struct buf body;
	struct jsonw w;

	(void)account;
	(void)argument;
	buf_init(&body, BODY_BYTES);
	jsonw_init(&w, &body);
	jsonw_open(&w, '{');
	jsonw_key(&w, "status");
	jsonw_cstr(&w, ready ? "healthy" : "unhealthy");
	/* LiteLLM's probes look at "db"; ours is the embedded store. */
	jsonw_key(&w, "db");
	jsonw_cstr(&w, store_ok ? "connected" : "Not connected");
	jsonw_key(&w, "draining");
	jsonw_bool(&w, *env->draining);
	jsonw_key(&w, "litellm_version");
	jsonw_cstr(&w, "tallygate-" PACKAGE_VERSION);
	jsonw_close(&w, '}');
	http_reply_take(call, ready ? 200 : 503, "application/json", &body);
	buf_fini(&body);
}

static void
write_endpoint(struct jsonw *w, const struct deployment *d,
    const struct health_row *row)
{
	char when[CLOCK_RFC3339_BYTES];

	jsonw_open(w, '{');
	jsonw_key(w, "model");
	jsonw_cstr(w, d->config->litellm_model);
	jsonw_key(w, "model_name");
	jsonw_cstr(w, d->config->model_name);
	jsonw_key(w, "model_id");
	jsonw_cstr(w, d->id);
	jsonw_key(w, "api_base");
	jsonw_cstr(w, d->config->api_base);
	jsonw_key(w, "breaker");
	jsonw_cstr(w, breaker_state_name((enum breaker_state)row->state));
	jsonw_key(w, "successes");
	jsonw_int(w, (int64_t)row->successes);
	jsonw_key(w, "failures");
	jsonw_int(w, (int64_t)row->failures);
	if (row->last_failure_nsecs > 0) {
		clock_rfc3339(row->last_failure_nsecs, when);
		jsonw_key(w, "last_failure");
		jsonw_cstr(w, when);
		jsonw_key(w, "error");
		jsonw_cstr(w, row->last_error);
	}
	if (row->probed_nsecs > 0) {
		clock_rfc3339(row->probed_nsecs, when);
		jsonw_key(w, "last_probe");
		jsonw_cstr(w, when);
		jsonw_key(w, "probe");
		jsonw_cstr(w, row->probe_failed != 0 ? "down" : "alive");
	}
	jsonw_close(w, '}');
}

/* A deployment is well when its breaker is closed and our last probe, if it
   is younger than all that clients saw, found it alive. */
static bool
is_well(const struct health_row *row)
{
	return row->state == BREAKER_CLOSED &&
	       (row->probe_failed == 0 ||
		   row->last_success_nsecs > row->probed_nsecs);
}

/* What is to be shown or asked: ?model=NAME's deployments only, and of those
   what the caller may ask for; the administrator and viewers see all. */
struct view {
	const struct admin_env *env;
	const struct account *account; /* NULL: one of these */
	struct str model;              /* "" all */
};

static bool
is_asked_for(const struct view *v, const struct deployment *d)
{
	if (v->model.n > 0 && !str_is(v->model, d->config->model_name) &&
	    !str_is(v->model, d->id))
		return false;
	return v->account == NULL ||
	       access_model(v->account, v->env->catalog,
		   str_of(d->config->model_name), NULL) == 0;
}

/* One of the two lists; returns how many are in it. */
static int64_t
write_endpoints(struct jsonw *w, const struct view *v, struct store_txn *t,
    bool healthy)
{
	const struct admin_env *env = v->env;
	int64_t count = 0;

	jsonw_open(w, '[');
	for (size_t i = 0; i < env->catalog->deployment_count; i++) {
		const struct deployment *d = &env->catalog->deployments[i];
		struct health_row row;

		health_row_init(&row);
		if (t != NULL && health_get(t, d->id, &row) < 0)
			health_row_init(&row);
		if (!is_asked_for(v, d) || is_well(&row) != healthy)
			continue;
		write_endpoint(w, d, &row);
		count++;
	}
	jsonw_close(w, ']');
	return count;
}

static void
answer(const struct view *v, struct http_call *call)
{
	struct store_txn *t = NULL;
	int64_t healthy, unhealthy;
	struct buf body;
	struct jsonw w;

	if (store_read(v->env->store, STORE_LIVE, &t, NULL) != 0)
		t = NULL;
	buf_init(&body, BODY_BYTES);
	jsonw_init(&w, &body);
	jsonw_open(&w, '{');
	jsonw_key(&w, "healthy_endpoints");
	healthy = write_endpoints(&w, v, t, true);
	jsonw_key(&w, "unhealthy_endpoints");
	unhealthy = write_endpoints(&w, v, t, false);
	jsonw_key(&w, "healthy_count");
	jsonw_int(&w, healthy);
	jsonw_key(&w, "unhealthy_count");
	jsonw_int(&w, unhealthy);
	jsonw_close(&w, '}');
	if (t != NULL)
		store_abort(&t);
	http_reply_take(call, 200, "application/json", &body);
	buf_fini(&body);
}

/* ---- after asking ------------------------------------------------------- */

/* One /health?probe=true until the last deployment has answered. */
struct round {
	struct view view;
	char *model;            /* the view's */
	struct http_call *call; /* NULL: the client left */
	size_t waiting;
};

static void
on_gone(void *arg)
{
	struct round *r = arg;

	r->call = NULL;
}

static const struct http_call_callbacks round_callbacks = {
	.on_gone = on_gone,
};

static void
end_of_one(struct round *r)
{
	if (--r->waiting > 0)
		return;
	if (r->call != NULL)
		answer(&r->view, r->call);
	free(r->model);
	free(r);
}

static void
on_probed(void *arg, const struct deployment *d, enum probe_result result,
    const char *text)
{
	(void)d;
	(void)result; /* the health rows tell it */
	(void)text;
	end_of_one(arg);
}

static void
probe_first(const struct view *v, struct http_call *call)
{
	const struct admin_env *env = v->env;
	const struct config_probes *c = &env->config->probes;
	struct probe_options options = {
		.method = c->completion ? PROBE_COMPLETION : PROBE_MODELS,
		.on_end = on_probed,
	};
	struct round *r = xcalloc(1, sizeof(*r));

	r->model = str_dup(v->model);
	r->view = *v;
	r->view.model = str_of(r->model);
	r->call = call;
	r->waiting = 1; /* this function itself */
	options.arg = r;
	http_call_own(call, &round_callbacks, r);
	for (size_t i = 0; i < env->catalog->deployment_count; i++) {
		const struct deployment *d = &env->catalog->deployments[i];
		int64_t own = d->config->probe_timeout_msecs;

		if (!is_asked_for(v, d))
			continue;
		options.timeout_msecs =
		    own != CONFIG_UNSET ? own : c->timeout_msecs;
		r->waiting++;
		probe_start(env->exchanges, d, &options);
	}
	end_of_one(r);
}

void
admin_health(const struct admin_env *env, struct http_call *call,
    const struct account *account, struct str argument)
{
	char probe[8] = "", model[CATALOG_NAME_BYTES] = "";
	bool sees_all = account->is_admin || account->is_viewer;
	struct view view = { .env = env, .account = sees_all ? NULL : account };
	struct str query = http_query(call);

	(void)argument;
	if (query_get(query, "probe", probe, sizeof(probe)) < 0 ||
	    query_get(query, "model", model, sizeof(model)) < 0) {
		admin_error(call, ERR_BAD_REQUEST,
		    "probe is true or false, model a model's name");
		return;
	}
	view.model = str_of(model);
	if (strcmp(probe, "true") != 0 && strcmp(probe, "1") != 0)
		answer(&view, call);
	else if (sees_all)
		probe_first(&view, call);
	else
		admin_error(call, ERR_FORBIDDEN,
		    "Only proxy admin can be used to probe: it may cost money");
}
