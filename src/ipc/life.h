/*
 * A child's tie to the supervisor while its event loop runs: the life pipe and
 * SIGTERM, which tell it to go (contract.h), and each second its turn to say
 * that it lives.
 */
#ifndef IPC_LIFE_H
#define IPC_LIFE_H

#include <event2/event_struct.h>
#include <stdbool.h>

struct life_calls {
	/* Each second: report, and whatever else is due. */
	void (*beat)(void *arg);
	/* Once: finish and go. last: nobody goes on (CONTRACT_CLOSE). NULL: the
	   role looks at `retiring` itself. */
	void (*retire)(void *arg, bool last);
};

struct life {
	const struct life_calls *calls;
	void *arg;
	struct event heartbeat, pipe, term;
	bool termed;
	bool retiring; /* it is to finish and go */
	bool stopping; /* leave at once; the role may set it when it is done */
};

/* From now on. `l` is zeroed and does not move; the calls outlive it. */
void life_watch(struct life *l, struct event_base *base,
    const struct life_calls *calls, void *arg);
void life_unwatch(struct life *l);

#endif
