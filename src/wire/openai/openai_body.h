/*
 * The body of a call in the OpenAI dialect: the client's own bytes with as few
 * changes as the rules ask for. Members that are left alone keep their bytes,
 * blanks included.
 *
 *   model            the upstream's name
 *   stream_options   include_usage is always asked for on streams
 *   max_tokens       the lowered limit, or added when there was none
 *   LiteLLM's extras cut out (request_keys.h)
 *   parameters       dropped or renamed by provider (openai_params.h)
 *   defaults_json    added where the client said nothing
 *   extra_body_json  the operator's members: they win over the client's
 */
#ifndef WIRE_OPENAI_BODY_H
#define WIRE_OPENAI_BODY_H

#include "wire/openai/openai_params.h"

/* Fills pieces, body_bytes and max_tokens of the call. -1: ERR_BAD_REQUEST
   for a refused parameter. */
int openai_body_write(const struct wire_request *r,
    const struct wire_choice *choice, struct arena *arena,
    struct wire_call *call_r, struct err *err) MUST_CHECK;

#endif
