/* A scripted server for the tests of upstream. See upstream_server.h. */
#include "upstream_server.h"

#include <netinet/in.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define OK_ANSWER                                                              \
	"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"                \
	"Content-Length: 11\r\n\r\n{\"ok\":true}"

#define TEN(s) s s s s s s s s s s
/* A hundred chunks of a hundred bytes. */
#define CHUNKS TEN(TEN("64\r\n" TEN(TEN("x")) "\r\n"))

struct server_counts *server_counts;

static int server_port;
static pid_t server_pid;

static void
say(int fd, const char *text)
{
	(void)!write(fd, text, strlen(text));
}

/* Reads a head, its path into `path`, and what came of the body with it. false:
   the client closed. */
static bool
read_head(int fd, char path[256], size_t *body_left_r)
{
	static char in[1 << 20];
	size_t n = 0, body = 0, came;
	char *end;

	for (;;) {
		ssize_t got = read(fd, in + n, sizeof(in) - 1 - n);

		if (got <= 0)
			return false;
		n += (size_t)got;
		in[n] = '\0';
		end = strstr(in, "\r\n\r\n");
		if (end != NULL)
			break;
	}
	if (strcasestr(in, "\r\nExpect:") != NULL)
		return false; /* must never be sent */
	sscanf(in, "%*s %200s", path);
	if (strcasestr(in, "\r\nContent-Length:") != NULL)
		body = strtoul(strcasestr(in, "\r\nContent-Length:") + 17, NULL,
		    10);
	came = n - (size_t)(end + 4 - in);
	*body_left_r = body - (came < body ? came : body);
	return true;
}

static bool
read_body(int fd, size_t left)
{
	static char in[1 << 20];

	while (left > 0) {
		ssize_t got =
		    read(fd, in, sizeof(in) < left ? sizeof(in) : left);

		if (got <= 0)
			return false;
		left -= (size_t)got;
	}
	server_counts->requests++;
	return true;
}

static void
send_stream(int fd, int chunks, bool end)
{
	say(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
		"Transfer-Encoding: chunked\r\nX-Request-Id: up-1\r\n\r\n");
	for (int i = 0; i < chunks; i++) {
		say(fd, "9\r\ndata: x\n\n\r\n");
		usleep(2000);
	}
	if (end)
		say(fd, "0\r\n\r\n");
}

static void
send_big(int fd)
{
	static char block[65536];

	memset(block, 'b', sizeof(block));
	say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 8388608\r\n\r\n");
	for (int i = 0; i < 128; i++) {
		size_t off = 0;

		while (off < sizeof(block)) {
			ssize_t n = write(fd, block + off, sizeof(block) - off);

			if (n <= 0)
				return;
			off += (size_t)n;
		}
	}
}

/* Paths whose answer is these bytes; then the connection ends, or stays. */
static const struct canned {
	const char *path;
	bool stays;
	const char *answer;
} canned[] = {
	{ "/ok", true, OK_ANSWER },
	{ "/ok-then-close", false, OK_ANSWER },
	{ "/surplus", true, OK_ANSWER "surplus" },
	{ "/empty", true, "HTTP/1.1 204 No Content\r\n\r\n" },
	{ "/head", true, "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n" },
	{ "/old", false, "HTTP/1.0 200 OK\r\n\r\nold style" },
	{ "/close", false,
	    "HTTP/1.1 200 OK\r\nConnection: close\r\n"
	    "Content-Length: 2\r\n\r\nok" },
	{ "/interim", true,
	    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n"
	    "X-Request-Id: wrong\r\n\r\n" OK_ANSWER },
	{ "/burst", true,
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n" },
	{ "/long-burst", true,
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" CHUNKS
	    "0\r\n\r\n" },
	{ "/garbage", false, "this is no HTTP\r\n\r\n" },
	{ "/two-lengths", true,
	    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
	    "Content-Length: 3\r\n\r\nok" },
	{ "/bad-chunk", true,
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "2\r\nok\r\nzz\r\n" },
	{ "/half-head", false, "HTTP/1.1 200 OK\r\nContent-Le" },
	{ "/half-body", false,
	    "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{\"ok\"" },
	{ "/redirect", true,
	    "HTTP/1.1 302 Found\r\nLocation: /ok\r\n"
	    "Content-Length: 0\r\n\r\n" },
	{ "/429", true,
	    "HTTP/1.1 429 Too Many\r\nRetry-After: 7\r\n"
	    "x-should-retry: false\r\nContent-Length: 2\r\n\r\n{}" },
	{ "/429-never", true,
	    "HTTP/1.1 429 Too Many\r\n"
	    "Retry-After: Fri, 31 Dec 9999 23:59:59 GMT\r\n"
	    "Content-Length: 0\r\n\r\n" },
	{ "/429-late", true,
	    "HTTP/1.1 429 Too Many\r\nRetry-After: 9000000000\r\n"
	    "Content-Length: 0\r\n\r\n" },
	{ "/429-past", true,
	    "HTTP/1.1 429 Too Many\r\nretry-after-ms: -5\r\n"
	    "Retry-After: Thu, 01 Jan 1970 00:00:01 GMT\r\n"
	    "Content-Length: 0\r\n\r\n" },
};

/* true: the connection stays. */
static bool
answer(int fd, const char *path, int nth)
{
	struct linger reset = { .l_onoff = 1 };

	for (size_t i = 0; i < ARRAY_LEN(canned); i++) {
		if (strcmp(path, canned[i].path) == 0) {
			say(fd, canned[i].answer);
			return canned[i].stays;
		}
	}
	if (strcmp(path, "/ok-then-408") == 0) {
		say(fd, OK_ANSWER);
		usleep(20000); /* not in one read with the answer */
		say(fd, "HTTP/1.1 408 Request Timeout\r\n"
			"Connection: close\r\nX-Request-Id: wrong\r\n"
			"Retry-After: 9\r\nContent-Length: 0\r\n\r\n");
	} else if (strcmp(path, "/die-when-reused") == 0 ||
		   strcmp(path, "/reset-when-reused") == 0) {
		if (nth == 1) {
			say(fd, OK_ANSWER);
			return true;
		}
		/* Took the request, says nothing. */
		if (strcmp(path, "/reset-when-reused") == 0)
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset,
			    sizeof(reset));
	} else if (strcmp(path, "/stream") == 0) {
		send_stream(fd, 5, true);
		return true;
	} else if (strcmp(path, "/cut") == 0) {
		send_stream(fd, 3, false);
	} else if (strcmp(path, "/silent") == 0) {
		pause();
	} else if (strcmp(path, "/big") == 0) {
		send_big(fd);
	}
	return false;
}

/* A refusal while the body is still under way; reads on, so that the answer
   is not lost by a reset. */
static void
answer_early(int fd)
{
	char in[4096];

	say(fd, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\n{}");
	while (read(fd, in, sizeof(in)) > 0)
		;
}

static void
serve_connection(int fd)
{
	char path[256] = "";
	size_t left;
	int nth = 0;

	server_counts->connections++;
	while (read_head(fd, path, &left)) {
		if (strcmp(path, "/early") == 0)
			answer_early(fd);
		else if (strcmp(path, "/deaf") == 0)
			pause();
		else if (strcmp(path, "/hang-up") == 0)
			break; /* a reset: there is more to read */
		if (!read_body(fd, left) || !answer(fd, path, ++nth))
			break;
	}
	/* Not close() alone: the parent may still have it. */
	shutdown(fd, SHUT_RDWR);
	if (strncmp(path, "/ok-then-", 9) == 0)
		server_counts->closed++;
	_exit(0);
}

int
server_start(void **state)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)state;
	server_counts = mmap(NULL, sizeof(*server_counts),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(listen(fd, 64), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	server_port = ntohs(sin.sin_port);
	server_pid = fork();
	if (server_pid == 0) {
		setpgid(0, 0);
		signal(SIGCHLD, SIG_IGN);
		signal(SIGPIPE, SIG_IGN);
		for (;;) {
			int c = accept(fd, NULL, NULL);

			if (c >= 0 && fork() == 0)
				serve_connection(c);
			close(c);
		}
	}
	close(fd);
	setpgid(server_pid, server_pid);
	signal(SIGPIPE, SIG_IGN);
	return 0;
}

int
server_stop(void **state)
{
	(void)state;
	kill(-server_pid, SIGKILL);
	waitpid(server_pid, NULL, 0);
	return 0;
}

const char *
server_url(const char *path)
{
	static char out[128];

	snprintf(out, sizeof(out), "http://127.0.0.1:%d%s", server_port, path);
	return out;
}

int
server_get_port(void)
{
	return server_port;
}
