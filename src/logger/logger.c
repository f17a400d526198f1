/* The logger's loop: connections in, lines out, acknowledgements back. */
#include "logger/logger.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/list.h"
#include "base/log.h"
#include "base/num.h"
#include "ipc/contract.h"
#include "ipc/record.h"
#include "logger/trace_file.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

/* One peer gets this many packets per turn, then the next has its chance. */
#define PACKETS_PER_TURN 16
/* After a failed write (disk full): try again after this pause. */
#define PAUSE_SECS 1
#define SAVE_SECS  2

struct logger;

struct peer {
	struct list node;
	struct logger *l;
	int fd;
	struct event readable;
	uint64_t owner; /* 0 before HELLO */
	bool due;       /* an acknowledgement is owed */
};

struct logger {
	struct contract_child child;
	struct event_base *base;
	struct trace_file *file;
	struct list peers;
	struct event accept, heartbeat, life, term, usr1, sync, pause;
	bool power;    /* sync before every acknowledgement */
	bool flushing; /* a flush is due at the end of the turn */
	bool stopping;
	struct buf out;
};

static void
peer_close(struct peer *p)
{
	event_del(&p->readable);
	close(p->fd);
	list_remove(&p->node);
	free(p);
}

static void
peer_send(struct peer *p, enum record_type type)
{
	struct logger *l = p->l;
	uint64_t seq = trace_file_seq(l->file, p->owner);

	buf_clear(&l->out);
	if (record_add(&l->out, type, p->owner, seq, str_make("", 0)) == 0)
		/* A lost acknowledgement is made good by the next one. */
		(void)!send(p->fd, l->out.data, l->out.len,
		    MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* ---- lines in ----------------------------------------------------------- */

static int
take_line(struct peer *p, const struct record_head *head, struct str payload)
{
	struct logger *l = p->l;
	struct err err;

	if (p->owner == 0 || head->owner != p->owner)
		return -1;
	if (trace_file_add(l->file, head->owner, head->seq, payload, &err) <
	    0) {
		log_error("%s", err.text);
		return -1;
	}
	p->due = l->flushing = true;
	return 0;
}

static int
take_packet(struct peer *p, struct str packet)
{
	struct record_head head;
	struct str payload;
	int rc;

	while ((rc = record_next(&packet, &head, &payload, NULL)) == 1) {
		if (head.type == RECORD_HELLO) {
			p->owner = head.owner;
			peer_send(p, RECORD_HELLO);
		} else if (head.type == RECORD_LINE) {
			if (take_line(p, &head, payload) != 0)
				return -1;
		} else {
			return -1;
		}
	}
	return rc;
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	static char packet[RECORD_PACKET_BYTES];
	struct peer *p = arg;

	(void)what;
	for (int i = 0; i < PACKETS_PER_TURN; i++) {
		ssize_t n = recv(fd, packet, sizeof(packet), MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			peer_close(p);
			return;
		}
		if (take_packet(p, str_make(packet, (size_t)n)) != 0) {
			log_warn("a peer sent what is no record: closed");
			peer_close(p);
			return;
		}
	}
}

static void
on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct logger *l = arg;
	struct peer *p;
	int s;

	(void)what;
	while (
	    (s = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		p = xcalloc(1, sizeof(*p));
		p->l = l;
		p->fd = s;
		list_append(&l->peers, &p->node);
		event_assign(&p->readable, l->base, s, EV_READ | EV_PERSIST,
		    on_readable, p);
		event_add(&p->readable, NULL);
	}
}

/* ---- the end of a turn: lines out, acknowledgements back ---------------- */

static void
close_all_peers(struct logger *l)
{
	while (!list_empty(&l->peers))
		peer_close(LIST_OBJ(l->peers.next, struct peer, node));
}

/* The disk refuses: everybody is sent away and comes again later; records
   wait in the store meanwhile. */
static void
pause_after(struct logger *l, const struct err *err)
{
	struct timeval tv = { PAUSE_SECS, 0 };

	log_error("%s; records wait in the store", err->text);
	close_all_peers(l);
	event_del(&l->accept);
	event_add(&l->pause, &tv);
}

static void
on_pause(evutil_socket_t fd, short what, void *arg)
{
	struct logger *l = arg;

	(void)fd;
	(void)what;
	event_add(&l->accept, NULL);
}

static void
end_turn(struct logger *l)
{
	struct err err;

	if (!l->flushing)
		return;
	l->flushing = false;
	if (trace_file_flush(l->file, &err) != 0 ||
	    (l->power && trace_file_sync(l->file, &err) != 0)) {
		pause_after(l, &err);
		return;
	}
	LIST_EACH(node, &l->peers) {
		struct peer *p = LIST_OBJ(node, struct peer, node);

		if (p->due)
			peer_send(p, RECORD_ACK);
		p->due = false;
	}
}

/* ---- timers and signals ------------------------------------------------- */

static void
on_sync(evutil_socket_t fd, short what, void *arg)
{
	struct logger *l = arg;
	struct err err;

	(void)fd;
	(void)what;
	if (trace_file_sync(l->file, &err) != 0)
		log_error("%s", err.text);
}

static void
on_heartbeat(evutil_socket_t fd, short what, void *arg)
{
	static int beats;
	struct logger *l = arg;

	(void)fd;
	(void)what;
	contract_report(&l->child, CONTRACT_READY, 0,
	    trace_file_lines(l->file));
	if (++beats % SAVE_SECS == 0)
		trace_file_save(l->file);
}

static void
on_usr1(evutil_socket_t fd, short what, void *arg)
{
	struct logger *l = arg;
	struct err err;

	(void)fd;
	(void)what;
	if (trace_file_reopen(l->file, &err) != 0)
		log_error("reopen: %s", err.text);
	else
		log_info("trace file reopened");
}

static void
on_term(evutil_socket_t fd, short what, void *arg)
{
	struct logger *l = arg;

	(void)fd;
	(void)what;
	l->stopping = true;
}

static void
on_life(evutil_socket_t fd, short what, void *arg)
{
	struct logger *l = arg;
	char command;
	ssize_t n = read(fd, &command, 1);

	(void)what;
	if (n == 1) {
		l->stopping = true;
	} else if (n == 0) {
		/* The supervisor died: serve those who still settle until
		   nobody is connected any more. */
		event_del(&l->life);
		log_warn("the supervisor is gone");
		if (list_empty(&l->peers))
			l->stopping = true;
	}
}

static void
watch_events(struct logger *l, int64_t sync_nsecs)
{
	struct timeval second = { 1, 0 };
	struct timeval sync = { sync_nsecs / NSECS_PER_SEC,
		sync_nsecs % NSECS_PER_SEC / 1000 };

	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	event_assign(&l->accept, l->base, CONTRACT_FD_TRACE,
	    EV_READ | EV_PERSIST, on_accept, l);
	event_add(&l->accept, NULL);
	event_assign(&l->heartbeat, l->base, -1, EV_PERSIST, on_heartbeat, l);
	event_add(&l->heartbeat, &second);
	event_assign(&l->sync, l->base, -1, EV_PERSIST, on_sync, l);
	event_add(&l->sync, &sync);
	event_assign(&l->life, l->base, CONTRACT_FD_LIFE, EV_READ | EV_PERSIST,
	    on_life, l);
	event_add(&l->life, NULL);
	evsignal_assign(&l->term, l->base, SIGTERM, on_term, l);
	event_add(&l->term, NULL);
	evsignal_assign(&l->usr1, l->base, SIGUSR1, on_usr1, l);
	event_add(&l->usr1, NULL);
	evtimer_assign(&l->pause, l->base, on_pause, l);
}

/* A whole number from the environment the supervisor made. */
static int64_t
env_number(const char *name, int64_t otherwise)
{
	const char *text = getenv(name);
	int64_t v;

	if (text == NULL || num_int64(str_of(text), &v) != 0 || v < 0)
		return otherwise;
	return v;
}

int
logger_main(uint32_t slot, uint32_t generation)
{
	struct logger *l = xcalloc(1, sizeof(*l));
	const char *durability = getenv(CONTRACT_ENV_DURABILITY);
	struct trace_file_options options = {
		.path = getenv(CONTRACT_ENV_TRACES),
		.rotate_bytes = env_number(CONTRACT_ENV_ROTATE_BYTES, 0),
		.keep = env_number(CONTRACT_ENV_KEEP, 8),
	};
	int64_t sync_nsecs =
	    env_number(CONTRACT_ENV_SYNC_NSECS, 200 * NSECS_PER_MSEC);
	struct err err;

	if (contract_adopt(&l->child, CONTRACT_LOGGER, slot, generation,
		&err) != 0)
		log_fatal(CONTRACT_EXIT_VERSION, "%s", err.text);
	if (options.path == NULL)
		log_fatal(CONTRACT_EXIT_VERSION, "no trace file was named");
	list_init(&l->peers);
	buf_init(&l->out, RECORD_PACKET_BYTES);
	l->power = durability != NULL && strcmp(durability, "power") == 0;
	l->file = trace_file_open(&options, &err);
	if (l->file == NULL)
		log_fatal(CONTRACT_EXIT_FAILED, "%s", err.text);
	l->base = event_base_new();
	if (l->base == NULL)
		log_fatal(CONTRACT_EXIT_FAILED, "no event base");
	watch_events(l, sync_nsecs > 0 ? sync_nsecs : NSECS_PER_SEC);
	contract_report(&l->child, CONTRACT_READY, 0, 0);
	while (!l->stopping) {
		event_base_loop(l->base, EVLOOP_ONCE);
		end_turn(l);
		if (!event_initialized(&l->life) ||
		    (!event_pending(&l->life, EV_READ, NULL) &&
			list_empty(&l->peers)))
			l->stopping = true;
	}
	trace_file_close(&l->file);
	return CONTRACT_EXIT_RETIRED;
}
