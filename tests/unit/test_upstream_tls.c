/*
 * Calls over TLS: whom we believe, what is told when we do not, kept
 * connections and sessions, large answers, ends that are none. The authority,
 * its certificates and the servers are made here.
 */
#include "upstream_fixture.h"

#include "base/clock.h"

#include <event2/event.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define BIG_BYTES (8 << 20)

/* What a server is like; one process and one port each. */
enum kind {
	GOOD,
	NAMED,      /* for "localhost" only */
	WRONG_HOST, /* for somebody else */
	EXPIRED,
	SELF_SIGNED,
	OLD,    /* speaks TLS 1.1 at most */
	RESETS, /* in the handshake */
	SILENT, /* never answers the handshake */
	KIND_COUNT
};

struct counts {
	volatile int connections, resumed, requests, closed;
	char offered[64]; /* the protocols of the last client */
};

static struct counts *counts;
static int ports[KIND_COUNT];
static pid_t pids[KIND_COUNT];
static char ca_path[] = "/tmp/tallygate-ca-XXXXXX";

/* ---- certificates ------------------------------------------------------- */

struct identity {
	EVP_PKEY *key;
	X509 *certificate;
};

static void
add_extension(X509 *x, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	assert_non_null(e);
	X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
}

/* Valid from an hour ago for so long; alternative names NULL: an authority.
   issuer NULL: signed by itself. */
static struct identity
make_identity(const char *name, const char *names, long secs,
    const struct identity *issuer)
{
	struct identity id = { EVP_EC_gen("P-256"), X509_new() };
	const struct identity *by = issuer != NULL ? issuer : &id;
	X509_NAME *subject = X509_get_subject_name(id.certificate);
	static long serial;

	X509_set_version(id.certificate, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(id.certificate), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(id.certificate), -3600);
	X509_gmtime_adj(X509_getm_notAfter(id.certificate), secs);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
	    (const unsigned char *)name, -1, -1, 0);
	X509_set_pubkey(id.certificate, id.key);
	X509_set_issuer_name(id.certificate,
	    X509_get_subject_name(by->certificate));
	if (names != NULL)
		add_extension(id.certificate, NID_subject_alt_name, names);
	else
		add_extension(id.certificate, NID_basic_constraints,
		    "critical,CA:TRUE");
	assert_true(X509_sign(id.certificate, by->key, EVP_sha256()) > 0);
	return id;
}

static void
free_identity(struct identity *id)
{
	EVP_PKEY_free(id->key);
	X509_free(id->certificate);
}

static void
write_ca(const struct identity *ca)
{
	int fd = mkstemp(ca_path);
	FILE *f = fdopen(fd, "w");

	assert_non_null(f);
	PEM_write_X509(f, ca->certificate);
	fclose(f);
}

/* ---- servers ------------------------------------------------------------ */

static int
on_offer(SSL *tls, const unsigned char **out, unsigned char *out_n,
    const unsigned char *in, unsigned n, void *arg)
{
	(void)tls;
	(void)arg;
	snprintf(counts->offered, sizeof(counts->offered), "%.*s", (int)n,
	    (const char *)in);
	*out = in + 1;
	*out_n = in[0];
	return SSL_TLSEXT_ERR_OK;
}

/* A request's path; false: the client closed. */
static bool
read_request(SSL *tls, char path[64])
{
	char in[4096];
	int n = 0;

	do {
		int got = SSL_read(tls, in + n, (int)sizeof(in) - 1 - n);

		if (got <= 0)
			return false;
		n += got;
		in[n] = '\0';
	} while (
	    strstr(in, "\r\n\r\n") == NULL || strstr(in, "\"x\":1}") == NULL);
	sscanf(in, "%*s %60s", path);
	counts->requests++;
	return true;
}

static void
send_big(SSL *tls)
{
	static char block[64 * 1024];
	char head[100];

	memset(block, 'b', sizeof(block));
	SSL_write(tls, head,
	    snprintf(head, sizeof(head),
		"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", BIG_BYTES));
	for (int n = 0; n < BIG_BYTES; n += (int)sizeof(block)) {
		if (SSL_write(tls, block, sizeof(block)) <= 0)
			return;
	}
}

static void
serve_tls(SSL *tls, int fd)
{
	static const char old[] = "HTTP/1.0 200 OK\r\n\r\nold style";
	char path[64];

	if (SSL_accept(tls) != 1)
		return;
	counts->resumed += SSL_session_reused(tls);
	while (read_request(tls, path)) {
		if (strcmp(path, "/big") == 0) {
			send_big(tls);
		} else if (strcmp(path, "/old") == 0) {
			SSL_write(tls, old, sizeof(old) - 1);
			SSL_shutdown(tls);
			return;
		} else if (strcmp(path, "/old-cut") == 0) {
			SSL_write(tls, old, sizeof(old) - 1);
			return; /* no good-bye: anybody may have cut it */
		} else {
			SSL_write(tls, OK_ANSWER, sizeof(OK_ANSWER) - 1);
		}
		if (strcmp(path, "/ok-then-close") == 0) {
			SSL_shutdown(tls);
			/* Not close(): the parent may still have it. */
			shutdown(fd, SHUT_RDWR);
			counts->closed++;
			return;
		}
	}
}

static void
serve_connection(enum kind kind, SSL_CTX *context, int fd)
{
	struct linger reset = { .l_onoff = 1 };
	char byte;
	SSL *tls;

	counts->connections++;
	if (kind == SILENT)
		pause();
	if (kind == RESETS) {
		(void)!read(fd, &byte, 1);
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		close(fd);
		_exit(0);
	}
	tls = SSL_new(context);
	SSL_set_fd(tls, fd);
	serve_tls(tls, fd);
	_exit(0);
}

static void
start_server(enum kind kind, const struct identity *id)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());

	SSL_CTX_use_certificate(context, id->certificate);
	SSL_CTX_use_PrivateKey(context, id->key);
	SSL_CTX_set_alpn_select_cb(context, on_offer, NULL);
	SSL_CTX_set_session_id_context(context, (const unsigned char *)"t", 1);
	if (kind == OLD) {
		SSL_CTX_set_security_level(context, 0);
		SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
		SSL_CTX_set_max_proto_version(context, TLS1_1_VERSION);
	}
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(listen(fd, 64), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	ports[kind] = ntohs(sin.sin_port);
	pids[kind] = fork();
	if (pids[kind] == 0) {
		setpgid(0, 0);
		signal(SIGCHLD, SIG_IGN);
		signal(SIGPIPE, SIG_IGN);
		for (;;) {
			int c = accept(fd, NULL, NULL);

			if (c >= 0 && fork() == 0)
				serve_connection(kind, context, c);
			close(c);
		}
	}
	setpgid(pids[kind], pids[kind]);
	SSL_CTX_free(context);
	close(fd);
}

static int
start_servers(void **state)
{
	struct identity ca = make_identity("Test authority", NULL, 3600, NULL);
	struct identity ids[KIND_COUNT];

	(void)state;
	counts = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	signal(SIGPIPE, SIG_IGN);
	write_ca(&ca);
	for (int kind = 0; kind < KIND_COUNT; kind++) {
		const char *names = kind == NAMED ? "DNS:localhost"
				    : kind == WRONG_HOST
					? "DNS:example.org,IP:127.0.0.2"
					: "DNS:localhost,IP:127.0.0.1";

		/* The common name counts for nothing. */
		ids[kind] = make_identity("127.0.0.1", names,
		    kind == EXPIRED ? -60 : 3600,
		    kind == SELF_SIGNED ? NULL : &ca);
		start_server((enum kind)kind, &ids[kind]);
		free_identity(&ids[kind]);
	}
	free_identity(&ca);
	return 0;
}

static int
stop_servers(void **state)
{
	(void)state;
	for (int kind = 0; kind < KIND_COUNT; kind++) {
		kill(-pids[kind], SIGKILL);
		waitpid(pids[kind], NULL, 0);
	}
	unlink(ca_path);
	return 0;
}

/* ---- the client --------------------------------------------------------- */

static const char *
url_at(const char *host, enum kind kind, const char *path)
{
	static char out[128];

	snprintf(out, sizeof(out), "https://%s:%d%s", host, ports[kind], path);
	return out;
}

static const char *
url(const char *path)
{
	return url_at("127.0.0.1", GOOD, path);
}

static void
open_trusting(struct watch *w, bool verify)
{
	struct upstream_options options = {
		.connect_timeout_msecs = 500,
		.verify_tls = verify,
		.ca_file = ca_path,
	};

	watch_open(w, &options);
}

/* The server has closed one more connection after its answer. */
static void
await_closed(int before)
{
	int64_t deadline = clock_mono_nsecs() + 10 * NSECS_PER_SEC;

	while (counts->closed == before && clock_mono_nsecs() < deadline)
		usleep(500);
	assert_int_not_equal(counts->closed, before);
}

/* ---- tests -------------------------------------------------------------- */

static void
test_whom_we_believe(void **state)
{
	static const struct {
		enum kind kind;
		const char *host;
		enum upstream_end end;
		const char *text;
	} rows[] = {
		{ GOOD, "127.0.0.1", UPSTREAM_DONE, "" },
		{ GOOD, "localhost", UPSTREAM_DONE, "" },
		{ NAMED, "localhost", UPSTREAM_DONE, "" },
		{ NAMED, "127.0.0.1", UPSTREAM_REFUSED, "TLS: IP address mis" },
		{ WRONG_HOST, "localhost", UPSTREAM_REFUSED,
		    "TLS: hostname mis" },
		{ WRONG_HOST, "127.0.0.1", UPSTREAM_REFUSED,
		    "TLS: IP address mis" },
		{ EXPIRED, "127.0.0.1", UPSTREAM_REFUSED,
		    "TLS: certificate has expired" },
		{ SELF_SIGNED, "127.0.0.1", UPSTREAM_REFUSED,
		    "TLS: self-signed certificate" },
		{ OLD, "127.0.0.1", UPSTREAM_REFUSED, "TLS: " },
		{ RESETS, "127.0.0.1", UPSTREAM_REFUSED, "TLS: " },
		{ SILENT, "127.0.0.1", UPSTREAM_CONNECT_TIMEOUT, "TLS: " },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int before = counts->requests;
		struct watch w;

		open_trusting(&w, true);
		watch_call(&w, url_at(rows[i].host, rows[i].kind, "/ok"));
		assert_int_equal(w.result.end, rows[i].end);
		if (rows[i].end == UPSTREAM_DONE) {
			assert_str(buf_str(&w.body), "ok");
		} else {
			assert_false(w.result.sent);
			assert_int_equal(counts->requests, before);
			assert_non_null(strstr(w.result.text, rows[i].text));
		}
		watch_close(&w);
	}
}

static void
test_only_the_tests_may_believe_all(void **state)
{
	struct watch w;

	(void)state;
	open_trusting(&w, false);
	watch_call(&w, url_at("127.0.0.1", SELF_SIGNED, "/ok"));
	assert_int_equal(w.result.end, UPSTREAM_DONE);
	watch_close(&w);
}

/* The system's authorities do not know ours, but for SSL_CERT_FILE. */
static void
test_authorities(void **state)
{
	struct upstream_options missing = { .verify_tls = true,
		.ca_file = "/nonexistent/ca.pem" };
	struct watch w;

	(void)state;
	watch_open(&w, NULL);
	watch_call(&w, url("/ok"));
	assert_int_equal(w.result.end, UPSTREAM_REFUSED);
	assert_non_null(strstr(w.result.text, "issuer"));
	watch_close(&w);
	setenv("SSL_CERT_FILE", ca_path, 1);
	watch_open(&w, NULL);
	watch_call(&w, url("/ok"));
	assert_int_equal(w.result.end, UPSTREAM_DONE);
	watch_close(&w);
	unsetenv("SSL_CERT_FILE");
	watch_open(&w, &missing);
	watch_call(&w, url("/ok"));
	assert_int_equal(w.result.end, UPSTREAM_FAILED);
	assert_non_null(strstr(w.result.text, "authorities"));
	watch_close(&w);
}

static void
test_http1_alone_is_offered(void **state)
{
	struct watch w;

	(void)state;
	open_trusting(&w, true);
	watch_call(&w, url("/ok"));
	assert_string_equal(counts->offered, "\x08http/1.1");
	watch_close(&w);
}

static void
test_connections_are_kept_and_sessions_resumed(void **state)
{
	struct watch w;
	int connections = counts->connections, resumed = counts->resumed;

	(void)state;
	open_trusting(&w, true);
	for (int i = 0; i < 10; i++) {
		watch_call(&w, url("/ok"));
		assert_int_equal(w.result.end, UPSTREAM_DONE);
	}
	assert_int_equal(counts->connections - connections, 1);
	assert_int_equal(counts->resumed - resumed, 0);
	for (int i = 0; i < 3; i++) {
		int closed = counts->closed;

		watch_call(&w, url("/ok-then-close"));
		await_closed(closed);
		watch_call(&w, url("/ok"));
		assert_int_equal(w.result.end, UPSTREAM_DONE);
	}
	assert_int_equal(counts->connections - connections, 4);
	assert_int_equal(counts->resumed - resumed, 3);
	watch_close(&w);
}

/* Closed in good order before the request came, and we had not seen it. */
static void
test_a_stale_connection_is_replaced(void **state)
{
	struct watch w;
	int closed = counts->closed, requests;

	(void)state;
	open_trusting(&w, true);
	watch_call(&w, url("/ok-then-close"));
	requests = counts->requests;
	await_closed(closed);
	watch_call(&w, url("/ok"));
	assert_int_equal(w.result.end, UPSTREAM_DONE);
	assert_int_equal(counts->requests - requests, 1);
	watch_close(&w);
}

static void
test_large_answers(void **state)
{
	int64_t began = clock_mono_nsecs();
	struct watch w;

	(void)state;
	open_trusting(&w, true);
	for (int i = 0; i < 2; i++) {
		w.pause_once = i == 1;
		watch_call(&w, url("/big"));
		assert_int_equal(w.result.end, UPSTREAM_DONE);
		assert_int_equal(w.body.len, BIG_BYTES);
	}
	assert_true(clock_mono_nsecs() - began >= 45 * NSECS_PER_MSEC);
	watch_close(&w);
}

/* A body up to the end of the connection ends with TLS's good-bye, or it was
   cut. */
static void
test_an_end_without_good_bye_is_a_cut(void **state)
{
	struct watch w;

	(void)state;
	open_trusting(&w, true);
	watch_call(&w, url("/old"));
	assert_int_equal(w.result.end, UPSTREAM_DONE);
	assert_str(buf_str(&w.body), "old style");
	watch_call(&w, url("/old-cut"));
	assert_int_equal(w.result.end, UPSTREAM_CUT);
	watch_close(&w);
}

static void
test_cancel_in_the_handshake(void **state)
{
	struct upstream_stats stats;
	int before = counts->connections;
	struct watch w;

	(void)state;
	open_trusting(&w, true);
	watch_start(&w, url_at("127.0.0.1", SILENT, "/ok"));
	while (counts->connections == before)
		event_base_loop(w.base, EVLOOP_NONBLOCK);
	upstream_cancel(&w.call);
	upstream_stats(w.u, &stats);
	assert_int_equal(stats.connections_open, 0);
	watch_close(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whom_we_believe),
		cmocka_unit_test(test_only_the_tests_may_believe_all),
		cmocka_unit_test(test_authorities),
		cmocka_unit_test(test_http1_alone_is_offered),
		cmocka_unit_test(
		    test_connections_are_kept_and_sessions_resumed),
		cmocka_unit_test(test_a_stale_connection_is_replaced),
		cmocka_unit_test(test_large_answers),
		cmocka_unit_test(test_an_end_without_good_bye_is_a_cut),
		cmocka_unit_test(test_cancel_in_the_handshake),
	};

	return cmocka_run_group_tests(tests, start_servers, stop_servers);
}
