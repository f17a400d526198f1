/*
 * The front door: which path goes where. LLM APIs become exchanges, the rest
 * is looked up in the admin routes.
 */
#include "worker/worker.h"

#include "base/jsonw.h"
#include "wire/apierror.h"
#include "wire/responses/response_call.h"

/*
 * Heads that say nothing here: /v1, Cohere's /v2, and those with a model's name
 * in them, which Azure's clients send: /openai/deployments/NAME,
 * /engines/NAME. The body names the model, too.
 */
static struct str
without_head(struct str path)
{
	static const char *const named[] = { "/openai/deployments/",
		"/engines/" };
	struct str rest;

	if (str_starts(path, "/v1/") || str_is(path, "/v2/rerank"))
		path = str_make(path.p + 3, path.n - 3);
	if (str_starts(path, "/openai/v1/"))
		return str_make(path.p + 10, path.n - 10);
	for (size_t i = 0; i < ARRAY_LEN(named); i++) {
		size_t n = strlen(named[i]);

		if (!str_starts(path, named[i]))
			continue;
		rest = str_make(path.p + n, path.n - n);
		str_cut(&rest, '/');
		if (rest.p != NULL)
			return str_make(rest.p - 1, rest.n + 1);
	}
	return path;
}

/* The API a path speaks; with and without /v1, as LiteLLM. 0 none. */
static int
find_api(struct str path, enum wire_api *api_r)
{
#define API_PATH(NAME, word, suffix) { WIRE_##NAME, suffix },
	static const struct {
		enum wire_api api;
		const char *path;
	} apis[] = { WIRE_APIS(API_PATH) };
#undef API_PATH

	path = without_head(path);
	for (size_t i = 0; i < ARRAY_LEN(apis); i++) {
		if (str_is(path, apis[i].path)) {
			*api_r = apis[i].api;
			return 1;
		}
	}
	return 0;
}

static void
refuse_method(struct http_call *call, const char *allowed)
{
	char *detail = xasprintf("this path takes %s", allowed);

	http_add_header(call, "allow", allowed);
	admin_error(call, ERR_METHOD, detail);
	free(detail);
}

/* A call about a response that is kept? It is answered here then. */
static bool
take_response_call(struct worker *w, struct http_call *call, struct str path)
{
	const char *allowed;
	bool served;

	if (!response_call_find(without_head(path), http_method(call), &served,
		&allowed))
		return false;
	if (served)
		exchange_begin(&w->env, call, WIRE_RESPONSE);
	else
		refuse_method(call, allowed);
	return true;
}

void
front_on_call(void *arg, struct http_call *call)
{
	struct worker *w = arg;
	struct str method = http_method(call), path = http_path(call);
	const struct admin_route *route;
	const char *allowed;
	struct str argument;
	enum wire_api api;
	char *detail;

	if (path.n > 1 && path.p[path.n - 1] == '/')
		path.n--; /* "/v1/models/" is "/v1/models" */
	if (find_api(path, &api)) {
		if (!str_is(method, "POST"))
			refuse_method(call, "POST");
		else
			exchange_begin(&w->env, call, api);
		return;
	}
	if (take_response_call(w, call, path))
		return;
	route = admin_find(method, path, &argument, &allowed);
	if (route != NULL) {
		admin_run(&w->admin, route, call, argument);
	} else if (allowed != NULL) {
		refuse_method(call, allowed);
	} else {
		detail = xasprintf(STR_FMT " " STR_FMT, STR_ARG(method),
		    path.n > 200 ? 200 : (int)path.n, path.p);
		admin_error(call, ERR_NOT_FOUND, detail);
		free(detail);
	}
}

void
front_on_error(void *arg, int status, enum err_code code, const char *text,
    struct buf *out)
{
	struct arena arena;
	struct api_error e;

	(void)arg;
	/* What the list says anyway is not said twice. */
	if (text != NULL && strcmp(text, err_info(code)->public_text) == 0)
		text = NULL;
	arena_init(&arena, 1024);
	api_error_from(code, text, NULL, &arena, &e);
	e.status = status;
	api_error_write(WIRE_CHAT, &e, NULL, out);
	arena_fini(&arena);
}
