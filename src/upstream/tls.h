/*
 * TLS to providers: OpenSSL on a connected, non-blocking socket. The
 * certificate is checked against the system's authorities (or a file's) and
 * the host's name; TLS 1.2 or newer; only HTTP/1.1 is offered; sessions are
 * resumed. No event loop: each function says what it waits for.
 */
#ifndef UPSTREAM_TLS_H
#define UPSTREAM_TLS_H

#include "base/err.h"
#include "upstream/address_book.h"

#include <openssl/ssl.h>
#include <sys/types.h>

/* In place of a count of bytes. */
enum tls_wait {
	TLS_WANTS_READ = -1,
	TLS_WANTS_WRITE = -2,
	TLS_CLOSED = -3, /* the other side ended it as TLS says */
	TLS_FAILED = -4, /* tls_text() has the reason */
};

/*
 * ca_file: PEM; NULL: the system's (OpenSSL's default places; SSL_CERT_FILE
 * and SSL_CERT_DIR of the environment count). verify: false for tests only.
 */
int tls_context_new(const char *ca_file, bool verify, SSL_CTX **context_r,
    struct err *err) MUST_CHECK;
/* A connection's TLS on fd, which stays the caller's. NULL: no memory. */
SSL *tls_new(SSL_CTX *context, int fd, struct origin *origin);
/* Says good-bye if it can without waiting, and frees. */
void tls_free(SSL **tls);
/* 0: done; else what it waits for, or TLS_FAILED. */
int tls_handshake(SSL *tls);
/* Bytes moved, or an enum tls_wait. A write that has to wait must be called
   again with the same bytes. */
ssize_t tls_read(SSL *tls, void *out, size_t n);
ssize_t tls_write(SSL *tls, const void *data, size_t n);
/* Bytes that came off the socket are waiting inside. */
bool tls_has_more(const SSL *tls);
/* Bytes given to the socket so far. */
uint64_t tls_sent_bytes(const SSL *tls);
/* Why the last call on tls failed, one line; errno as it was left. */
void tls_text(const SSL *tls, char *out, size_t size);

#endif
