/* TLS to providers. See tls.h. */
#include "upstream/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

static const unsigned char offered[] = "\x08http/1.1";

/* A session that the provider offers for the next connection. */
static int
on_session(SSL *tls, SSL_SESSION *session)
{
	struct origin *origin = SSL_get_app_data(tls);

	SSL_SESSION_free(origin->session);
	origin->session = session;
	return 1; /* ours now */
}

static int
context_error(SSL_CTX *context, const char *what, struct err *err)
{
	char text[160];

	ERR_error_string_n(ERR_get_error(), text, sizeof(text));
	SSL_CTX_free(context);
	return err_set(err, ERR_CONFIG, "TLS to providers: %s: %s", what, text);
}

int
tls_context_new(const char *ca_file, bool verify, SSL_CTX **context_r,
    struct err *err)
{
	SSL_CTX *c;
	int ok;

	ERR_clear_error();
	c = SSL_CTX_new(TLS_client_method());
	if (c == NULL)
		return context_error(c, "start", err);
	ok = ca_file != NULL ? SSL_CTX_load_verify_locations(c, ca_file, NULL)
			     : SSL_CTX_set_default_verify_paths(c);
	if (ok != 1)
		return context_error(c, "certificate authorities", err);
	if (SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_alpn_protos(c, offered, sizeof(offered) - 1) != 0)
		return context_error(c, "options", err);
	SSL_CTX_set_verify(c, verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
	/* One read of the socket per record, not one for its five first
	   bytes; buffers only while there is something in them. */
	SSL_CTX_set_read_ahead(c, 1);
	SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE |
				SSL_MODE_RELEASE_BUFFERS |
				SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_session_cache_mode(c,
	    SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(c, on_session);
	*context_r = c;
	return 0;
}

static bool
is_ip_address(const char *host)
{
	unsigned char address[16];

	return inet_pton(AF_INET, host, address) == 1 ||
	       inet_pton(AF_INET6, host, address) == 1;
}

/* Whom the certificate must be for. */
static bool
set_peer(SSL *tls, const char *host)
{
	char name[256];
	size_t n = strlen(host);

	if (is_ip_address(host))
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls),
			   host) == 1;
	if (n > 1 && host[n - 1] == '.')
		n--; /* a rooted name; certificates have none */
	if (n >= sizeof(name))
		return false;
	memcpy(name, host, n);
	name[n] = '\0';
	SSL_set_hostflags(tls, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set1_host(tls, name) == 1 &&
	       SSL_set_tlsext_host_name(tls, name) == 1;
}

SSL *
tls_new(SSL_CTX *context, int fd, struct origin *origin)
{
	SSL *tls = SSL_new(context);

	if (tls == NULL)
		return NULL;
	SSL_set_app_data(tls, origin);
	SSL_set_connect_state(tls);
	if (SSL_set_fd(tls, fd) != 1 || !set_peer(tls, origin->host)) {
		SSL_free(tls);
		return NULL;
	}
	if (origin->session != NULL)
		SSL_set_session(tls, origin->session);
	return tls;
}

void
tls_free(SSL **tls)
{
	if (*tls == NULL)
		return;
	if (SSL_is_init_finished(*tls))
		SSL_shutdown(*tls);
	ERR_clear_error();
	SSL_free(*tls);
	*tls = NULL;
}

static int
waits_for(SSL *tls, int rc)
{
	switch (SSL_get_error(tls, rc)) {
	case SSL_ERROR_WANT_READ:
		return TLS_WANTS_READ;
	case SSL_ERROR_WANT_WRITE:
		return TLS_WANTS_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		return TLS_CLOSED;
	default:
		/* No good-bye on what is broken. */
		SSL_set_quiet_shutdown(tls, 1);
		return TLS_FAILED;
	}
}

int
tls_handshake(SSL *tls)
{
	int rc;

	ERR_clear_error();
	errno = 0;
	rc = SSL_do_handshake(tls);
	if (rc == 1)
		return 0;
	rc = waits_for(tls, rc);
	return rc == TLS_CLOSED ? TLS_FAILED : rc;
}

ssize_t
tls_read(SSL *tls, void *out, size_t n)
{
	size_t got;
	int rc;

	ERR_clear_error();
	errno = 0;
	rc = SSL_read_ex(tls, out, n, &got);
	return rc == 1 ? (ssize_t)got : waits_for(tls, rc);
}

ssize_t
tls_write(SSL *tls, const void *data, size_t n)
{
	size_t put;
	int rc;

	ERR_clear_error();
	errno = 0;
	rc = SSL_write_ex(tls, data, n, &put);
	return rc == 1 ? (ssize_t)put : waits_for(tls, rc);
}

bool
tls_has_more(const SSL *tls)
{
	return SSL_has_pending(tls) == 1;
}

uint64_t
tls_sent_bytes(const SSL *tls)
{
	return BIO_number_written(SSL_get_wbio(tls));
}

void
tls_text(const SSL *tls, char *out, size_t size)
{
	unsigned long code = ERR_peek_last_error();
	long verdict = SSL_get_verify_result(tls);
	const char *text = "the connection was closed";

	if (verdict != X509_V_OK && !SSL_is_init_finished(tls))
		text = X509_verify_cert_error_string(verdict);
	else if (code != 0 && ERR_reason_error_string(code) != NULL)
		text = ERR_reason_error_string(code);
	else if (errno != 0)
		text = strerror(errno);
	snprintf(out, size, "TLS: %s", text);
}
