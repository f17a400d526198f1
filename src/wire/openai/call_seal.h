/*
 * Ids of tool calls that carry what must come back with the call. Gemini gives
 * a signature of its thoughts with a call (extra_content.google.
 * thought_signature) and refuses the next turn without it. A chat's client
 * sends it back with the call; Anthropic's and the responses' clients have no
 * place for it but the id, which all of them send back as it is:
 *
 *   call_1  with the signature c2ln+/8=  →  call_1__thought__c2ln-_8
 *
 * The characters are those that Anthropic takes in an id. Strings are the
 * insides of JSON strings.
 */
#ifndef WIRE_CALL_SEAL_H
#define WIRE_CALL_SEAL_H

#include "base/buf.h"

/* The id with its seal, appended to out; one that is no base64 stays away. */
void call_seal_write(struct str id, struct str seal, struct buf *out);
/* A client's id apart: the provider's own, and the seal ("" none) as it stands
   there. Both point into `id`. */
void call_seal_split(struct str id, struct str *own_r, struct str *seal_r);
/* Such a seal as the provider wrote it, appended to out. */
void call_seal_open(struct str seal, struct buf *out);

#endif
