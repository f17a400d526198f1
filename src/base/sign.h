/*
 * Ed25519 signatures (OpenSSL), with a private key that lives in a file of one
 * line of hex, 0600. Keys and signatures are lower-case hex.
 */
#ifndef BASE_SIGN_H
#define BASE_SIGN_H

#include "base/err.h"
#include "base/str.h"

#define SIGN_KEY_HEX_BYTES 65  /* 64 digits and a NUL */
#define SIGN_HEX_BYTES     129 /* 128 digits and a NUL */

/* Makes the key at path when there is none. ERR_IO; ERR_CONFIG when the file
   is no key. public_r: the public half. */
int sign_prepare(const char *path, char public_r[SIGN_KEY_HEX_BYTES],
    struct err *err) MUST_CHECK;
/* Signs with the key at path. ERR_IO, ERR_CONFIG. */
int sign_text(const char *path, struct str text,
    char signature_r[SIGN_HEX_BYTES], struct err *err) MUST_CHECK;
/* True when the signature is that key's, over exactly this text. */
bool sign_is_valid(struct str public_hex, struct str text,
    struct str signature_hex);

#endif
