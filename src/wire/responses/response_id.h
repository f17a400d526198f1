/*
 * Ids of responses. What a provider keeps can only be asked for where it is
 * kept and by whose it is, so the id a client gets names the deployment that
 * made it, and the key it was made for:
 *
 *   resp_abc  kept at a deployment     →  resp_abc_at_0123456789ab
 *   ... for a virtual key              →  resp_abc_at_0123456789ab_KEYS24HEX
 *
 * (domain/routing/state_tag.h has the first digits). The last 24 are a message
 * authentication code over the rest with the key's seal (accounts_seal), so
 * nobody can make another key's id his own. Nothing has to be remembered, and
 * an id works over restarts.
 */
#ifndef WIRE_RESPONSE_ID_H
#define WIRE_RESPONSE_ID_H

#include "base/buf.h"

/* 96 bits in hex. */
#define RESPONSE_OWNER_CHARS 24

/* Where responses are kept, and for whom. */
struct response_place {
	const char *deployment_id; /* NULL: ids stay as they are */
	struct str seal;           /* "" nobody's: ids name no owner */
};

/* The provider's id, a JSON string as it is written, as the client gets it.
   One that is none is copied. */
void response_id_write(struct str quoted, const struct response_place *place,
    struct buf *out);

/* A client's id apart. All point into it; tag and owner are "" where they are
   not. */
struct response_name {
	struct str own; /* the provider's */
	struct str tag; /* of the deployment */
	struct str owner;
};
void response_id_split(struct str id, struct response_name *name_r);
/* The owner in it is the one with this seal; compared in constant time. */
bool response_id_is_of(const struct response_name *name, struct str seal);

#endif
