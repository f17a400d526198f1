/*
 * Requests that come as forms: pictures to be changed, sound to be read. They
 * pass part by part: the model's name is replaced, LiteLLM's extras are cut,
 * files are never looked into.
 */
#ifndef WIRE_FORM_REQUEST_H
#define WIRE_FORM_REQUEST_H

#include "wire/dialect.h"

/* The least bytes a second of speech takes in a file (4 kbit/s): from a file's
   size, how long it can be at most. */
#define FORM_BYTES_PER_SECOND 500

/* As wire_request_parse, for a form. ERR_MODEL_MISSING, ERR_BAD_REQUEST. */
int form_request_parse(enum wire_api api, struct str content_type,
    struct str body, struct arena *arena, struct wire_request *r,
    const char **param_r, struct err *err) MUST_CHECK;
/* Fills pieces and body_bytes of the call. */
void form_request_write(const struct wire_request *r,
    const struct wire_choice *choice, struct wire_call *call_r);

#endif
