/*
 * A client's call about a response that its provider keeps: it has no body and
 * costs nothing, and goes to the deployment that the id names.
 *
 *   GET, DELETE  /responses/{id}
 *   GET          /responses/{id}/input_items
 *   POST         /responses/{id}/cancel
 */
#ifndef WIRE_RESPONSE_CALL_H
#define WIRE_RESPONSE_CALL_H

#include "wire/request.h"

/* True when the path (without /v1 and query) is one of these; *allowed_r are
   the methods it takes, for a header. */
bool response_call_find(struct str path, struct str method, bool *served_r,
    const char **allowed_r);
/*
 * Such a call as a request: method, path with the provider's own id, and the
 * tag of its deployment; the model is for the caller to find. -1
 * ERR_NO_RESPONSE: an id that this gateway did not give.
 */
int response_call_read(struct str method, struct str path, struct str query,
    struct arena *arena, struct wire_request *r, struct err *err) MUST_CHECK;

#endif
