/*
 * One attempt at one deployment. See attempt.h. Callbacks from upstream note
 * facts, feed the relay and resume the exchange; what the facts mean is worked
 * out in attempt_judge().
 */
#include "exchange/attempt.h"

#include "base/clock.h"
#include "base/log.h"
#include "exchange/exchange.h"
#include "exchange/report.h"

/* An error answer longer than this says nothing more. */
#define ERROR_BODY_BYTES (64 * 1024)
#define ERROR_TEXT_BYTES 255

/* A later attempt may be held elsewhere. */
static void
copy_scopes(struct attempt *a, const struct hold *h)
{
	size_t bytes = h->scope_count * sizeof(h->scopes[0]);

	a->scope_count = h->scope_count;
	if (bytes > 0)
		a->scopes =
		    memcpy(arena_alloc(&a->x->arena, bytes), h->scopes, bytes);
}

struct attempt *
attempt_new(struct holding *h, struct buf *out)
{
	struct exchange *x = h->x;
	struct attempt *a = arena_alloc(&x->arena, sizeof(*a));

	a->x = x;
	a->candidate = h->candidate;
	a->deployment = h->candidate->deployment;
	a->probe = h->candidate->probe;
	a->out = out;
	a->max_tokens = h->max_tokens;
	a->paid_tokens = h->paid_tokens;
	a->searches = h->worst.searches;
	a->geo = h->worst.prompt.geo;
	a->image_factor = h->worst.prompt.image_factor;
	a->hold_number = h->hold.number;
	a->held_nanos = h->hold.amount_nanos;
	a->error_text = "";
	copy_scopes(a, &h->hold);
	buf_init(&a->body, ERROR_BODY_BYTES);
	limiting_carry(h, a);
	x->attempts[x->attempt_count++] = a;
	return a;
}

/* ---- callbacks from upstream -------------------------------------------- */

/* The name that stands in the client's answer: what it asked for, except
   after a fallback (LiteLLM does the same). */
static const char *
client_model(const struct attempt *a)
{
	return a->candidate->group_index > 0 ? a->candidate->model
					     : a->x->asked;
}

/* The deployment's dialect; a mock_response is written in OpenAI's. */
static const struct dialect *
dialect_of(const struct attempt *a)
{
	return attempt_is_mock(a)
		   ? &dialect_openai
		   : dialect_find(a->deployment->config->provider->dialect);
}

static const struct relay_ops *
attempt_relay(const struct attempt *a, const struct dialect *dialect)
{
	const struct config_deployment *d = a->deployment->config;

	return dialect_relay(dialect, d->mock_response != NULL ? NULL : d,
	    a->x->api);
}

void
attempt_relay_failed(struct attempt *a, const struct err *err)
{
	a->relay_failed = true;
	a->relay_err = arena_copy(&a->x->arena, err, sizeof(*err));
}

int
attempt_open_relay(struct attempt *a, bool is_stream)
{
	const struct config *c = a->x->env->config;
	const struct dialect *dialect = dialect_of(a);
	struct relay_options options = {
		.request = &a->x->request,
		.client_model = client_model(a),
		.upstream_model = a->candidate->upstream_model,
		.request_id = a->x->request_id,
		.place = { a->deployment->config->id, a->x->seal },
		.chat = dialect->relay(WIRE_CHAT),
		.upstream_is_stream = is_stream,
		.content_type = a->head.content_type,
		.max_event_bytes = (size_t)c->limits.max_event_bytes,
		.max_answer_bytes = (size_t)c->limits.max_answer_bytes,
		/* A provider that ignores max_tokens must not outrun the
		   hold that was taken for it. */
		.stop_after_tokens = a->paid_tokens,
	};
	struct err err;

	/* Sound is given out as it comes, whatever it is called. */
	a->is_stream = is_stream || a->x->api == WIRE_SPEECH;
	if (relay_open(&a->relay, attempt_relay(a, dialect), &options, &err) !=
	    0) {
		attempt_relay_failed(a, &err);
		return -1;
	}
	a->relay_is_open = true;
	return 0;
}

/* Server-sent events, or AWS's binary ones. */
static bool
is_stream_type(struct str content_type)
{
	return str_find_nocase(content_type, "event-stream") >= 0 ||
	       str_find_nocase(content_type, "amazon.eventstream") >= 0;
}

static void
on_head(void *arg, const struct upstream_head *head)
{
	struct attempt *a = arg;

	a->has_head = true;
	a->head = *head;
	a->head_nsecs = clock_mono_nsecs();
	if (head->status < 200 || head->status > 299)
		a->plain_body = true;
	else
		attempt_open_relay(a, is_stream_type(head->content_type));
}

static void
on_data(void *arg, struct str bytes)
{
	struct attempt *a = arg;
	struct exchange *x = a->x;
	struct err err;

	a->answer_bytes += bytes.n;
	if (a->plain_body) {
		size_t room = a->body.max - a->body.len;

		buf_add(&a->body, bytes.p, bytes.n < room ? bytes.n : room);
		return;
	}
	if (!a->relay_is_open || a->relay_failed)
		return;
	if (a->relay.ops->feed(&a->relay, bytes, a->out, &err) != 0)
		attempt_relay_failed(a, &err);
	if (a->first_token_nsecs == 0 && a->relay.facts.first_token)
		a->first_token_nsecs = clock_mono_nsecs();
	exchange_resume(x);
}

/* What is left to do for a whole answer, by the second thread: a plain one is
   checked and translated now. */
struct finishing {
	struct errand errand;
	struct attempt *a;
	int result;
	struct err err;
};

static void
run_finishing(struct errand *e)
{
	struct finishing *f = LIST_OBJ(e, struct finishing, errand);
	struct relay *relay = &f->a->relay;

	f->result = relay->ops->finish(relay, f->a->out, &f->err);
}

static void
on_finished(struct errand *e)
{
	struct finishing *f = LIST_OBJ(e, struct finishing, errand);

	if (f->result != 0)
		attempt_relay_failed(f->a, &f->err);
}

void
attempt_finish_relay(struct attempt *a)
{
	struct finishing *f;
	struct err err;

	if (a->is_stream || a->answer_bytes <= ERRAND_BYTES) {
		if (a->relay.ops->finish(&a->relay, a->out, &err) != 0)
			attempt_relay_failed(a, &err);
		return;
	}
	f = arena_alloc(&a->x->arena, sizeof(*f));
	f->errand.run = run_finishing;
	f->errand.back = on_finished;
	f->a = a;
	errand_send(a->x, &f->errand);
}

static void
on_done(void *arg, const struct upstream_result *result)
{
	struct attempt *a = arg;
	struct exchange *x = a->x;

	a->call = NULL;
	a->ended = true;
	a->result = *result;
	a->ended_nsecs = clock_mono_nsecs();
	if (result->end == UPSTREAM_DONE && a->relay_is_open &&
	    !a->relay_failed)
		attempt_finish_relay(a);
	exchange_resume(x);
}

static const struct upstream_callbacks upstream_callbacks = {
	.on_head = on_head,
	.on_data = on_data,
	.on_done = on_done,
};

/* ---- start and stop ----------------------------------------------------- */

static int start(struct attempt *a, struct err *err);

/* It could not be sent. */
static void
set_unsent(struct attempt *a, const struct err *err)
{
	enum outcome outcome = OUTCOME_INTERNAL;

	if (err->code == ERR_BAD_REQUEST)
		outcome = OUTCOME_BAD_REQUEST;
	else if (err->code == ERR_UPSTREAM_AUTH)
		outcome = OUTCOME_AUTH;
	else if (err->code == ERR_UPSTREAM_CONNECT)
		outcome = OUTCOME_CONNECT;
	attempt_set_outcome(a, outcome, err->text);
	a->judged = true;
}

/* ... and it had waited: for keys, or to be written. */
static void
fail_late(struct attempt *a, const struct err *err)
{
	a->ended = true;
	set_unsent(a, err);
}

static void
on_keys(void *arg)
{
	struct attempt *a = arg;
	struct err err;

	if (start(a, &err) != 0)
		fail_late(a, &err);
	exchange_resume(a->x);
}

/* 1 *keys_r are there (NULL: it needs none), 0 it waits for them, -1. */
static int
find_keys(struct attempt *a, const struct login_keys **keys_r, struct err *err)
{
	const struct config_login *login = a->deployment->config->login;

	*keys_r = NULL;
	if (login == NULL)
		return 1;
	a->waiter.on_ready = on_keys;
	a->waiter.arg = a;
	return logins_get(a->x->env->logins, login, &a->waiter, keys_r, err);
}

static int
send_call(struct attempt *a, const struct wire_call *wire, struct err *err)
{
	struct exchange *x = a->x;
	struct upstream_request request = {
		.method = wire->method,
		.url = wire->url,
		.header_count = wire->header_count,
		.headers = wire->headers,
		.piece_count = wire->piece_count,
		.pieces = arena_copy(&x->arena, wire->pieces,
		    wire->piece_count * sizeof(wire->pieces[0])),
		.callbacks = &upstream_callbacks,
		.arg = a,
	};

	return upstream_start(x->env->upstream, &request, &a->call, err);
}

/* A long request is written for its provider by the second thread. */
struct writing {
	struct errand errand;
	struct attempt *a;
	const struct dialect *dialect;
	struct wire_choice choice;
	struct login_keys *keys; /* a copy: the original may be renewed */
	struct wire_call wire;
	int result;
	struct err err;
};

static void
run_writing(struct errand *e)
{
	struct writing *w = LIST_OBJ(e, struct writing, errand);

	w->result = w->dialect->encode(&w->a->x->request, &w->choice, &e->arena,
	    &w->wire, &w->err);
	if (w->keys != NULL)
		explicit_bzero(w->keys, sizeof(*w->keys));
}

static void
on_written(struct errand *e)
{
	struct writing *w = LIST_OBJ(e, struct writing, errand);

	if (w->result != 0 || send_call(w->a, &w->wire, &w->err) != 0)
		fail_late(w->a, &w->err);
}

static void
send_writing(struct attempt *a, const struct dialect *dialect,
    const struct wire_choice *choice)
{
	struct arena *arena = &a->x->arena;
	struct writing *w = arena_alloc(arena, sizeof(*w));

	w->errand.run = run_writing;
	w->errand.back = on_written;
	w->a = a;
	w->dialect = dialect;
	w->choice = *choice;
	if (choice->keys != NULL)
		w->choice.keys = w->keys =
		    arena_copy(arena, choice->keys, sizeof(*choice->keys));
	errand_send(a->x, &w->errand);
}

static int
start(struct attempt *a, struct err *err)
{
	struct exchange *x = a->x;
	const struct dialect *dialect =
	    dialect_find(a->deployment->config->provider->dialect);
	struct wire_choice choice = {
		.config = x->env->config,
		.deployment = a->deployment->config,
		.upstream_model = a->candidate->upstream_model,
		.max_tokens = a->max_tokens,
		.max_output_tokens = a->candidate->max_output_tokens,
		.request_id = x->request_id,
	};
	struct wire_call wire;
	int got;

	if (wire_api_is_anthropic(x->api) && x->call != NULL) {
		choice.anthropic_version =
		    http_header(x->call, "anthropic-version");
		choice.anthropic_beta = http_header(x->call, "anthropic-beta");
	}

	if (dialect == NULL)
		return err_set(err, ERR_INTERNAL, "dialect %s is not served",
		    a->deployment->config->provider->dialect);
	if (attempt_relay(a, dialect) == NULL)
		return err_set(err, ERR_BAD_REQUEST,
		    "%s is not served for this model's provider (%s)",
		    wire_api_path(x->api), a->deployment->provider);
	got = find_keys(a, &choice.keys, err);
	if (got < 1)
		return got;
	if (x->request.body.n > ERRAND_BYTES) {
		send_writing(a, dialect, &choice);
		return 0;
	}
	if (dialect->encode(&x->request, &choice, &x->arena, &wire, err) != 0)
		return -1;
	return send_call(a, &wire, err);
}

static int
begin(struct attempt *a, struct err *err)
{
	const struct dialect *dialect = dialect_of(a);

	a->started_nsecs = clock_mono_nsecs();
	if (attempt_play(a))
		return 0;
	if (a->x->api == WIRE_COUNT && dialect != NULL &&
	    !dialect->counts_tokens)
		return attempt_start_count(a, err);
	if (attempt_is_mock(a))
		return attempt_start_mock(a, err);
	return start(a, err);
}

int
attempt_begin(struct attempt *a)
{
	struct err err;

	if (begin(a, &err) == 0)
		return 0;
	set_unsent(a, &err);
	attempt_stop(a);
	return -1;
}

void
attempt_stop(struct attempt *a)
{
	logins_forget(&a->waiter);
	if (a->call != NULL) {
		a->cancelled = true;
		upstream_cancel(&a->call);
	}
	if (a->ended_nsecs == 0)
		a->ended_nsecs = clock_mono_nsecs();
	if (a->relay_is_open) {
		relay_close(&a->relay);
		a->relay_is_open = false;
	}
	buf_fini(&a->body);
}

bool
attempt_is_decided(const struct attempt *a)
{
	const struct relay_facts *f = &a->relay.facts;

	if (a->ended || a->timed_out || a->relay_failed)
		return true;
	if (!a->relay_is_open || !a->is_stream)
		return false;
	return f->first_token || f->finished || f->error_event || f->malformed;
}

/* ---- the judgement ------------------------------------------------------ */

void
attempt_set_outcome(struct attempt *a, enum outcome outcome, const char *text)
{
	size_t n = strlen(text);

	if (n > ERROR_TEXT_BYTES)
		n = ERROR_TEXT_BYTES;
	a->outcome = outcome;
	a->error_text = n == 0 ? "" : arena_strndup(&a->x->arena, text, n);
}

static void
judge_refusal(struct attempt *a)
{
	const struct config_deployment *d = a->deployment->config;
	const char *token = logins_token(a->x->env->logins, d->login);

	if (a->error == NULL)
		a->error = arena_alloc(&a->x->arena, sizeof(*a->error));
	provider_error_read(a->head.status, buf_str(&a->body),
	    token != NULL ? token : d->api_key, a->error);
	if (a->head.retry_after_nsecs == 0)
		a->head.retry_after_nsecs = a->error->retry_after_nsecs;
	/* A response that is not there says nothing about the deployment. */
	if (a->x->api == WIRE_RESPONSE &&
	    a->error->outcome == OUTCOME_NOT_FOUND)
		a->error->outcome = OUTCOME_BAD_REQUEST;
	attempt_set_outcome(a, a->error->outcome, a->error->message);
}

/* The connection's end as an outcome, when no whole answer came. */
static void
judge_transport(struct attempt *a)
{
	const struct upstream_result *r = &a->result;

	switch (r->end) {
	case UPSTREAM_REFUSED:
		attempt_set_outcome(a, OUTCOME_CONNECT, r->text);
		return;
	case UPSTREAM_CONNECT_TIMEOUT:
		attempt_set_outcome(a, OUTCOME_TIMEOUT_CONNECT, r->text);
		return;
	case UPSTREAM_GARBAGE:
		attempt_set_outcome(a, OUTCOME_MALFORMED, r->text);
		return;
	case UPSTREAM_FAILED:
		attempt_set_outcome(a, OUTCOME_INTERNAL, r->text);
		return;
	case UPSTREAM_DONE:
		attempt_set_outcome(a, OUTCOME_CUT,
		    "the answer ended without proof of completion");
		return;
	case UPSTREAM_BROKEN:
	case UPSTREAM_CUT:
		attempt_set_outcome(a, OUTCOME_CUT, r->text);
		return;
	}
}

void
attempt_judge(struct attempt *a)
{
	const struct relay_facts *f = &a->relay.facts;
	const char *why = a->relay_failed ? a->relay_err->text : "";
	if (a->timed_out && !a->ended) {
		if (a->x->client_has_bytes)
			attempt_set_outcome(a, OUTCOME_STALL,
			    "no data from the provider for too long");
		else if (!a->has_head)
			attempt_set_outcome(a, OUTCOME_TIMEOUT_HEAD,
			    "no answer in time");
		else
			attempt_set_outcome(a, OUTCOME_TIMEOUT_TOTAL,
			    "the answer did not come in time");
		return;
	}
	if (a->plain_body) {
		judge_refusal(a);
		return;
	}
	if (f->error_event) {
		attempt_set_outcome(a, f->error_outcome, f->error_text);
	} else if (f->too_large) {
		attempt_set_outcome(a, OUTCOME_TOO_LARGE, why);
	} else if (a->relay_failed && a->relay_err->code == ERR_UPSTREAM_CUT) {
		attempt_set_outcome(a, OUTCOME_CUT, why);
	} else if (f->malformed || a->relay_failed) {
		if (f->error_text[0] != '\0')
			attempt_set_outcome(a, OUTCOME_MALFORMED,
			    f->error_text);
		else
			attempt_set_outcome(a, OUTCOME_MALFORMED, why);
	} else if (f->finished ||
		   (a->is_stream && f->first_token && !a->ended)) {
		attempt_set_outcome(a, OUTCOME_OK, "");
	} else {
		judge_transport(a);
	}
}

/* ---- the money ---------------------------------------------------------- */

/* The request may have been worked on, and no word of it came back. */
static bool
is_unanswered(const struct attempt *a)
{
	if (a->has_head)
		return a->head.status >= 200 && a->head.status <= 299 &&
		       !a->relay.facts.error_event;
	return a->cancelled || (a->ended && a->result.sent);
}

/* Tokens of a text that nobody counted: no more than the hold pays for, as
   long as it can have been so few. */
int64_t
attempt_delivered_tokens(const struct attempt *a)
{
	const struct relay_facts *f = &a->relay.facts;
	int64_t paid = a->paid_tokens;

	if (paid >= 0 && f->output_guess_tokens > paid &&
	    relay_least_tokens(f->delivered_bytes) <= paid)
		return paid;
	return f->output_guess_tokens;
}

static void
charge_estimate(struct attempt *a, int64_t output_tokens)
{
	a->usage.source = USAGE_ESTIMATED;
	/* Half a usage is better than a guess. */
	if (a->usage.prompt_tokens == 0)
		a->usage.prompt_tokens = a->x->request.prompt_guess_tokens;
	if (a->usage.completion_tokens < output_tokens)
		a->usage.completion_tokens = output_tokens;
}

/* Its model has a price, and this is what one token of each would cost. */
static bool
is_paid(const struct attempt *a)
{
	return a->x->api != WIRE_COUNT &&
	       price_worst_nanos(a->candidate->price, 1000, 1000) > 0 &&
	       !a->usage.has_reported_cost;
}

/* What the provider bills and its usage does not say. */
static void
complete_usage(struct attempt *a, bool began)
{
	if (a->searches.by_answer && began && a->usage.searches == 0)
		a->usage.searches = 1;
	a->usage.search_size = a->searches.size;
	if (a->usage.images > 0 && a->image_factor > 1)
		a->usage.image_factor = a->image_factor;
	if (a->usage.geo == GEO_ANY)
		a->usage.geo = a->geo;
	a->usage.off_peak =
	    a->candidate->price->factors.off_peak > 0 &&
	    price_hours_has(&a->candidate->price->off_peak_hours,
		clock_wall_nsecs());
}

void
attempt_charge(struct attempt *a)
{
	const struct relay_facts *f = &a->relay.facts;
	bool began = f->delivered_bytes > 0 || f->first_token || f->finished;

	if (a->charged)
		return;
	a->charged = true;
	a->usage = f->usage;
	if (a->usage.source == USAGE_PROVIDER) {
		/* As it says. */
	} else if (began) {
		charge_estimate(a, attempt_delivered_tokens(a));
	} else {
		a->usage.source = USAGE_NONE;
		a->possibly_billed = is_unanswered(a);
		if (a->possibly_billed &&
		    (a->outcome == OUTCOME_HEDGED ||
			a->x->env->config->possibly_billed_prompt))
			charge_estimate(a, 0);
	}
	complete_usage(a, began);
	a->cost_nanos = price_cost_nanos(a->candidate->price, &a->usage);
	if (a->cost_nanos == 0 && began && is_paid(a)) {
		charge_estimate(a, attempt_delivered_tokens(a));
		a->cost_nanos =
		    price_cost_nanos(a->candidate->price, &a->usage);
		log_warn("%s: %s counted nothing that its price counts; "
			 "charged by estimate",
		    a->x->request_id, a->deployment->id);
	}
}

void
attempt_give_up(struct attempt *a)
{
	attempt_stop(a);
	attempt_charge(a);
	report_failure(a->x, a);
	limiting_return(a->x, a);
}

/* A timeout that is shorter than ours says nothing about the deployment. */
static enum health_event
event_of(const struct attempt *a)
{
	bool timeout = a->outcome == OUTCOME_TIMEOUT_HEAD ||
		       a->outcome == OUTCOME_TIMEOUT_TOTAL;

	if (a->played || (timeout && a->clients_timeout))
		return HEALTH_NEUTRAL;
	return outcome_info(a->outcome)->event;
}

void
attempt_report(const struct attempt *a, struct health_report *report_r)
{
	struct health_report r = {
		.event = event_of(a),
		.status = a->has_head ? (uint32_t)a->head.status : 0,
		.retry_after_nsecs =
		    a->has_head ? a->head.retry_after_nsecs : 0,
		.output_tokens = a->usage.completion_tokens,
		.probe_owner = a->probe ? a->x->env->owner->id : 0,
		.asked = a->x->question != NULL,
		.error = a->error_text,
		.now_nsecs = clock_wall_nsecs(),
	};

	if (a->ended_nsecs > 0)
		r.latency_nsecs = a->ended_nsecs - a->started_nsecs;
	if (a->is_stream && a->first_token_nsecs > 0)
		r.ttft_nsecs = a->first_token_nsecs - a->started_nsecs;
	*report_r = r;
}
