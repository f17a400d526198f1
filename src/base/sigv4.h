/*
 * AWS Signature Version 4: the headers that sign one request. A pure function;
 * the time is a parameter. Source: AWS's description of the signing process
 * and its published test suite, which the unit test holds it to.
 */
#ifndef BASE_SIGV4_H
#define BASE_SIGV4_H

#include "base/arena.h"
#include "base/hash.h"

#include <stdint.h>

#define SIGV4_MAX_HEADERS 16
#define SIGV4_DATE_BYTES  17 /* 20150830T123600Z and a NUL */

struct sigv4_keys {
	const char *access_key_id;
	const char *secret_access_key;
	const char *session_token; /* "" none */
};

struct sigv4_header {
	struct str name; /* lower case */
	struct str value;
};

struct sigv4_request {
	const char *method;
	/* As it is sent, percent-encoded once. It is encoded once more for
	   the signature, as every service but S3 wants it. */
	struct str path;
	struct str query; /* as it is sent, without the "?"; "" none */
	/* To be signed: host first of all, others as the caller likes. */
	size_t header_count;
	struct sigv4_header headers[SIGV4_MAX_HEADERS];
	struct str body;
	const char *region, *service;
};

/* What to send beside the signed headers. */
struct sigv4_signature {
	char date[SIGV4_DATE_BYTES]; /* X-Amz-Date */
	const char *authorization;   /* Authorization, in the arena */
};

/* x-amz-date, and x-amz-security-token when there is a session token, are
   signed with the headers given; more than SIGV4_MAX_HEADERS - 2 are a fault
   of the program. */
void sigv4_sign(const struct sigv4_request *r, const struct sigv4_keys *keys,
    int64_t now_nsecs, struct arena *arena, struct sigv4_signature *s_r);

#endif
