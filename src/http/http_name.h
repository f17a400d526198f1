/*
 * Header names that mean something here: those the gateway asks for, which
 * are noted while a head is read, and those an owner may not add to an answer.
 * One table, so that a name is compared once and is a small number after that.
 */
#ifndef HTTP_HTTP_NAME_H
#define HTTP_HTTP_NAME_H

#include "base/str.h"

#define HTTP_NAME_BYTES 24 /* longer names are not in the table */

/* Noted in a request: http_framing.known has a place for each. */
#define HTTP_ASKED_NAMES(X)                                                    \
	X(HOST, "host")                                                        \
	X(EXPECT, "expect")                                                    \
	X(API_KEY, "api-key")                                                  \
	X(X_API_KEY, "x-api-key")                                              \
	X(CONNECTION, "connection")                                            \
	X(X_REQUEST_ID, "x-request-id")                                        \
	X(AUTHORIZATION, "authorization")                                      \
	X(CONTENT_LENGTH, "content-length")                                    \
	X(ANTHROPIC_BETA, "anthropic-beta")                                    \
	X(X_GOOG_API_KEY, "x-goog-api-key")                                    \
	X(TRANSFER_ENCODING, "transfer-encoding")                              \
	X(ANTHROPIC_VERSION, "anthropic-version")                              \
	X(X_LITELLM_API_KEY, "x-litellm-api-key")                              \
	X(X_LITELLM_CALL_ID, "x-litellm-call-id")                              \
	X(X_LITELLM_TAGS, "x-litellm-tags")                                    \
	X(X_LITELLM_TIMEOUT, "x-litellm-timeout")                              \
	X(X_LITELLM_NUM_RETRIES, "x-litellm-num-retries")                      \
	X(X_LITELLM_CUSTOMER_ID, "x-litellm-customer-id")                      \
	X(X_LITELLM_END_USER_ID, "x-litellm-end-user-id")                      \
	X(X_LITELLM_STREAM_TIMEOUT, "x-litellm-stream-timeout")

/* Never an owner's to add, beside some of those above. */
#define HTTP_RESERVED_NAMES(X)                                                 \
	X(TE, "te")                                                            \
	X(DATE, "date")                                                        \
	X(TRAILER, "trailer")                                                  \
	X(UPGRADE, "upgrade")                                                  \
	X(KEEP_ALIVE, "keep-alive")                                            \
	X(CONTENT_TYPE, "content-type")                                        \
	X(PROXY_CONNECTION, "proxy-connection")

enum http_name {
#define HTTP_NAME_ENUM(NAME, text) HTTP_NAME_##NAME,
	HTTP_ASKED_NAMES(HTTP_NAME_ENUM)
	HTTP_NAME_ASKED, /* how many of them there are */
	HTTP_NAME_LAST_ASKED = HTTP_NAME_ASKED - 1,
	HTTP_RESERVED_NAMES(HTTP_NAME_ENUM) HTTP_NAME_OTHER,
#undef HTTP_NAME_ENUM
};

/* `lower` without capitals. */
enum http_name http_name_find(struct str lower);
/* The same, any letters. */
enum http_name http_name_find_nocase(struct str name);
/* Says where an answer ends, or is written by the server itself. */
bool http_name_is_reserved(enum http_name name);

#endif
