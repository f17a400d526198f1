/*
 * Addresses of providers: each URL is read and checked once. An origin is who
 * answers there (scheme, host, port): what connections are kept by. An address
 * is one URL of an origin, with the part of a request's head that only the URL
 * decides.
 */
#ifndef UPSTREAM_ADDRESS_BOOK_H
#define UPSTREAM_ADDRESS_BOOK_H

#include "base/err.h"
#include "base/list.h"
#include "base/map.h"

/* Most URLs that are remembered. They come from the configuration, but a
   dialect may put a model's name into the path. */
#define ADDRESS_BOOK_MAX 1024

struct ssl_session_st; /* OpenSSL's SSL_SESSION */

struct origin {
	struct list node; /* address_book->origins */
	char *key;        /* "https://host:port" */
	char *dial_url;   /* "http://host:port", for libcurl */
	char *host;       /* without an IPv6 address's brackets */
	bool tls;
	struct list idle;  /* conn.node, the freshest last */
	size_t conn_count; /* idle ones, busy ones, and dials under way */
	struct ssl_session_st *session; /* the last one; owned */
};

struct address {
	struct origin *origin;
	/* " /v1/x HTTP/1.1\r\nHost: h\r\n", and Authorization when the URL
	   has a user: comes behind the method. */
	struct str head;
	bool has_user;
};

struct address_book {
	struct map *addresses; /* by URL */
	struct list origins;
};

void address_book_init(struct address_book *b);
/* No connection may be left. */
void address_book_fini(struct address_book *b);
/*
 * The address of a URL; good until the next address_book_find(). Its origin is
 * good as long as it has a connection. -1: ERR_CONFIG, not a URL of http or
 * https that a request can be sent to; the text has no secret of the URL.
 */
int address_book_find(struct address_book *b, const char *url,
    const struct address **address_r, struct err *err) MUST_CHECK;

#endif
