/*
 * Probes of both kinds. See probe.h. Owns one small object per question until
 * its on_end; decides nothing about routing: it only reports.
 */
#include "exchange/probe.h"

#include "base/clock.h"
#include "base/jsonw.h"
#include "exchange/report.h"
#include "wire/dialect.h"

#include <event2/event.h>

#define CALLER     "health-probe"
#define BODY_BYTES 2048
#define TEXT_BYTES 160

struct probe {
	struct exchange_env *env;
	const struct deployment *deployment;
	struct probe_options options;
	struct event timer; /* the deadline, or the end that is told later */
	enum probe_result result;
	char text[TEXT_BYTES];
	/* PROBE_MODELS */
	struct arena arena;
	struct wire_call wire;
	struct login_waiter waiter; /* for the deployment's keys */
	struct upstream_call *call;
	int status;
	/* PROBE_COMPLETION */
	struct exchange_question question;
	struct buf body;
};

static void
end(void *arg)
{
	struct probe *p = arg;

	p->options.on_end(p->options.arg, p->deployment, p->result, p->text);
	event_del(&p->timer);
	buf_fini(&p->body);
	arena_fini(&p->arena);
	free(p);
}

static void
note(struct probe *p, enum probe_result result, const char *text)
{
	p->result = result;
	snprintf(p->text, sizeof(p->text), "%.*s", TEXT_BYTES - 1, text);
}

/* ---- the list of models ------------------------------------------------- */

/* The answer is told when the health rows know of it. */
static void
report(struct probe *p, enum health_event event)
{
	struct health_report r = {
		.event = event,
		.status = (uint32_t)p->status,
		.asked = true,
		.error = p->text,
		.now_nsecs = clock_wall_nsecs(),
	};

	report_probe(p->env, p->deployment, &r, end, p);
}

/*
 * Whoever answers is there, even if it says that it keeps no such list, or
 * that this key may not read it. Only refused credentials and its own faults
 * speak against it.
 */
static enum health_event
event_of_status(int status)
{
	if (status == 401)
		return HEALTH_AUTH;
	return status >= 500 ? HEALTH_FAILURE : HEALTH_NEUTRAL;
}

static void
conclude(struct probe *p, enum health_event event, const char *text)
{
	bool down = event != HEALTH_NEUTRAL;

	note(p, down ? PROBE_DOWN : PROBE_ALIVE, down ? text : "");
	event_del(&p->timer);
	report(p, event);
}

static void
on_head(void *arg, const struct upstream_head *head)
{
	struct probe *p = arg;

	p->status = head->status;
}

static void
on_data(void *arg, struct str bytes)
{
	(void)arg; /* what is in the list does not matter */
	(void)bytes;
}

static void
on_done(void *arg, const struct upstream_result *result)
{
	struct probe *p = arg;
	char text[TEXT_BYTES];

	p->call = NULL;
	if (p->status == 0) {
		conclude(p,
		    result->end == UPSTREAM_CONNECT_TIMEOUT ? HEALTH_TIMEOUT
							    : HEALTH_FAILURE,
		    result->text);
		return;
	}
	snprintf(text, sizeof(text), "HTTP status %d to a probe", p->status);
	conclude(p, event_of_status(p->status), text);
}

static const struct upstream_callbacks callbacks = {
	.on_head = on_head,
	.on_data = on_data,
	.on_done = on_done,
};

/* The deadline passed; or, without a call, there was nothing to ask. */
static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct probe *p = arg;

	(void)fd;
	(void)what;
	logins_forget(&p->waiter);
	if (p->call == NULL) {
		end(p);
		return;
	}
	upstream_cancel(&p->call);
	conclude(p, HEALTH_TIMEOUT, "no answer to a probe in time");
}

static void
end_later(struct probe *p, const char *text)
{
	struct timeval now = { 0, 0 };

	note(p, PROBE_NOT_ASKED, text);
	event_add(&p->timer, &now);
}

static int
send_models(struct probe *p, const struct dialect *dialect, struct err *err)
{
	struct wire_choice choice = {
		.config = p->env->config,
		.deployment = p->deployment->config,
		.max_tokens = CONFIG_UNSET,
	};
	struct upstream_request request;
	const struct config_login *login = p->deployment->config->login;

	if (login != NULL) {
		int got = logins_get(p->env->logins, login, &p->waiter,
		    &choice.keys, err);

		if (got < 1)
			return got;
	}
	if (dialect->list_models(&choice, &p->arena, &p->wire, err) != 0)
		return -1;
	request = (struct upstream_request){
		.method = p->wire.method,
		.url = p->wire.url,
		.header_count = p->wire.header_count,
		.headers = p->wire.headers,
		.callbacks = &callbacks,
		.arg = p,
	};
	return upstream_start(p->env->upstream, &request, &p->call, err);
}

/* The timer runs. */
static void
on_keys(void *arg)
{
	struct probe *p = arg;
	struct err err;

	if (send_models(p,
		dialect_find(p->deployment->config->provider->dialect),
		&err) != 0)
		end_later(p, err.text);
}

static void
ask_models(struct probe *p)
{
	const struct dialect *dialect =
	    dialect_find(p->deployment->config->provider->dialect);
	int64_t msecs = p->options.timeout_msecs;
	struct timeval tv = { msecs / 1000, msecs % 1000 * 1000 };
	struct err err;

	if (dialect == NULL || dialect->list_models == NULL) {
		end_later(p, "its provider has no list of models to ask for");
		return;
	}
	p->waiter.on_ready = on_keys;
	p->waiter.arg = p;
	note(p, PROBE_NOT_ASKED, "its keys were not there in time");
	if (send_models(p, dialect, &err) != 0) {
		end_later(p, err.text);
		return;
	}
	event_add(&p->timer, &tv);
}

/* ---- one token ---------------------------------------------------------- */

static void
on_answer(void *arg, const struct exchange *x)
{
	struct probe *p = arg;
	const struct attempt *a = x->current;

	if (a == NULL || a->deployment != p->deployment)
		note(p, PROBE_NOT_ASKED,
		    x->error_detail == NULL ? "" : x->error_detail);
	else if (a->outcome == OUTCOME_OK)
		note(p, PROBE_ALIVE, "");
	else
		note(p, PROBE_DOWN, a->error_text);
	end(p);
}

/* The shortest question of this kind of model; false: it has none. */
static bool
write_question(struct probe *p)
{
	const char *mode = p->deployment->config->mode;
	struct jsonw w;

	buf_init(&p->body, BODY_BYTES);
	jsonw_init(&w, &p->body);
	jsonw_open(&w, '{');
	jsonw_key(&w, "model");
	jsonw_cstr(&w, p->deployment->id);
	if (strcmp(mode, "chat") == 0) {
		p->question.api = WIRE_CHAT;
		jsonw_key(&w, "messages");
		jsonw_raw(&w,
		    str_of("[{\"role\":\"user\",\"content\":\"ping\"}]"));
	} else if (strcmp(mode, "completion") == 0) {
		p->question.api = WIRE_COMPLETIONS;
		jsonw_key(&w, "prompt");
		jsonw_cstr(&w, "ping");
	} else if (strcmp(mode, "embedding") == 0) {
		p->question.api = WIRE_EMBEDDINGS;
		jsonw_key(&w, "input");
		jsonw_cstr(&w, "ping");
	} else {
		return false;
	}
	if (p->question.api != WIRE_EMBEDDINGS) {
		jsonw_key(&w, "max_tokens");
		jsonw_int(&w, 1);
	}
	jsonw_key(&w, "num_retries");
	jsonw_int(&w, 0);
	jsonw_key(&w, "disable_fallbacks");
	jsonw_bool(&w, true);
	jsonw_key(&w, "timeout");
	jsonw_decimal(&w, p->options.timeout_msecs, 3);
	jsonw_close(&w, '}');
	return !p->body.overflowed;
}

static bool
ask_completion(struct probe *p)
{
	if (p->deployment->is_wildcard || !write_question(p))
		return false;
	p->question.body = buf_str(&p->body);
	p->question.caller = CALLER;
	p->question.on_end = on_answer;
	p->question.arg = p;
	exchange_ask(p->env, &p->question);
	return true;
}

/* ---- start -------------------------------------------------------------- */

/* While the breaker is open nobody goes there, probes neither. */
static bool
is_closed_to_all(const struct probe *p)
{
	struct store_txn *t;
	struct health_row row;
	int rc;

	if (store_read(p->env->store, STORE_LIVE, &t, NULL) != 0)
		return false;
	rc = health_get(t, p->deployment->id, &row);
	store_abort(&t);
	return rc == 1 && breaker_ask(&row, clock_wall_nsecs()) == BREAKER_DENY;
}

void
probe_start(struct exchange_env *env, const struct deployment *d,
    const struct probe_options *options)
{
	struct probe *p = xcalloc(1, sizeof(*p));

	p->env = env;
	p->deployment = d;
	p->options = *options;
	arena_init(&p->arena, 1024);
	buf_init(&p->body, BODY_BYTES);
	evtimer_assign(&p->timer, env->base, on_timer, p);
	if (d->config->mock_response != NULL)
		end_later(p, "it answers with its mock_response");
	else if (is_closed_to_all(p))
		end_later(p, "its breaker is open");
	else if (options->method != PROBE_COMPLETION || !ask_completion(p))
		ask_models(p);
}
