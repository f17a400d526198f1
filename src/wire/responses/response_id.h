/*
 * Ids of responses. What a provider keeps can only be asked for where it is
 * kept, so the id a client gets names the deployment that made it:
 *
 *   resp_abc  kept at a deployment  →  resp_abc_at_0123456789ab
 *
 * (domain/routing/state_tag.h has the digits). Nothing has to be remembered
 * here, and an id works over restarts and at every host of one configuration.
 */
#ifndef WIRE_RESPONSE_ID_H
#define WIRE_RESPONSE_ID_H

#include "base/buf.h"

/* The provider's id, a JSON string as it is written, as the client gets it.
   One that is none is copied. deployment_id NULL: copied. */
void response_id_write(struct str quoted, const char *deployment_id,
    struct buf *out);
/* A client's id apart: the provider's own, and the tag; "" when it has none.
   Both point into `id`. */
void response_id_split(struct str id, struct str *own_r, struct str *tag_r);

#endif
