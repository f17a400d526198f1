/*
 * Frames of the trace channel, and its socket. See record.h.
 *
 * Owns nothing: packets belong to the caller, payloads point into them. What
 * a peer sends is checked completely before it is believed; garbage is
 * ERR_BAD_REQUEST and costs the peer its connection. Sockets fail with
 * ERR_IO and the path.
 */
#include "ipc/record.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

_Static_assert(sizeof(struct record_head) == 32, "no padding in the frame");

#define BACKLOG 128
/* So that a few full packets can wait; the kernel caps it silently. */
#define SEND_BUFFER_BYTES (1024 * 1024)

/* ---- frames ---- */

/* NULL, or what is wrong with this frame by itself. */
static const char *
head_fault(const struct record_head *head)
{
	if (head->magic != RECORD_MAGIC)
		return "wrong magic";
	if (head->flags != 0 || head->reserved != 0)
		return "unknown flags";
	if (head->owner == 0)
		return "no owner";
	switch ((enum record_type)head->type) {
	case RECORD_HELLO:
	case RECORD_ACK:
		return head->length == 0 ? NULL : "a payload where none goes";
	case RECORD_LINE:
		if (head->length == 0)
			return "an empty line";
		if (head->length > RECORD_LINE_BYTES)
			return "a line too long";
		return head->seq > 0 ? NULL : "a line without a sequence";
	}
	return "unknown type";
}

int
record_add(struct buf *packet, enum record_type type, uint64_t owner,
    uint64_t seq, struct str payload)
{
	struct record_head head = {
		.magic = RECORD_MAGIC,
		.type = (uint16_t)type,
		.length = (uint32_t)payload.n,
		.owner = owner,
		.seq = seq,
	};
	size_t n = sizeof(head) + payload.n;

	/* Never sends what record_next() would refuse. */
	if (payload.n > RECORD_LINE_BYTES || head_fault(&head) != NULL)
		return -1;
	if (packet->len + n > RECORD_PACKET_BYTES ||
	    packet->len + n > packet->max)
		return -1;
	if (buf_add(packet, &head, sizeof(head)) != 0)
		return -1;
	return buf_add_str(packet, payload);
}

int
record_next(struct str *packet, struct record_head *head_r,
    struct str *payload_r, struct err *err)
{
	struct record_head head;
	const char *fault;
	size_t rest;

	if (packet->n == 0)
		return 0;
	if (packet->n > RECORD_PACKET_BYTES)
		return err_set(err, ERR_BAD_REQUEST,
		    "trace packet of %zu bytes is too long", packet->n);
	if (packet->n < sizeof(head))
		return err_set(err, ERR_BAD_REQUEST,
		    "trace frame cut: %zu bytes left for its head", packet->n);
	memcpy(&head, packet->p, sizeof(head));
	rest = packet->n - sizeof(head);
	fault = head_fault(&head);
	if (fault == NULL && head.length > rest)
		fault = "a payload longer than its packet";
	if (fault != NULL)
		return err_set(err, ERR_BAD_REQUEST,
		    "trace frame %zu bytes before the packet's end: %s "
		    "(type %u, length %lu)",
		    packet->n, fault, head.type, (unsigned long)head.length);
	*payload_r = str_make(packet->p + sizeof(head), head.length);
	*packet = str_make(packet->p + sizeof(head) + head.length,
	    rest - head.length);
	*head_r = head;
	return 1;
}

bool
record_is_line(struct str payload)
{
	return payload.n >= 2 && payload.n <= RECORD_LINE_BYTES &&
	       payload.p[0] == '{' && payload.p[payload.n - 1] == '}' &&
	       memchr(payload.p, '\n', payload.n) == NULL;
}

/* ---- the socket ---- */

/*
 * Where a socket lives: its folder (an O_PATH descriptor) and its address.
 * A path too long for sun_path (107 bytes; state directories may be deep) is
 * reached through the folder's descriptor in /proc.
 */
struct place {
	int dir_fd;
	const char *name; /* last part of the path, borrowed */
	struct sockaddr_un addr;
};

static int
find_place(const char *path, struct place *p, struct err *err)
{
	const char *slash = strrchr(path, '/');
	size_t space = sizeof(p->addr.sun_path);
	char *dir;
	int n;

	p->name = slash != NULL ? slash + 1 : path;
	dir = slash == NULL   ? xstrdup(".")
	      : slash == path ? xstrdup("/")
			      : xstrndup(path, (size_t)(slash - path));
	p->dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	free(dir);
	if (p->dir_fd < 0)
		return err_set_errno(err, ERR_IO, "%s: its folder", path);
	p->addr.sun_family = AF_UNIX;
	if (strlen(path) < space)
		n = snprintf(p->addr.sun_path, space, "%s", path);
	else
		n = snprintf(p->addr.sun_path, space, "/proc/self/fd/%d/%s",
		    p->dir_fd, p->name);
	if (n > 0 && (size_t)n < space && p->name[0] != '\0')
		return 0;
	fd_close(&p->dir_fd);
	return err_set(err, ERR_IO, "%s: not a name for a socket", path);
}

static int
make_socket(struct err *err)
{
	int fd =
	    socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return fd >= 0 ? fd : err_set_errno(err, ERR_IO, "socket");
}

/* Removes an old socket; anything else at its place is not ours. */
static int
clear_place(const struct place *p, const char *path, struct err *err)
{
	struct stat st;

	if (fstatat(p->dir_fd, p->name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
		if (errno == ENOENT)
			return 0;
		return err_set_errno(err, ERR_IO, "%s", path);
	}
	if (!S_ISSOCK(st.st_mode))
		return err_set(err, ERR_IO, "%s: in the way, and not a socket",
		    path);
	if (unlinkat(p->dir_fd, p->name, 0) != 0 && errno != ENOENT)
		return err_set_errno(err, ERR_IO, "%s", path);
	return 0;
}

/*
 * On Linux a socket's mode before bind is its file's mode after, less the
 * umask: at no moment can a stranger connect.
 */
static int
bind_private(int fd, const struct place *p)
{
	const struct sockaddr *addr = (const struct sockaddr *)&p->addr;
	int saved;

	if (fchmod(fd, 0600) != 0 || bind(fd, addr, sizeof(p->addr)) != 0)
		return -1;
	if (fchmodat(p->dir_fd, p->name, 0600, 0) == 0 &&
	    listen(fd, BACKLOG) == 0)
		return 0;
	saved = errno;
	unlinkat(p->dir_fd, p->name, 0);
	errno = saved;
	return -1;
}

int
record_listen(const char *path, struct err *err)
{
	struct place p;
	int fd, rc;

	if (find_place(path, &p, err) != 0)
		return -1;
	fd = make_socket(err);
	rc = fd < 0 ? -1 : clear_place(&p, path, err);
	if (rc == 0 && bind_private(fd, &p) != 0)
		rc = err_set_errno(err, ERR_IO, "%s: cannot listen", path);
	fd_close(&p.dir_fd);
	if (rc != 0)
		fd_close(&fd);
	return fd;
}

int
record_connect(const char *path, struct err *err)
{
	int size = SEND_BUFFER_BYTES, fd, rc;
	struct place p;

	if (find_place(path, &p, err) != 0)
		return -1;
	fd = make_socket(err);
	rc = fd < 0 ? -1 : 0;
	if (rc == 0 &&
	    connect(fd, (struct sockaddr *)&p.addr, sizeof(p.addr)) != 0)
		rc = err_set_errno(err, ERR_IO, "%s: cannot connect", path);
	fd_close(&p.dir_fd);
	if (rc != 0) {
		fd_close(&fd);
		return -1;
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	return fd;
}
