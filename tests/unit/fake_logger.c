/* A played logger. See fake_logger.h. */
#include "fake_logger.h"

#include "unit.h"

#include "base/fd.h"

#include <event2/event.h>
#include <sys/socket.h>

static void
close_peer(struct fake_peer *p)
{
	event_del(&p->readable);
	fd_close(&p->fd);
	list_remove(&p->node);
	free(p);
}

void
fake_hang_up(struct fake *l)
{
	while (!list_empty(&l->peers))
		close_peer(LIST_OBJ(l->peers.next, struct fake_peer, node));
}

void
fake_listen(struct fake *l, bool on)
{
	LIST_EACH(node, &l->peers) {
		struct fake_peer *p = LIST_OBJ(node, struct fake_peer, node);

		if (on)
			event_add(&p->readable, NULL);
		else
			event_del(&p->readable);
	}
}

struct fake_mark *
fake_mark(struct fake *l, uint64_t owner)
{
	for (size_t i = 0; i < l->mark_count; i++) {
		if (l->marks[i].owner == owner)
			return &l->marks[i];
	}
	assert_true(l->mark_count < FAKE_OWNERS_MAX);
	l->marks[l->mark_count].owner = owner;
	return &l->marks[l->mark_count++];
}

static void
tell(struct fake *l, int fd, enum record_type type, uint64_t owner)
{
	struct buf b;

	buf_init(&b, 1024);
	assert_int_equal(record_add(&b, type, owner,
			     fake_mark(l, owner)->highest, str_make("", 0)),
	    0);
	(void)!send(fd, b.data, b.len, MSG_NOSIGNAL);
	buf_fini(&b);
}

void
fake_send(struct fake *l, const void *bytes, size_t n)
{
	struct fake_peer *p = LIST_OBJ(l->peers.prev, struct fake_peer, node);

	assert_false(list_empty(&l->peers));
	(void)!send(p->fd, bytes, n, MSG_NOSIGNAL);
}

void
fake_tell(struct fake *l, enum record_type type, uint64_t owner)
{
	struct fake_peer *p = LIST_OBJ(l->peers.prev, struct fake_peer, node);

	assert_false(list_empty(&l->peers));
	tell(l, p->fd, type, owner);
}

static void
take_line(struct fake_peer *p, uint64_t seq, struct str payload)
{
	struct fake *l = p->l;
	struct fake_mark *m = fake_mark(l, p->owner);

	if (seq <= m->pending) {
		l->doubles++;
		return;
	}
	assert_true(l->count < FAKE_LINES_MAX);
	l->lines[l->count] = str_dup(payload);
	l->seqs[l->count++] = seq;
	m->pending = seq;
}

static void
take_frame(struct fake_peer *p, const struct record_head *head,
    struct str payload)
{
	struct fake_mark *m = fake_mark(p->l, head->owner);

	if (head->type == RECORD_HELLO) {
		p->l->hellos++;
		p->owner = head->owner;
		m->pending = m->highest;
		tell(p->l, p->fd, RECORD_HELLO, p->owner);
		return;
	}
	assert_int_equal(head->type, RECORD_LINE);
	assert_int_equal(head->owner, p->owner);
	take_line(p, head->seq, payload);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	static char bytes[RECORD_PACKET_BYTES];
	struct fake_peer *p = arg;
	struct fake *l = p->l;
	struct record_head head;
	struct str packet, payload;
	ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	size_t doubles = l->doubles;
	struct fake_mark *m;
	int rc;

	(void)what;
	if (n <= 0) {
		close_peer(p);
		return;
	}
	l->packets++;
	packet = str_make(bytes, (size_t)n);
	while ((rc = record_next(&packet, &head, &payload, NULL)) == 1) {
		take_frame(p, &head, payload);
		if (l->hang_up_after > 0 && l->count >= l->hang_up_after) {
			l->hang_up_after = 0;
			close_peer(p);
			return;
		}
	}
	assert_int_equal(rc, 0);
	m = fake_mark(l, p->owner);
	/* What is there already is acknowledged too: another connection may
	   have brought it. */
	if (!l->mute && (m->pending > m->highest || l->doubles > doubles)) {
		m->highest = m->pending;
		tell(l, fd, RECORD_ACK, p->owner);
	}
}

static void
on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct fake *l = arg;
	struct fake_peer *p = xcalloc(1, sizeof(*p));

	(void)what;
	p->l = l;
	p->fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	assert_true(p->fd >= 0);
	list_append(&l->peers, &p->node);
	event_assign(&p->readable, l->base, p->fd, EV_READ | EV_PERSIST,
	    on_readable, p);
	event_add(&p->readable, NULL);
}

void
fake_start(struct fake *l, struct event_base *base, const char *path)
{
	struct err err;

	l->base = base;
	list_init(&l->peers);
	l->lines = xcalloc(FAKE_LINES_MAX, sizeof(*l->lines));
	l->seqs = xcalloc(FAKE_LINES_MAX, sizeof(*l->seqs));
	l->listen_fd = record_listen(path, &err);
	if (l->listen_fd < 0)
		fail_msg("%s", err.text);
	event_assign(&l->accept, base, l->listen_fd, EV_READ | EV_PERSIST,
	    on_accept, l);
	event_add(&l->accept, NULL);
}

void
fake_stop(struct fake *l)
{
	if (l->lines == NULL)
		return;
	fake_hang_up(l);
	event_del(&l->accept);
	fd_close(&l->listen_fd);
	for (size_t i = 0; i < l->count; i++)
		free(l->lines[i]);
	free(l->lines);
	free(l->seqs);
	l->lines = NULL;
}
