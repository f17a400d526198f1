/*
 * PATH.state: where the trace file stood when it was last saved, so that a
 * start reads only what came after. JSON:
 *   {"inode":N,"offset":N,"hash":"...","owners":{"OWNER":SEQ,...}}
 * It is only a help: without it, or with one that does not fit, the files
 * themselves are read.
 */
#ifndef LOGGER_TRACE_STATE_H
#define LOGGER_TRACE_STATE_H

#include "base/err.h"
#include "base/hash.h"
#include "logger/seq_marks.h"

struct trace_state {
	int64_t inode;               /* of the file it speaks of */
	int64_t offset;              /* of its end then */
	char hash[SHA256_HEX_BYTES]; /* of the chain's last line then; "" */
};

/* 1 read (its owners are added to *marks), 0 there is none that can be used. */
int trace_state_load(const char *path, struct trace_state *s_r,
    struct seq_marks *marks) MUST_CHECK;
/* Written beside and renamed into place. */
int trace_state_save(const char *path, const struct trace_state *s,
    const struct seq_marks *marks, struct err *err) MUST_CHECK;

#endif
