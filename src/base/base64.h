/* Base64, the standard alphabet with padding (RFC 4648); by OpenSSL. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/buf.h"

/* Appended to out, which is marked when it has no room. */
void base64_encode(const void *bytes, size_t n, struct buf *out);
/* The bytes of a text without line ends; -1 when it is none, or needs more than
   max. *n_r: how many came. */
int base64_decode(struct str text, void *bytes_r, size_t max,
    size_t *n_r) MUST_CHECK;

#endif
