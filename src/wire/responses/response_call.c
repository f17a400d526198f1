/* Calls about responses that are kept. See response_call.h. */
#include "wire/responses/response_call.h"

#include "config/config.h"
#include "wire/responses/response_id.h"

#define PREFIX "/responses/"

static const struct {
	const char *tail, *methods;
} calls[] = {
	{ "", "GET, DELETE" },
	{ "/input_items", "GET" },
	{ "/cancel", "POST" },
};

/* What stands in the path of another server must not be able to lead
   elsewhere. */
static bool
is_plain(struct str id)
{
	for (size_t i = 0; i < id.n; i++) {
		char c = id.p[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			     (c >= '0' && c <= '9') || c == '_' || c == '-';

		if (!plain)
			return false;
	}
	return id.n > 0;
}

/* "/responses/ID/TAIL" apart; false when it is none of ours. */
static bool
split_path(struct str path, struct str *id_r, size_t *call_r)
{
	struct str rest, id;

	if (!str_starts(path, PREFIX))
		return false;
	rest = str_make(path.p + sizeof(PREFIX) - 1,
	    path.n - (sizeof(PREFIX) - 1));
	id = rest;
	for (id.n = 0; id.n < rest.n && rest.p[id.n] != '/'; id.n++)
		;
	rest = str_make(rest.p + id.n, rest.n - id.n);
	for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
		if (str_is(rest, calls[i].tail) && is_plain(id)) {
			*id_r = id;
			*call_r = i;
			return true;
		}
	}
	return false;
}

bool
response_call_find(struct str path, struct str method, bool *served_r,
    const char **allowed_r)
{
	struct str id, rest;
	size_t i;

	if (!split_path(path, &id, &i))
		return false;
	*allowed_r = calls[i].methods;
	*served_r = false;
	for (rest = str_of(calls[i].methods); rest.n > 0;)
		*served_r |= str_eq(str_trim(str_cut(&rest, ',')), method);
	return true;
}

static bool
wants_stream(struct str query)
{
	while (query.n > 0) {
		if (str_is(str_cut(&query, '&'), "stream=true"))
			return true;
	}
	return false;
}

int
response_call_read(struct str method, struct str path, struct str query,
    struct arena *arena, struct wire_request *r, struct err *err)
{
	struct response_name name;
	struct str id;
	size_t call;

	memset(r, 0, sizeof(*r));
	r->api = WIRE_RESPONSE;
	r->form_type = "";
	r->body = r->user = r->model = str_make("", 0);
	r->n = 1;
	r->max_tokens = CONFIG_UNSET;
	r->num_retries = r->timeout_msecs = r->stream_timeout_msecs =
	    CONFIG_UNSET;
	r->drop_params = CONFIG_UNSET;
	r->needs_state = r->disable_fallbacks = true;
	if (!split_path(path, &id, &call))
		return err_set(err, ERR_NO_RESPONSE, "no such call");
	response_id_split(id, &name);
	if (name.tag.n == 0)
		return err_set(err, ERR_NO_RESPONSE,
		    "response '%.*s': only ids that this gateway gave are "
		    "known here",
		    id.n > 100 ? 100 : (int)id.n, id.p);
	r->state_tag = arena_str(arena, name.tag);
	r->previous_response = arena_str(arena, name.own);
	r->response_owner = arena_str(arena, name.owner);
	r->method = arena_strndup(arena, method.p, method.n);
	r->stream = wants_stream(query);
	r->path = arena_printf(arena, PREFIX STR_FMT "%s%s" STR_FMT,
	    STR_ARG(name.own), calls[call].tail, query.n > 0 ? "?" : "",
	    STR_ARG(query));
	return 0;
}
