/*
 * The first steps: accept, authenticate, parse, plan, admit, reserve. After
 * them the request is understood, has an order of candidates, and its worst
 * price is held.
 */
#include "base/clock.h"
#include "base/hash.h"
#include "exchange/exchange.h"
#include "exchange/planning.h"
#include "exchange/record.h"

/* A request id may come from the client: plain characters only, since it goes
   into headers and records. */
static bool
id_is_plain(struct str s)
{
	if (s.n == 0 || s.n >= REQUEST_ID_BYTES)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] == '"' ||
		    s.p[i] == '\\')
			return false;
	}
	return true;
}

static void
take_request_id(struct exchange *x)
{
	static const char *const headers[] = { "x-request-id",
		"x-litellm-call-id" };
	unsigned char bytes[16];

	for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
		struct str id = http_header(x->call, headers[i]);

		if (id_is_plain(id)) {
			memcpy(x->request_id, id.p, id.n);
			x->request_id[id.n] = '\0';
			return;
		}
	}
	for (size_t i = 0; i < sizeof(bytes); i += 8) {
		uint64_t r = random_u64();

		memcpy(bytes + i, &r, 8);
	}
	hash_hex(bytes, sizeof(bytes), x->request_id);
}

enum step_result
step_run_ACCEPT(struct exchange *x)
{
	x->started_nsecs = clock_mono_nsecs();
	x->started_wall_nsecs = clock_wall_nsecs();
	take_request_id(x);
	exchange_move(x, STEP_AUTHENTICATE);
	return STEP_MORE;
}

static struct str
header_of(const void *call, const char *name)
{
	return http_header(call, name);
}

enum step_result
step_run_AUTHENTICATE(struct exchange *x)
{
	struct err err;

	if (account_authenticate(x->env->config,
		account_presented(header_of, x->call), &x->account, &err) != 0)
		return exchange_refuse(x, err.code, NULL, NULL);
	exchange_move(x, STEP_PARSE);
	return STEP_MORE;
}

enum step_result
step_run_PARSE(struct exchange *x)
{
	const char *param = NULL;
	struct err err;

	if (wire_request_parse(x->api, http_body(x->call), &x->arena,
		&x->request, &param, &err) != 0)
		return exchange_refuse(x, err.code, err.text, param);
	x->parsed = true;
	x->asked =
	    arena_strndup(&x->arena, x->request.model.p, x->request.model.n);
	exchange_move(x, STEP_PLAN);
	return STEP_MORE;
}

/* ---- plan --------------------------------------------------------------- */

enum step_result
step_run_PLAN(struct exchange *x)
{
	struct err err;

	if (planning_route(x, &err) != 0)
		return exchange_refuse(x, err.code, err.text,
		    err.code == ERR_MODEL_UNKNOWN ? "model" : NULL);
	exchange_move(x, STEP_ADMIT);
	return STEP_MORE;
}

/* ---- admit -------------------------------------------------------------- */

static enum step_result
refuse_nothing_left(struct exchange *x)
{
	struct err err;

	x->retry_after_nsecs = x->plan->retry_nsecs;
	plan_error(x->plan, &err);
	return exchange_refuse(x, err.code, err.text, NULL);
}

enum step_result
step_run_ADMIT(struct exchange *x)
{
	if (x->plan->count == 0)
		return refuse_nothing_left(x);
	exchange_move(x, STEP_RESERVE);
	return STEP_MORE;
}

/* ---- reserve ------------------------------------------------------------ */

/* What the candidate's worst case costs: its whole prompt and the most output
   that may come. */
static int64_t
worst_price(const struct exchange *x, const struct candidate *c,
    int64_t *prompt_r)
{
	int64_t prompt = x->request.prompt_bound_tokens, output;

	if (c->max_input_tokens != CONFIG_UNSET && prompt > c->max_input_tokens)
		prompt = c->max_input_tokens;
	output = x->request.max_tokens;
	if (output == CONFIG_UNSET)
		output = c->max_output_tokens;
	if (output == CONFIG_UNSET)
		output = 0; /* unknown: nothing can be said */
	*prompt_r = price_worst_nanos(c->price, prompt, 0);
	return price_worst_nanos(c->price, prompt, output * x->request.n);
}

static int
hold_run(struct batch_job *job, struct store_txn *t, struct err *err)
{
	struct exchange *x = LIST_OBJ(job, struct exchange, hold_job);
	const struct candidate *c = &x->plan->candidates[x->next_candidate];

	if (c->probe) {
		struct breaker_rule rule;
		struct health_row row;

		route_breaker_rule(x->env->catalog, c->deployment, &rule);
		if (health_get(t, c->deployment->id, &row) < 0)
			return err_set(err, ERR_STORE, "health row");
		if (breaker_enter(&row, &rule, x->env->owner->id,
			x->hold_request.now_nsecs) == BREAKER_DENY)
			return err_set(err, ERR_NO_DEPLOYMENT,
			    "another request probes this deployment");
		if (health_put(t, c->deployment->id, &row) != 0)
			return err_set(err, ERR_STORE, "health row");
	}
	if (x->attempt_count > 0)
		return ledger_rehold(t, &x->hold_request, &x->hold,
		    &x->hold_answer, err);
	return ledger_hold(t, &x->hold_request, &x->hold, &x->hold_answer, err);
}

static void
hold_done(struct batch_job *job, const struct err *err)
{
	struct exchange *x = LIST_OBJ(job, struct exchange, hold_job);

	x->hold_waiting = false;
	x->hold_failed = err != NULL;
	if (err != NULL)
		x->hold_err = *err;
	exchange_resume(x);
}

static void
start_hold(struct exchange *x)
{
	const struct candidate *c = &x->plan->candidates[x->next_candidate];
	struct hold_request *request = &x->hold_request;
	struct hold *h = &x->hold;
	struct buf opening;

	request->now_nsecs = clock_wall_nsecs();
	request->worst_nanos = worst_price(x, c, &h->prompt_nanos);
	request->least_nanos = request->worst_nanos;
	if (h->number == 0) {
		h->owner = x->env->owner->id;
		h->number = x->env->next_number++;
		h->taken_nsecs = request->now_nsecs;
	}
	/* It goes out right after the commit; a worker killed in between
	   overstates by a prompt, and the record says so. */
	h->state = HOLD_SENT;
	h->deadline_nsecs =
	    request->now_nsecs +
	    x->env->config->router.timeout_msecs * NSECS_PER_MSEC;
	buf_init(&opening, RECORD_MAX_BYTES);
	record_write_opening(x, &opening);
	h->record = arena_str(&x->arena, buf_str(&opening));
	buf_fini(&opening);
	record_names(x, NULL, &h->names);
	batch_job_init(&x->hold_job, hold_run, hold_done);
	x->hold_waiting = true;
	batch_add(x->env->batch, &x->hold_job);
}

/* The candidate cannot be used; the next one, or the end. */
static enum step_result
skip_candidate(struct exchange *x)
{
	x->hold_failed = false;
	x->next_candidate++;
	if (x->next_candidate < x->plan->count) {
		start_hold(x);
		return STEP_PARK;
	}
	return refuse_nothing_left(x);
}

enum step_result
step_run_RESERVE(struct exchange *x)
{
	if (x->hold_waiting)
		return STEP_PARK;
	if (x->hold_job.run == NULL) {
		start_hold(x);
		return STEP_PARK;
	}
	x->hold_job.run = NULL;
	if (x->hold_failed) {
		/* What was held before a failed rehold is still held. */
		if (x->attempt_count == 0)
			x->hold.number = 0;
		if (x->hold_err.code == ERR_NO_DEPLOYMENT)
			return skip_candidate(x);
		return exchange_refuse(x, x->hold_err.code, NULL, NULL);
	}
	if (x->hold_answer.verdict == HOLD_REFUSED) {
		if (x->attempt_count == 0)
			x->hold.number = 0;
		return exchange_refuse(x, ERR_BUDGET, NULL, NULL);
	}
	exchange_move(x, STEP_ATTEMPT);
	return STEP_MORE;
}
