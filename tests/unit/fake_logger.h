/*
 * A logger that is played: a listening socket in the test's event base that
 * reads frames, keeps lines as a trace file would, and misbehaves when told to.
 */
#ifndef TESTS_UNIT_FAKE_LOGGER_H
#define TESTS_UNIT_FAKE_LOGGER_H

#include "base/list.h"
#include "ipc/record.h"

#include <event2/event_struct.h>

#define FAKE_LINES_MAX  20000
#define FAKE_OWNERS_MAX 64

struct fake_peer {
	struct list node;
	struct fake *l;
	int fd;
	uint64_t owner; /* of its last HELLO */
	struct event readable;
};

/* What is known of an owner. */
struct fake_mark {
	uint64_t owner;
	uint64_t highest; /* on file */
	uint64_t pending; /* received, not yet acknowledged */
};

struct fake {
	struct event_base *base;
	struct event accept;
	int listen_fd;
	struct list peers; /* the last is the youngest */
	struct fake_mark marks[FAKE_OWNERS_MAX];
	size_t mark_count;
	char **lines;   /* by arrival, doubles dropped */
	uint64_t *seqs; /* of these lines */
	size_t count;   /* of lines */
	size_t hellos, doubles, packets;
	bool mute;            /* does not acknowledge */
	size_t hang_up_after; /* closes after so many lines; 0 never */
};

/* Zeroed before; mute and hang_up_after may be set before, too. */
void fake_start(struct fake *l, struct event_base *base, const char *path);
void fake_stop(struct fake *l);
struct fake_mark *fake_mark(struct fake *l, uint64_t owner);
/* To the youngest client; one that was killed does not hear it. */
void fake_send(struct fake *l, const void *bytes, size_t n);
/* HELLO or ACK with the owner's highest. */
void fake_tell(struct fake *l, enum record_type type, uint64_t owner);
/* Does not read any more, or reads again. */
void fake_listen(struct fake *l, bool on);
/* Closes all connections. */
void fake_hang_up(struct fake *l);

#endif
