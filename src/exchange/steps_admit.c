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

static int
parse_body(struct exchange *x, struct str body, const char **param_r,
    struct err *err)
{
	struct str type = str_of("");

	if (x->api == WIRE_RESPONSE)
		return read_kept_call(x, err);
	if (wire_api_takes_form(x->api) && x->call != NULL)
		type = http_header(x->call, "content-type");
	if (form_is_type(type))
		return form_request_parse(x->api, type, body, &x->arena,
		    &x->request, param_r, err);
	return wire_request_parse(x->api, body, &x->arena, &x->request, param_r,
	    err);
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

static int
read_request(struct exchange *x, const char **param_r, struct err *err)
{
	struct str body =
	    x->question != NULL ? x->question->body : http_body(x->call);
	int r;

	*param_r = NULL;
	r = parse_body(x, body, param_r, err);
	if (r == 0 && x->call != NULL)
		r = wire_request_headers(&x->request, header_of, x->call,
		    param_r, err);
	keep_names(x);
	return r;
}

enum step_result
step_run_PARSE(struct exchange *x)
{
	const char *param;
	struct err err;

	if (read_request(x, &param, &err) != 0)
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
