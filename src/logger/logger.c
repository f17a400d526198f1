/*
 * The logger's loop: connections in, lines out, acknowledgements back. See
 * logger.h.
 *
 * What a turn of the loop brings is written in one piece at its end, then
 * acknowledged. A client that sends what it should not costs only its own
 * connection. A disk that refuses costs all connections: they come again, and
 * with them what was not acknowledged.
 */
#include "logger/logger.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/list.h"
#include "base/log.h"
#include "base/num.h"
#include "ipc/contract.h"
#include "ipc/life.h"
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
/* No more is read in this turn above it; the file's queue is twice as long,
   and one packet's lines fit into what is left. */
#define QUEUE_FULL_BYTES (4 * 1024 * 1024)
/* After a failed write (disk full): try again after this pause. */
#define PAUSE_SECS 1
#define SAVE_BEATS 2
/* Somebody else has the file: look again this often. */
#define LOCK_MSECS 200
/* What goes on failing is said again after this time. */
#define COMPLAIN_NSECS (60 * NSECS_PER_SEC)

struct logger;

struct peer {
	struct list node;
	struct logger *l;
	int fd;
	struct event readable;
	uint64_t owner; /* 0 before HELLO */
	bool fresh;     /* no line since its last HELLO */
	bool due;       /* an acknowledgement is owed */
};

struct logger {
	struct contract_child child;
	struct event_base *base;
	struct trace_file_options options;
	struct trace_file *file; /* NULL while another logger has it */
	int64_t sync_nsecs;      /* from a line's write to its sync, at most */
	struct list peers;
	struct life life;
	struct event accept, usr1, sync, pause, lock;
	bool power;    /* sync before every acknowledgement */
	bool flushing; /* a flush is due at the end of the turn */
	bool lock_told;
	bool troubled;            /* the last write failed */
	int64_t complained_nsecs; /* mono; when that was last said */
	unsigned beats;
	struct buf out;
};

/* Says what went wrong, but not every time it goes wrong again. */
static void
complain(struct logger *l, const struct err *err)
{
	int64_t now = clock_mono_nsecs();

	if (l->troubled && now - l->complained_nsecs < COMPLAIN_NSECS)
		return;
	l->troubled = true;
	l->complained_nsecs = now;
	log_error("%s; records wait in the store", err->text);
}

static void
peer_close(struct peer *p)
{
	event_del(&p->readable);
	close(p->fd);
	list_remove(&p->node);
	free(p);
}

static void
close_all_peers(struct logger *l)
{
	while (!list_empty(&l->peers))
		peer_close(LIST_OBJ(l->peers.next, struct peer, node));
}

/* -1: the peer does not read; it has to ask again. */
static int
peer_send(struct peer *p, enum record_type type)
{
	struct logger *l = p->l;
	uint64_t seq = trace_file_seq(l->file, p->owner);

	buf_clear(&l->out);
	if (record_add(&l->out, type, p->owner, seq, str_make("", 0)) != 0 ||
	    send(p->fd, l->out.data, l->out.len, MSG_DONTWAIT | MSG_NOSIGNAL) <
		0)
		return -1;
	return 0;
}

/* ---- lines in ----------------------------------------------------------- */

/*
 * The first line after a HELLO may leave a gap behind what is on file: the
 * client has nothing in between, so nothing is won by refusing it. That was
 * lost elsewhere (a file that was cut, a power loss) and is said aloud.
 */
static void
allow_gap(struct peer *p, uint64_t seq)
{
	uint64_t lost = trace_file_skip(p->l->file, p->owner, seq);

	if (lost > 0)
		log_error("owner %llu goes on with record %llu: %llu records "
			  "before it are not on file and not in the store",
		    (unsigned long long)p->owner, (unsigned long long)seq,
		    (unsigned long long)lost);
}

static int
take_line(struct peer *p, const struct record_head *head, struct str payload,
    struct err *err)
{
	struct logger *l = p->l;

	if (p->owner == 0 || head->owner != p->owner)
		return err_set(err, ERR_BAD_REQUEST,
		    "a line of owner %llu without its HELLO",
		    (unsigned long long)head->owner);
	if (p->fresh)
		allow_gap(p, head->seq);
	p->fresh = false;
	if (trace_file_add(l->file, head->owner, head->seq, payload, err) < 0)
		return -1;
	p->due = l->flushing = true;
	return 0;
}

static int
take_packet(struct peer *p, struct str packet, struct err *err)
{
	struct record_head head;
	struct str payload;
	int rc;

	while ((rc = record_next(&packet, &head, &payload, err)) == 1) {
		switch ((enum record_type)head.type) {
		case RECORD_HELLO:
			/* It learns what is on file: not what a failed sync
			   may have left in memory only. */
			if (p->l->power &&
			    trace_file_sync(p->l->file, err) != 0)
				return -1;
			p->owner = head.owner;
			p->fresh = true;
			if (peer_send(p, RECORD_HELLO) != 0)
				return err_set_errno(err, ERR_IO, "answer");
			break;
		case RECORD_LINE:
			if (take_line(p, &head, payload, err) != 0)
				return -1;
			break;
		case RECORD_ACK:
			return err_set(err, ERR_BAD_REQUEST,
			    "an acknowledgement from a client");
		}
	}
	return rc;
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	static char packet[RECORD_PACKET_BYTES];
	struct peer *p = arg;
	struct err err;

	(void)what;
	for (int i = 0; i < PACKETS_PER_TURN &&
			trace_file_queued(p->l->file) < QUEUE_FULL_BYTES;
	     i++) {
		ssize_t n =
		    recv(fd, packet, sizeof(packet), MSG_DONTWAIT | MSG_TRUNC);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			peer_close(p);
			return;
		}
		if ((size_t)n > sizeof(packet)) {
			err_set(&err, ERR_BAD_REQUEST, "a packet of %zd bytes",
			    n);
		} else if (take_packet(p, str_make(packet, (size_t)n), &err) ==
			   0) {
			continue;
		}
		log_error("trace channel: %s; closed", err.text);
		peer_close(p);
		return;
	}
}

/* Later: the pause timer listens again. */
static void
pause_accepting(struct logger *l)
{
	struct timeval tv = { PAUSE_SECS, 0 };

	event_del(&l->accept);
	event_add(&l->pause, &tv);
}

static void
on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct logger *l = arg;
	struct peer *p;
	struct err err;
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
	if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
		return;
	/* Out of descriptors: it would be tried again at once, for ever. */
	err_set_errno(&err, ERR_IO, "accept");
	complain(l, &err);
	pause_accepting(l);
}

/* ---- the end of a turn: lines out, acknowledgements back ---------------- */

/* The disk refuses: everybody is sent away and comes again later. */
static void
pause_after(struct logger *l, const struct err *err)
{
	complain(l, err);
	close_all_peers(l);
	pause_accepting(l);
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
acknowledge(struct logger *l)
{
	LIST_EACH_SAFE(node, &l->peers) {
		struct peer *p = LIST_OBJ(node, struct peer, node);
		bool due = p->due;

		p->due = false;
		if (due && peer_send(p, RECORD_ACK) != 0)
			peer_close(p);
	}
}

/* From the first line that is not synced on; no timer while there is none. */
static void
sync_later(struct logger *l)
{
	struct timeval tv = { l->sync_nsecs / NSECS_PER_SEC,
		l->sync_nsecs % NSECS_PER_SEC / 1000 };

	if (!event_pending(&l->sync, EV_TIMEOUT, NULL))
		event_add(&l->sync, &tv);
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
	if (l->troubled)
		log_info("traces are written again");
	l->troubled = false;
	if (!l->power)
		sync_later(l);
	acknowledge(l);
	if (trace_file_rotate(l->file, &err) != 0)
		log_error("%s; the file goes on to grow", err.text);
}

/* ---- timers and signals ------------------------------------------------- */

static void
on_sync(evutil_socket_t fd, short what, void *arg)
{
	struct logger *l = arg;
	struct err err;

	(void)fd;
	(void)what;
	if (trace_file_sync(l->file, &err) != 0) {
		complain(l, &err);
		sync_later(l);
	}
}

static void
beat(void *arg)
{
	struct logger *l = arg;
	struct err err;

	contract_report(&l->child, CONTRACT_READY, 0,
	    l->file == NULL ? 0 : trace_file_lines(l->file));
	if (l->file != NULL && ++l->beats % SAVE_BEATS == 0 &&
	    trace_file_save(l->file, &err) != 0)
		complain(l, &err);
}

static void
on_usr1(evutil_socket_t fd, short what, void *arg)
{
	struct logger *l = arg;
	struct err err;

	(void)fd;
	(void)what;
	if (l->file == NULL)
		return; /* it is not open yet */
	if (trace_file_reopen(l->file, &err) != 0)
		log_error("reopen: %s", err.text);
	else
		log_info("trace file reopened");
}

/* ---- opening ------------------------------------------------------------ */

/* A long file is being read: still here. */
static void
on_progress(void *arg)
{
	const struct logger *l = arg;

	contract_report(&l->child, CONTRACT_READY, 0, 0);
}

/* Opens the file, or looks again later when somebody has it. */
static void
on_lock(evutil_socket_t fd, short what, void *arg)
{
	struct timeval tv = { 0, LOCK_MSECS * 1000 };
	struct logger *l = arg;
	struct err err;
	int rc = trace_file_open(&l->options, &l->file, &err);

	(void)fd;
	(void)what;
	if (rc < 0)
		log_fatal(CONTRACT_EXIT_FAILED, "%s", err.text);
	if (rc == 0) {
		if (!l->lock_told)
			log_warn("%s is still written by another logger: "
				 "records wait in the store",
			    l->options.path);
		l->lock_told = true;
		event_add(&l->lock, &tv);
		return;
	}
	if (l->lock_told)
		log_info("the other logger left");
	event_add(&l->accept, NULL);
}

static void
watch_events(struct logger *l)
{
	static const struct life_calls calls = { .beat = beat };

	life_watch(&l->life, l->base, &calls, l);
	/* Over a file size limit a write fails; it does not kill. */
	signal(SIGXFSZ, SIG_IGN);
	event_assign(&l->accept, l->base, CONTRACT_FD_TRACE,
	    EV_READ | EV_PERSIST, on_accept, l);
	evtimer_assign(&l->sync, l->base, on_sync, l);
	evsignal_assign(&l->usr1, l->base, SIGUSR1, on_usr1, l);
	event_add(&l->usr1, NULL);
	evtimer_assign(&l->pause, l->base, on_pause, l);
	evtimer_assign(&l->lock, l->base, on_lock, l);
}

static void
close_all(struct logger *l)
{
	struct event *const events[] = { &l->accept, &l->sync, &l->usr1,
		&l->pause, &l->lock };

	close_all_peers(l);
	trace_file_close(&l->file);
	for (size_t i = 0; i < ARRAY_LEN(events); i++)
		event_del(events[i]);
	life_unwatch(&l->life);
	event_base_free(l->base);
	buf_fini(&l->out);
	free(l);
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

static void
read_environment(struct logger *l)
{
	const char *durability = getenv(CONTRACT_ENV_DURABILITY);

	l->options.path = getenv(CONTRACT_ENV_TRACES);
	l->options.rotate_bytes = env_number(CONTRACT_ENV_ROTATE_BYTES, 0);
	l->options.keep = env_number(CONTRACT_ENV_KEEP, 8);
	l->options.progress = on_progress;
	l->options.arg = l;
	l->sync_nsecs =
	    env_number(CONTRACT_ENV_SYNC_NSECS, 200 * NSECS_PER_MSEC);
	if (l->sync_nsecs < NSECS_PER_MSEC)
		l->sync_nsecs = NSECS_PER_SEC;
	l->power = durability != NULL && strcmp(durability, "power") == 0;
}

int
logger_main(uint32_t slot, uint32_t generation)
{
	struct logger *l = xcalloc(1, sizeof(*l));
	struct err err;

	if (contract_adopt(&l->child, CONTRACT_LOGGER, slot, generation,
		&err) != 0)
		log_fatal(CONTRACT_EXIT_VERSION, "%s", err.text);
	read_environment(l);
	if (l->options.path == NULL)
		log_fatal(CONTRACT_EXIT_VERSION, "no trace file was named");
	list_init(&l->peers);
	buf_init(&l->out, RECORD_PACKET_BYTES);
	l->base = event_base_new();
	if (l->base == NULL)
		log_fatal(CONTRACT_EXIT_FAILED, "no event base");
	watch_events(l);
	contract_confine(&l->child, l->options.path);
	contract_report(&l->child, CONTRACT_READY, 0, 0);
	on_lock(-1, EV_TIMEOUT, l);
	while (!l->life.stopping) {
		event_base_loop(l->base, EVLOOP_ONCE);
		end_turn(l);
		if (l->life.retiring && list_empty(&l->peers))
			l->life.stopping = true;
	}
	close_all(l);
	return CONTRACT_EXIT_RETIRED;
}
