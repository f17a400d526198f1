/*
 * The first steps: accept, authenticate, parse, plan, admit, reserve. After
 * them the request is understood, has an order of candidates, and its worst
 * price is held.
 */
#include "base/clock.h"
#include "base/hash.h"
#include "exchange/caller.h"
#include "exchange/exchange.h"
#include "exchange/planning.h"
#include "exchange/question.h"
#include "wire/media/form.h"
#include "wire/media/form_request.h"
#include "wire/responses/response_call.h"

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

	for (size_t i = 0; x->call != NULL && i < ARRAY_LEN(headers); i++) {
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

	if (caller_identify(x, &err) != 0)
		return exchange_refuse(x, err.code,
		    err.text[0] != '\0' ? err.text : NULL, NULL);
	exchange_move(x, STEP_PARSE);
	return STEP_MORE;
}

/* ---- parse -------------------------------------------------------------- */

/* A call about a response that its provider keeps has no body. */
static int
read_kept_call(struct exchange *x, struct err *err)
{
	struct str path = http_path(x->call);
	ptrdiff_t at = str_find(path, "/responses/");

	path = str_make(path.p + at, path.n - (size_t)at);
	if (path.n > 1 && path.p[path.n - 1] == '/')
		path.n--;
	if (response_call_read(http_method(x->call), path, http_query(x->call),
		&x->arena, &x->request, err) != 0)
		return -1;
	return planning_find_kept(x, err);
}

/* The reading of a long body, by the second thread. */
struct reading {
	struct errand errand;
	enum wire_api api;
	struct str body, form;
	/* Its own: an exchange whose client left meanwhile has read nothing. */
	struct wire_request request;
	const char *param;
	int result;
	struct err err;
};

/* form: the type of a form; "" JSON. */
static int
parse_body(enum wire_api api, struct str body, struct str form,
    struct arena *arena, struct wire_request *r, const char **param_r,
    struct err *err)
{
	if (form.n > 0)
		return form_request_parse(api, form, body, arena, r, param_r,
		    err);
	return wire_request_parse(api, body, arena, r, param_r, err);
}

static void
run_reading(struct errand *e)
{
	struct reading *r = LIST_OBJ(e, struct reading, errand);

	r->result = parse_body(r->api, r->body, r->form, &e->arena, &r->request,
	    &r->param, &r->err);
}

static void
send_reading(struct exchange *x, struct str body, struct str form)
{
	struct reading *r = arena_alloc(&x->arena, sizeof(*r));

	r->errand.run = run_reading;
	r->api = x->api;
	r->body = body;
	r->form = form;
	x->reading = r;
	errand_send(x, &r->errand);
}

static int
take_reading(struct exchange *x, const char **param_r, struct err *err)
{
	const struct reading *r = x->reading;

	x->request = r->request;
	*param_r = r->param;
	if (r->result != 0)
		*err = r->err;
	return r->result;
}

static struct str
form_type(const struct exchange *x)
{
	struct str type = str_of("");

	if (wire_api_takes_form(x->api) && x->call != NULL)
		type = http_header(x->call, "content-type");
	return form_is_type(type) ? type : str_of("");
}

/* 1 it is read, 0 the second thread reads it, -1. */
static int
read_body(struct exchange *x, const char **param_r, struct err *err)
{
	struct str body =
	    x->question != NULL ? x->question->body : http_body(x->call);
	int rc;

	if (x->reading != NULL) {
		rc = take_reading(x, param_r, err);
	} else if (x->api == WIRE_RESPONSE) {
		rc = read_kept_call(x, err);
	} else if (body.n > ERRAND_BYTES) {
		send_reading(x, body, form_type(x));
		return 0;
	} else {
		rc = parse_body(x->api, body, form_type(x), &x->arena,
		    &x->request, param_r, err);
	}
	return rc == 0 ? 1 : -1;
}

/* Whom it is booked on is asked for once more when the client, and with it
   the request's bytes, may be gone. */
static void
keep_names(struct exchange *x)
{
	struct wire_request *r = &x->request;

	r->user = arena_str(&x->arena, r->user);
	for (size_t i = 0; i < r->tag_count; i++)
		r->tags[i] = arena_str(&x->arena, r->tags[i]);
}

/* As read_body(). */
static int
read_request(struct exchange *x, const char **param_r, struct err *err)
{
	int got;

	*param_r = NULL;
	got = read_body(x, param_r, err);
	if (got == 1 && x->call != NULL &&
	    wire_request_headers(&x->request, header_of, x->call, param_r,
		err) != 0)
		got = -1;
	if (got != 0)
		keep_names(x);
	return got;
}

enum step_result
step_run_PARSE(struct exchange *x)
{
	const char *param;
	struct err err;
	int got = read_request(x, &param, &err);

	if (got == 0)
		return STEP_PARK;
	if (got < 0)
		return exchange_refuse(x, err.code, err.text, param);
	x->parsed = true;
	x->asked =
	    arena_strndup(&x->arena, x->request.model.p, x->request.model.n);
	if (caller_check(x, &param, &err) != 0)
		return exchange_refuse(x, err.code, err.text, param);
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

enum step_result
step_run_RESERVE(struct exchange *x)
{
	struct err err;
	int rc;

	if (x->holding.waiting)
		return STEP_PARK;
	rc = x->reserving.started ? reserving_outcome(x, &err)
				  : reserving_start(x, &err);
	if (rc < 0)
		return exchange_refuse(x, err.code, err.text, NULL);
	if (rc == 0)
		return STEP_PARK;
	exchange_move(x, STEP_ATTEMPT);
	return STEP_MORE;
}
