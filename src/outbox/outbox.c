/*
 * Shipping records to the logger. See outbox.h.
 *
 * Owns its connection; rows belong to the store. Fails by coming again: a
 * connection that breaks is made anew after a pause, a store that cannot be
 * read is looked at again. Logs only what can never be put on file.
 */
#include "outbox/outbox.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/hash.h"
#include "base/log.h"
#include "ipc/record.h"
#include "store/key.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <sys/socket.h>

#define RETRY_FIRST_MSECS 50
#define RETRY_MAX_MSECS   1000
/* Packets per turn: a long backlog must not hold up the loop. */
#define PACKETS_PER_TURN 32
/* Rows deleted in one transaction: workers wait for its lock. Each try of one
   that failed takes a quarter: in a full store there are few pages to work
   with. */
#define DELETES_PER_JOB 1024
#define DELETE_TRIES    5
/* New records wait for others so long, or until they are so many: about what
   a packet holds. The logger is not woken for each of them. */
#define GATHER_MSECS   5
#define GATHER_RECORDS 32

struct outbox {
	struct outbox_options options;
	char *socket_path;
	int fd;
	struct event readable, writable, retry, gather;
	int retry_msecs;
	bool greeted;   /* the logger has answered our HELLO */
	uint64_t sent;  /* highest sequence sent on this connection */
	uint64_t acked; /* highest acknowledged */
	size_t waiting; /* new records that wait for others */
	bool behind;    /* there were more than one turn's packets */
	struct batch_job delete_job;
	bool delete_more;      /* the last job left rows it should delete */
	unsigned delete_tries; /* since one was committed */
	struct buf packet;
	struct outbox_stats stats;
};

static void send_pending(struct outbox *o);
static void connect_now(struct outbox *o);

static void
retry_later(struct outbox *o)
{
	struct timeval tv = { o->retry_msecs / 1000,
		o->retry_msecs % 1000 * 1000 };

	event_add(&o->retry, &tv);
	o->retry_msecs *= 2;
	if (o->retry_msecs > RETRY_MAX_MSECS)
		o->retry_msecs = RETRY_MAX_MSECS;
}

/* The store could not be read or written: looks again in a while. */
static void
look_again(struct outbox *o)
{
	struct timeval tv = { RETRY_MAX_MSECS / 1000,
		RETRY_MAX_MSECS % 1000 * 1000 };

	event_add(&o->retry, &tv);
}

static void
disconnect(struct outbox *o)
{
	if (o->fd < 0)
		return;
	event_del(&o->readable);
	event_del(&o->writable);
	fd_close(&o->fd);
	o->greeted = false;
	o->stats.connected = false;
	retry_later(o);
}

/* ---- deletions ---------------------------------------------------------- */

static void
outbox_key(struct key *k, uint64_t owner, uint64_t seq)
{
	key_init(k);
	key_u64(k, owner);
	key_u64(k, seq);
}

/* The sequence of a row; false when it is another owner's. */
static bool
is_row_of(uint64_t owner, struct str key, uint64_t *seq_r)
{
	uint64_t id;

	return key_take_u64(&key, &id) == 0 && key_take_u64(&key, seq_r) == 0 &&
	       id == owner;
}

static int
delete_run(struct batch_job *job, struct store_txn *t, struct err *err)
{
	struct outbox *o = LIST_OBJ(job, struct outbox, delete_job);
	int most = DELETES_PER_JOB >> 2 * o->delete_tries;
	struct key from, upto;
	int n;

	if (o->delete_tries < DELETE_TRIES - 1)
		o->delete_tries++;
	outbox_key(&from, o->options.owner, 0);
	outbox_key(&upto, o->options.owner, o->acked);
	n = store_del_range(t, STORE_OUTBOX, key_str(&from), key_str(&upto),
	    most);
	o->delete_more = n == most;
	return n < 0 ? err_set(err, ERR_STORE, "outbox") : 0;
}

static void
queue_delete(struct outbox *o)
{
	if (!batch_is_queued(&o->delete_job))
		batch_add(o->options.batch, &o->delete_job);
	if (o->options.on_queued != NULL)
		o->options.on_queued(o->options.arg);
}

static void
delete_done(struct batch_job *job, const struct err *err)
{
	struct outbox *o = LIST_OBJ(job, struct outbox, delete_job);

	if (err == NULL)
		o->delete_tries = 0;
	if (err != NULL) {
		o->delete_more = true;
		look_again(o);
	} else if (o->delete_more) {
		queue_delete(o);
	} else if (o->options.on_drained != NULL && outbox_is_empty(o)) {
		o->options.on_drained(o->options.arg); /* may free o */
	}
}

static void
acknowledged(struct outbox *o, uint64_t seq)
{
	if (seq > o->acked) {
		o->stats.acknowledged += seq - o->acked;
		o->acked = seq;
		if (o->options.on_file != NULL)
			o->options.on_file(o->options.arg, seq);
	}
	if (o->acked > 0)
		queue_delete(o);
}

/* ---- the connection ----------------------------------------------------- */

static int
take_frames(struct outbox *o, struct str packet)
{
	struct record_head head;
	struct str payload;
	int rc;

	while ((rc = record_next(&packet, &head, &payload, NULL)) == 1) {
		if (head.owner != o->options.owner)
			return -1;
		if (head.type == RECORD_HELLO) {
			o->greeted = true;
			o->sent = head.seq;
			o->retry_msecs = RETRY_FIRST_MSECS;
			acknowledged(o, head.seq);
		} else if (head.type == RECORD_ACK) {
			acknowledged(o, head.seq);
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
	struct outbox *o = arg;

	(void)what;
	for (int i = 0; i < PACKETS_PER_TURN; i++) {
		ssize_t n = recv(fd, packet, sizeof(packet), MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n <= 0 ||
		    take_frames(o, str_make(packet, (size_t)n)) != 0) {
			disconnect(o);
			return;
		}
	}
	if (o->behind)
		send_pending(o);
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	send_pending(arg);
}

static void
on_gathered(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	send_pending(arg);
}

static void
on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct outbox *o = arg;

	(void)fd;
	(void)what;
	if (o->delete_more)
		queue_delete(o);
	if (o->fd < 0)
		connect_now(o);
	else
		send_pending(o);
}

/* 1 sent, 0 would block, -1 broken. */
static int
send_packet(struct outbox *o)
{
	ssize_t n = send(o->fd, o->packet.data, o->packet.len,
	    MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n >= 0)
		return 1;
	return errno == EAGAIN || errno == ENOBUFS ? 0 : -1;
}

static void
connect_now(struct outbox *o)
{
	o->fd = record_connect(o->socket_path, NULL);
	if (o->fd < 0) {
		retry_later(o);
		return;
	}
	o->stats.connected = true;
	o->stats.reconnects++;
	o->greeted = false;
	event_assign(&o->readable, o->options.base, o->fd, EV_READ | EV_PERSIST,
	    on_readable, o);
	event_assign(&o->writable, o->options.base, o->fd, EV_WRITE,
	    on_writable, o);
	event_add(&o->readable, NULL);
	o->behind = true; /* until we have seen that nothing is left */
	buf_clear(&o->packet);
	if (record_add(&o->packet, RECORD_HELLO, o->options.owner, 0,
		str_make("", 0)) != 0 ||
	    send_packet(o) != 1)
		disconnect(o);
}

/*
 * A row that the logger would refuse, whatever happens, would hold up all that
 * come after it. Nobody writes such rows; should there be one all the same (a
 * damaged store), a record of its own stands in its place on file.
 */
static int
add_stand_in(struct outbox *o, uint64_t seq, struct str value)
{
	char when[CLOCK_RFC3339_BYTES], hash[SHA256_HEX_BYTES], *line;
	int rc;

	log_error("record %llu of owner %llu (%zu bytes) cannot be put on "
		  "file: another stands for it",
	    (unsigned long long)seq, (unsigned long long)o->options.owner,
	    value.n);
	clock_rfc3339(clock_wall_nsecs(), when);
	hash_sha256_hex(value, hash);
	line = xasprintf("{\"run_id\":null,\"model\":null,\"latency_s\":0,"
			 "\"cost_usd\":0,\"prompt_tokens\":0,"
			 "\"completion_tokens\":0,\"time\":\"%s\","
			 "\"status\":0,\"outcome\":\"lost\","
			 "\"error\":\"unreadable_record\","
			 "\"record_bytes\":%zu,\"record_sha256\":\"%s\"}",
	    when, value.n, hash);
	rc = record_add(&o->packet, RECORD_LINE, o->options.owner, seq,
	    str_of(line));
	free(line);
	return rc;
}

static int
add_row(struct outbox *o, uint64_t seq, struct str value)
{
	if (!record_is_line(value))
		return add_stand_in(o, seq, value);
	return record_add(&o->packet, RECORD_LINE, o->options.owner, seq,
	    value);
}

/* Fills the packet with records after o->sent. 1 there are some, 0 none, -1
   the store cannot be read. *last_r: the last sequence in it. */
static int
fill_packet(struct outbox *o, struct store_txn *t, uint64_t *last_r)
{
	struct store_cursor *c;
	struct str key, value;
	struct key from;
	uint64_t seq;
	int rc;

	buf_clear(&o->packet);
	outbox_key(&from, o->options.owner, o->sent + 1);
	c = store_cursor_open(t, STORE_OUTBOX, key_str(&from));
	if (c == NULL)
		return -1;
	*last_r = o->sent;
	while ((rc = store_cursor_next(c, &key, &value)) == 1) {
		if (!is_row_of(o->options.owner, key, &seq) ||
		    add_row(o, seq, value) != 0)
			break;
		*last_r = seq;
	}
	store_cursor_close(&c);
	return rc < 0 ? -1 : o->packet.len > 0;
}

static void
send_pending(struct outbox *o)
{
	struct store_txn *t;
	uint64_t last;
	int filled = 0, sent = 1;

	event_del(&o->gather);
	o->waiting = 0;
	if (!o->greeted)
		return;
	if (store_read(o->options.store, STORE_LIVE, &t, NULL) != 0) {
		look_again(o);
		return;
	}
	for (int i = 0; i < PACKETS_PER_TURN && sent == 1; i++) {
		filled = fill_packet(o, t, &last);
		if (filled != 1)
			break;
		sent = send_packet(o);
		if (sent != 1)
			break;
		o->stats.sent += last - o->sent;
		o->sent = last;
	}
	store_abort(&t);
	/* More than a turn's packets: the next acknowledgement goes on. */
	o->behind = filled == 1 && sent == 1;
	if (sent < 0)
		disconnect(o);
	else if (sent == 0)
		event_add(&o->writable, NULL);
	else if (filled < 0)
		look_again(o);
}

/* ---- public ------------------------------------------------------------- */

struct outbox *
outbox_new(const struct outbox_options *options)
{
	struct outbox *o = xcalloc(1, sizeof(*o));

	o->options = *options;
	o->socket_path = xstrdup(options->socket_path);
	o->fd = -1;
	o->retry_msecs = RETRY_FIRST_MSECS;
	buf_init(&o->packet, RECORD_PACKET_BYTES);
	batch_job_init(&o->delete_job, delete_run, delete_done);
	o->delete_job.retry = o->delete_job.frees = true;
	evtimer_assign(&o->retry, options->base, on_retry, o);
	evtimer_assign(&o->gather, options->base, on_gathered, o);
	connect_now(o);
	return o;
}

void
outbox_free(struct outbox **op)
{
	struct outbox *o = *op;

	if (o == NULL)
		return;
	disconnect(o);
	event_del(&o->retry);
	event_del(&o->gather);
	batch_cancel(o->options.batch, &o->delete_job);
	buf_fini(&o->packet);
	free(o->socket_path);
	free(o);
	*op = NULL;
}

void
outbox_kick(struct outbox *o, size_t records)
{
	static const struct timeval tv = { 0, GATHER_MSECS * 1000 };
	bool first = o->waiting == 0;

	/* A full socket is waited for already. */
	if (!o->greeted || event_pending(&o->writable, EV_WRITE, NULL))
		return;
	o->waiting += records;
	if (o->options.at_once || o->waiting >= GATHER_RECORDS)
		send_pending(o);
	else if (first)
		event_add(&o->gather, &tv);
}

bool
outbox_owner_is_empty(struct store *s, uint64_t owner)
{
	struct store_txn *t;
	struct store_cursor *c;
	struct str key, value;
	struct key from;
	uint64_t seq;
	bool empty = false;

	if (store_read(s, STORE_LIVE, &t, NULL) != 0)
		return false;
	outbox_key(&from, owner, 0);
	c = store_cursor_open(t, STORE_OUTBOX, key_str(&from));
	if (c != NULL) {
		int rc = store_cursor_next(c, &key, &value);

		empty = rc == 0 || (rc == 1 && !is_row_of(owner, key, &seq));
		store_cursor_close(&c);
	}
	store_abort(&t);
	return empty;
}

bool
outbox_is_empty(struct outbox *o)
{
	return outbox_owner_is_empty(o->options.store, o->options.owner);
}

void
outbox_stats(const struct outbox *o, struct outbox_stats *s_r)
{
	*s_r = o->stats;
}
