/*
 * Up to which sequence each owner's records are on file: what makes a record
 * that comes twice stand there once. Bounded: when there is no room, the owner
 * that was quiet for longest is forgotten. An owner that comes back after that
 * has nothing unacknowledged, or it would not have been quiet.
 */
#ifndef LOGGER_SEQ_MARKS_H
#define LOGGER_SEQ_MARKS_H

#include <stddef.h>
#include <stdint.h>

#define SEQ_MARKS_MAX 4096

struct seq_mark {
	uint64_t owner;
	uint64_t seq;  /* all up to here are on file */
	uint64_t used; /* seq_marks.clock when it was last raised */
};

struct seq_marks {
	struct seq_mark *items; /* ascending by owner */
	size_t count;           /* <= max */
	size_t max;
	uint64_t clock;
};

void seq_marks_init(struct seq_marks *m, size_t max); /* max > 0 */
void seq_marks_fini(struct seq_marks *m);
/* 0: this owner is not known. */
uint64_t seq_marks_get(const struct seq_marks *m, uint64_t owner);
/* Notes that all up to seq is on file; never lowers a mark. */
void seq_marks_raise(struct seq_marks *m, uint64_t owner, uint64_t seq);

#endif
