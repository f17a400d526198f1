/* The health endpoints: all from state, none costs a provider call. */
#include "admin/admin.h"

#include "base/clock.h"
#include "base/jsonw.h"
#include "domain/breaker.h"

#define BODY_BYTES (8 * 1024 * 1024)

void
admin_liveness(const struct admin_env *env, struct http_call *call,
    struct str argument)
{
	(void)env;
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
    struct str argument)
{
	bool store_ok = store_is_readable(env->store);
	bool ready = store_ok && !*env->draining;
	struct buf body;
	struct jsonw w;

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
	jsonw_close(w, '}');
}

/* One of the two lists; returns how many are in it. */
static int64_t
write_endpoints(struct jsonw *w, const struct admin_env *env,
    struct store_txn *t, bool healthy)
{
	int64_t count = 0;

	jsonw_open(w, '[');
	for (size_t i = 0; i < env->catalog->deployment_count; i++) {
		const struct deployment *d = &env->catalog->deployments[i];
		struct health_row row;

		health_row_init(&row);
		if (t != NULL && health_get(t, d->id, &row) < 0)
			health_row_init(&row);
		if ((row.state == BREAKER_CLOSED) != healthy)
			continue;
		write_endpoint(w, d, &row);
		count++;
	}
	jsonw_close(w, ']');
	return count;
}

void
admin_health(const struct admin_env *env, struct http_call *call,
    struct str argument)
{
	struct store_txn *t = NULL;
	int64_t healthy, unhealthy;
	struct buf body;
	struct jsonw w;

	(void)argument;
	if (store_read(env->store, STORE_LIVE, &t, NULL) != 0)
		t = NULL;
	buf_init(&body, BODY_BYTES);
	jsonw_init(&w, &body);
	jsonw_open(&w, '{');
	jsonw_key(&w, "healthy_endpoints");
	healthy = write_endpoints(&w, env, t, true);
	jsonw_key(&w, "unhealthy_endpoints");
	unhealthy = write_endpoints(&w, env, t, false);
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
