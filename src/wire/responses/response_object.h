/*
 * The response object that stands for a chat's answer: what the request said
 * comes back in it as it was written, the rest is the API's default. Nothing
 * is kept here, so store is false.
 */
#ifndef WIRE_RESPONSE_OBJECT_H
#define WIRE_RESPONSE_OBJECT_H

#include "wire/request.h"

struct response_object {
	const struct wire_request *request;
	struct str id;                 /* without prefix and quotes */
	struct str created_at;         /* a number */
	struct str model;              /* with quotes */
	const char *status;            /* in_progress, completed, incomplete */
	const char *incomplete_reason; /* NULL none */
	struct str output;             /* an array */
	const struct usage *usage;     /* NULL: null */
};

void response_object_write(const struct response_object *o, struct buf *out);

#endif
