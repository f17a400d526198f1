/* A response object of ours. See response_object.h. */
#include "wire/responses/response_object.h"

#include "wire/responses/responses_event.h"

#include "base/jsonw.h"

/* Members that come back as the client wrote them, and what they are when it
   did not. */
static const struct {
	const char *name;
	const char *otherwise;
} echoes[] = {
	{ "instructions", "null" },
	{ "max_output_tokens", "null" },
	{ "max_tool_calls", "null" },
	{ "metadata", "{}" },
	{ "parallel_tool_calls", "true" },
	{ "reasoning", "{\"effort\":null,\"summary\":null}" },
	{ "safety_identifier", "null" },
	{ "service_tier", "\"default\"" },
	{ "temperature", "1.0" },
	{ "text", "{\"format\":{\"type\":\"text\"}}" },
	{ "tool_choice", "\"auto\"" },
	{ "tools", "[]" },
	{ "top_logprobs", "0" },
	{ "top_p", "1.0" },
	{ "truncation", "\"disabled\"" },
	{ "user", "null" },
};

static void
write_echoes(const struct wire_request *r, struct jsonw *w)
{
	for (size_t i = 0; i < ARRAY_LEN(echoes); i++) {
		const struct wire_member *m =
		    wire_request_member(r, str_of(echoes[i].name));
		bool said = m != NULL && m->at.type != SKIM_NULL && !m->cut;

		jsonw_key(w, echoes[i].name);
		jsonw_raw(w, said ? m->at.value : str_of(echoes[i].otherwise));
	}
}

void
response_object_write(const struct response_object *o, struct buf *out)
{
	struct jsonw w;

	buf_printf(out,
	    "{\"id\":\"resp_" STR_FMT "\",\"object\":\"response\","
	    "\"created_at\":" STR_FMT
	    ",\"status\":\"%s\",\"background\":false,\"error\":null,"
	    "\"incomplete_details\":",
	    STR_ARG(o->id), STR_ARG(o->created_at), o->status);
	if (o->incomplete_reason != NULL)
		buf_printf(out, "{\"reason\":\"%s\"}", o->incomplete_reason);
	else
		buf_add_cstr(out, "null");
	jsonw_init(&w, out);
	w.comma = true;
	jsonw_key(&w, "model");
	jsonw_raw(&w, o->model);
	jsonw_key(&w, "output");
	jsonw_raw(&w, o->output);
	jsonw_key(&w, "previous_response_id");
	jsonw_null(&w);
	jsonw_key(&w, "store");
	jsonw_bool(&w, false);
	write_echoes(o->request, &w);
	jsonw_key(&w, "usage");
	if (o->usage != NULL)
		responses_usage_write(o->usage, out);
	else
		jsonw_null(&w);
	buf_add_char(out, '}');
}
