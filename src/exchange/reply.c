/* What the client gets. See reply.h. */
#include "exchange/reply.h"

#include "base/clock.h"
#include "base/num.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "0"
#endif

#define JSON_TYPE  "application/json"
#define EVENT_TYPE "text/event-stream; charset=utf-8"
/* Clients wait so long for a budget's reset (most SDKs' own maximum). */
#define NEAR_RESET_SECS 60

static const struct attempt *
serving(const struct exchange *x)
{
	return x->attempt_count == 0 ? NULL : x->attempts[x->attempt_count - 1];
}

static void
add_int(struct http_call *call, const char *name, int64_t v)
{
	char text[NUM_TEXT_BYTES];

	num_format(v, 0, text);
	http_add_header(call, name, text);
}

/* Who served; the names of ours and those LiteLLM's users know. */
static void
serving_headers(struct exchange *x, const struct attempt *a)
{
	http_add_header(x->call, "x-tallygate-model",
	    a->candidate->upstream_model);
	http_add_header(x->call, "x-tallygate-provider",
	    a->deployment->provider);
	http_add_header(x->call, "x-litellm-model-id", a->deployment->id);
	http_add_header(x->call, "x-litellm-model-group",
	    a->candidate->group->name);
	add_int(x->call, "x-litellm-attempted-retries",
	    (int64_t)x->attempt_count - 1);
	add_int(x->call, "x-litellm-attempted-fallbacks",
	    a->candidate->group_index);
}

/* Of the tightest cap: what is left for others once this hold is taken. */
static void
room_header(struct exchange *x)
{
	char usd[MONEY_TEXT_BYTES];

	money_format(x->holding.answer.cap_room_nanos -
			 x->holding.answer.amount_nanos,
	    usd);
	http_add_header(x->call, "x-tallygate-budget-remaining-usd", usd);
}

/* What the key spent so far (the last request's cost may still be on its way)
   and what it may. */
static void
key_headers(struct exchange *x)
{
	const struct allowance *own = x->account->allowances[0];
	struct allowance_spend spend;
	char usd[MONEY_TEXT_BYTES];
	struct store_txn *t;

	if (own->max_nanos >= 0) {
		money_format(own->max_nanos, usd);
		http_add_header(x->call, "x-litellm-key-max-budget", usd);
	}
	if (own->requests >= 0)
		add_int(x->call, "x-litellm-key-rpm-limit", own->requests);
	if (own->tokens >= 0)
		add_int(x->call, "x-litellm-key-tpm-limit", own->tokens);
	if (store_read(x->env->store, STORE_LIVE, &t, NULL) != 0)
		return;
	if (allowance_spend(t, own, clock_wall_nsecs(), &spend, NULL) == 0) {
		money_format(spend.spent_nanos, usd);
		http_add_header(x->call, "x-litellm-key-spend", usd);
	}
	store_abort(&t);
}

void
reply_headers(struct exchange *x)
{
	const struct attempt *a = serving(x);

	http_add_header(x->call, "x-request-id", x->request_id);
	/* Anthropic's SDKs show this one. */
	if (wire_api_is_anthropic(x->api))
		http_add_header(x->call, "request-id", x->request_id);
	http_add_header(x->call, "x-litellm-call-id", x->request_id);
	http_add_header(x->call, "x-litellm-version",
	    "tallygate-" PACKAGE_VERSION);
	add_int(x->call, "x-tallygate-attempts", (int64_t)x->attempt_count);
	if (a != NULL)
		serving_headers(x, a);
	if (x->holding.max_tokens != CONFIG_UNSET)
		add_int(x->call, "x-tallygate-max-tokens",
		    x->holding.max_tokens);
	if (x->holding.held && x->holding.request.cap_count > 0)
		room_header(x);
	quota_headers(x);
	if (!x->account->is_unlimited)
		key_headers(x);
}

static void
cost_headers(struct exchange *x)
{
	char usd[MONEY_TEXT_BYTES];

	money_format(x->cost_nanos, usd);
	http_add_header(x->call, "x-tallygate-cost-usd", usd);
	http_add_header(x->call, "x-litellm-response-cost", usd);
	add_int(x->call, "x-litellm-response-duration-ms",
	    (x->ended_nsecs - x->started_nsecs) / NSECS_PER_MSEC);
}

/* What the relay says it is, or what such an answer usually is. */
static const char *
content_type(const struct exchange *x, const char *usual)
{
	const struct attempt *a = serving(x);

	if (a != NULL && a->relay.facts.content_type[0] != '\0')
		return a->relay.facts.content_type;
	return wire_api_is_media(x->api) ? JSON_TYPE : usual;
}

void
reply_start_stream(struct exchange *x)
{
	reply_headers(x);
	http_add_header(x->call, "cache-control", "no-cache");
	http_add_header(x->call, "x-accel-buffering", "no");
	http_start(x->call, 200, content_type(x, EVENT_TYPE));
}

void
reply_plain(struct exchange *x)
{
	reply_headers(x);
	cost_headers(x);
	http_reply_take(x->call, 200, content_type(x, JSON_TYPE), &x->out);
}

/* Whether a client's own retry makes sense: SDKs obey this header. A request
   that is refused for good must not be sent again. */
static void
retry_headers(struct exchange *x, int status)
{
	int64_t secs =
	    (x->retry_after_nsecs + NSECS_PER_SEC - 1) / NSECS_PER_SEC;

	if (x->error == ERR_BUDGET) {
		http_add_header(x->call, "x-should-retry", "false");
		/* A reset that is far away is no reason to wait for it. */
		if (secs > NEAR_RESET_SECS)
			return;
	}
	if (secs > 0 && (status == 429 || status == 503))
		add_int(x->call, "retry-after", secs);
}

void
reply_error(struct exchange *x)
{
	struct api_error e;
	struct buf body;

	api_error_from(x->error, x->error_detail, x->error_param, &x->arena,
	    &e);
	if (x->error_status > 0)
		e.status = x->error_status;
	if (x->error_type != NULL)
		e.type = x->error_type;
	if (x->error_code != NULL)
		e.code = x->error_code;
	if (x->error == ERR_BUDGET && x->env->config->budget_status == 400) {
		e.status = 400;
		e.code = "400";
	}
	buf_init(&body, RECORD_MAX_BYTES);
	api_error_write(x->api, &e, x->request_id, &body);
	reply_headers(x);
	retry_headers(x, e.status);
	http_reply_take(x->call, e.status, JSON_TYPE, &body);
	buf_fini(&body);
}

void
reply_call_error(struct http_call *call, enum err_code code, const char *detail)
{
	struct api_error e;
	struct arena arena;
	struct buf body;

	arena_init(&arena, 1024);
	buf_init(&body, RECORD_MAX_BYTES);
	api_error_from(code, detail, NULL, &arena, &e);
	api_error_write(WIRE_CHAT, &e, NULL, &body);
	http_reply_take(call, e.status, JSON_TYPE, &body);
	buf_fini(&body);
	arena_fini(&arena);
}
