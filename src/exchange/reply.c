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
add_text(struct http_call *call, struct str name, const char *text)
{
	http_add_line(call, name, str_of(text));
}

static void
add_int(struct http_call *call, struct str name, int64_t v)
{
	char text[NUM_TEXT_BYTES];

	http_add_line(call, name, str_make(text, num_format(v, 0, text)));
}

static void
add_usd(struct http_call *call, struct str name, int64_t nanos)
{
	char text[MONEY_TEXT_BYTES];

	http_add_line(call, name, str_make(text, money_format(nanos, text)));
}

/* Who served; the names of ours and those LiteLLM's users know. */
static void
serving_headers(struct exchange *x, const struct attempt *a)
{
	add_text(x->call, HTTP_LINE("x-tallygate-model"),
	    a->candidate->upstream_model);
	add_text(x->call, HTTP_LINE("x-tallygate-provider"),
	    a->deployment->provider);
	add_text(x->call, HTTP_LINE("x-litellm-model-id"), a->deployment->id);
	add_text(x->call, HTTP_LINE("x-litellm-model-group"),
	    a->candidate->group->name);
	add_int(x->call, HTTP_LINE("x-litellm-attempted-retries"),
	    (int64_t)x->attempt_count - 1);
	add_int(x->call, HTTP_LINE("x-litellm-attempted-fallbacks"),
	    a->candidate->group_index);
}

/* Of the tightest cap: what is left for others once this hold is taken. */
static void
room_header(struct exchange *x)
{
	add_usd(x->call, HTTP_LINE("x-tallygate-budget-remaining-usd"),
	    x->holding.answer.cap_room_nanos - x->holding.answer.amount_nanos);
}

/* What the key spent so far (the last request's cost may still be on its way)
   and what it may. */
static void
key_headers(struct exchange *x)
{
	const struct allowance *own = x->account->allowances[0];
	struct allowance_spend spend;
	struct store_txn *t;

	if (own->max_nanos >= 0)
		add_usd(x->call, HTTP_LINE("x-litellm-key-max-budget"),
		    own->max_nanos);
	if (own->requests >= 0)
		add_int(x->call, HTTP_LINE("x-litellm-key-rpm-limit"),
		    own->requests);
	if (own->tokens >= 0)
		add_int(x->call, HTTP_LINE("x-litellm-key-tpm-limit"),
		    own->tokens);
	if (store_read(x->env->store, STORE_LIVE, &t, NULL) != 0)
		return;
	if (allowance_spend(t, own, clock_wall_nsecs(), &spend, NULL) == 0)
		add_usd(x->call, HTTP_LINE("x-litellm-key-spend"),
		    spend.spent_nanos);
	store_abort(&t);
}

/* Headers every answer of this exchange carries. */
static void
add_headers(struct exchange *x)
{
	const struct attempt *a = serving(x);

	add_text(x->call, HTTP_LINE("x-request-id"), x->request_id);
	/* Anthropic's SDKs show this one. */
	if (wire_api_is_anthropic(x->api))
		add_text(x->call, HTTP_LINE("request-id"), x->request_id);
	add_text(x->call, HTTP_LINE("x-litellm-call-id"), x->request_id);
	add_text(x->call, HTTP_LINE("x-litellm-version"),
	    "tallygate-" PACKAGE_VERSION);
	add_int(x->call, HTTP_LINE("x-tallygate-attempts"),
	    (int64_t)x->attempt_count);
	if (a != NULL)
		serving_headers(x, a);
	if (x->holding.max_tokens != CONFIG_UNSET)
		add_int(x->call, HTTP_LINE("x-tallygate-max-tokens"),
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
	add_usd(x->call, HTTP_LINE("x-tallygate-cost-usd"), x->cost_nanos);
	add_usd(x->call, HTTP_LINE("x-litellm-response-cost"), x->cost_nanos);
	add_int(x->call, HTTP_LINE("x-litellm-response-duration-ms"),
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
	add_headers(x);
	add_text(x->call, HTTP_LINE("cache-control"), "no-cache");
	add_text(x->call, HTTP_LINE("x-accel-buffering"), "no");
	http_start(x->call, 200, content_type(x, EVENT_TYPE));
}

void
reply_plain(struct exchange *x)
{
	add_headers(x);
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
		add_text(x->call, HTTP_LINE("x-should-retry"), "false");
		/* A reset that is far away is no reason to wait for it. */
		if (secs > NEAR_RESET_SECS)
			return;
	}
	if (secs > 0 && (status == 429 || status == 503))
		add_int(x->call, HTTP_LINE("retry-after"), secs);
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
	add_headers(x);
	retry_headers(x, e.status);
	http_reply_take(x->call, e.status, JSON_TYPE, &body);
	buf_fini(&body);
}
