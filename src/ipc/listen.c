/*
 * Listening TCP sockets. See listen.h.
 *
 * Owns nothing: the descriptor is the caller's. Looks names up in the
 * blocking way, which a supervisor at its start may do.
 */
#include "ipc/listen.h"

#include "base/fd.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 1024

/* What an operator can do about it. */
static const char *
hint(int error)
{
	switch (error) {
	case EADDRINUSE:
		return " (another program, perhaps an older Tallygate, has "
		       "this port; ss -ltnp shows which)";
	case EACCES:
		return " (ports below 1024 need root or "
		       "CAP_NET_BIND_SERVICE)";
	case EADDRNOTAVAIL:
		return " (no interface of this machine has this address)";
	default:
		return "";
	}
}

static int
port_of(int fd)
{
	struct sockaddr_storage ss;
	socklen_t n = sizeof(ss);

	if (getsockname(fd, (struct sockaddr *)&ss, &n) != 0)
		return -1;
	return ss.ss_family == AF_INET6
		   ? ntohs(((struct sockaddr_in6 *)&ss)->sin6_port)
		   : ntohs(((struct sockaddr_in *)&ss)->sin_port);
}

/* The socket, or -1 with errno. */
static int
listen_on(const struct addrinfo *ai)
{
	int fd, saved, one = 1;

	fd = socket(ai->ai_family,
	    ai->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, ai->ai_protocol);
	if (fd < 0)
		return -1;
	/* What is accepted inherits TCP_NODELAY: without it a streamed
	   answer waits up to 40 ms per write. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == 0 &&
	    (ai->ai_family != AF_INET6 ||
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) ==
		    0) &&
	    bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 &&
	    listen(fd, BACKLOG) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/* host without the brackets of "[::1]"; on the heap. */
static char *
bare_host(const char *host)
{
	size_t n = strlen(host);

	if (n > 2 && host[0] == '[' && host[n - 1] == ']')
		return xstrndup(host + 1, n - 2);
	return xstrdup(host);
}

/*
 * A name may stand for several addresses: the first that works, IPv4 before
 * IPv6 ("localhost" means 127.0.0.1 to most clients). -1 with errno.
 */
static int
listen_any(const struct addrinfo *found)
{
	static const int families[] = { AF_INET, AF_INET6 };
	int fd = -1;

	errno = EADDRNOTAVAIL;
	for (size_t i = 0; i < ARRAY_LEN(families); i++)
		for (const struct addrinfo *ai = found; ai != NULL && fd < 0;
		     ai = ai->ai_next)
			if (ai->ai_family == families[i])
				fd = listen_on(ai);
	return fd;
}

int
listen_tcp(const char *host, int port, int *port_r, struct err *err)
{
	struct addrinfo want = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE | AI_NUMERICSERV };
	struct addrinfo *found = NULL;
	char service[8], *bare;
	int rc, fd;

	if (port < 0 || port > 65535)
		return err_set(err, ERR_IO, "port %d is out of range", port);
	snprintf(service, sizeof(service), "%d", port);
	bare = bare_host(host);
	rc = getaddrinfo(bare, service, &want, &found);
	free(bare);
	if (rc != 0)
		return err_set(err, ERR_IO, "listen on %s: %s", host,
		    rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc));
	fd = listen_any(found);
	if (fd < 0) {
		int saved = errno;

		err_set(err, ERR_IO, "listen on %s port %d: %s%s", host, port,
		    strerror(saved), hint(saved));
	} else if (port_r != NULL) {
		*port_r = port_of(fd);
	}
	freeaddrinfo(found);
	return fd;
}
