/*
 * Hashes and random bytes. SHA-256 (OpenSSL) for keys, ids and the trace
 * chain; a seeded mix for tables.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/str.h"

#include <stdint.h>

#define SHA256_BYTES     32
#define SHA256_HEX_BYTES 65 /* 64 digits and a NUL */

void hash_sha256(struct str data, unsigned char out[SHA256_BYTES]);
void hash_hmac(struct str key, struct str data,
    unsigned char out[SHA256_BYTES]);
/* SHA-256 may be used on any thread; one that ends calls this behind it. */
void hash_leave_thread(void);
/* HMAC-SHA256, lower-case hex. */
void hash_hmac_hex(struct str key, struct str data, char out[SHA256_HEX_BYTES]);
/* Lower-case hex of n bytes and a NUL: out has room for 2n + 1. */
void hash_hex(const unsigned char *bytes, size_t n, char *out);
void hash_sha256_hex(struct str data, char out[SHA256_HEX_BYTES]);
/* For hash tables in this process; seeded at start, never stored. */
uint64_t hash_bytes(struct str data);
/* From the kernel; never fails. */
void random_bytes(void *out, size_t n);
/* Uniform in [0, 1), fast, seeded from the kernel; not for secrets. */
double random_unit(void);
uint64_t random_u64(void);

#endif
