/*
 * The trace file: append-only lines, hash-chained over rotations, each owner's
 * sequence at most once. It is the ledger people and auditors read.
 *
 * A line is the record as it came, without its closing brace, then
 *   ,"owner":OWNER,"seq":SEQ,"prev":"HASH","hash":"HASH"}
 * hash = SHA-256 (hex) of everything in the line before `,"hash":`; prev = the
 * hash of the line before, over all files of the chain ("" for the first).
 *
 * Beside it PATH.state remembers offset, chain and owners, so that a start
 * reads only what came after; without it the file is read whole. When a
 * rotated file leaves (the eldest is removed, or somebody moved it away),
 * PATH.checkpoint says which hash the chain goes on from and until when the
 * lines that left were written: where an audit of the rest begins.
 */
#ifndef LOGGER_TRACE_FILE_H
#define LOGGER_TRACE_FILE_H

#include "base/buf.h"
#include "base/err.h"

#include <stdint.h>

struct trace_file;

struct trace_file_options {
	const char *path;
	int64_t rotate_bytes; /* 0 never */
	int64_t keep;         /* rotated files kept: PATH.1 ... PATH.keep */
};

struct trace_file *trace_file_open(const struct trace_file_options *o,
    struct err *err);
void trace_file_close(struct trace_file **f); /* writes the state */
/* Highest sequence of this owner on file; 0 none. */
uint64_t trace_file_seq(const struct trace_file *f, uint64_t owner);
/*
 * Queues a line. 1 queued, 0 already there (a double), -1 ERR_BAD_REQUEST: the
 * payload is no one-line JSON object, or the sequence leaves a gap.
 */
int trace_file_add(struct trace_file *f, uint64_t owner, uint64_t seq,
    struct str payload, struct err *err) MUST_CHECK;
/*
 * Writes what is queued, rotates when it is time. -1: nothing of it is on file
 * (the file is cut back to where it was) and sequences are as before.
 */
int trace_file_flush(struct trace_file *f, struct err *err) MUST_CHECK;
/* fdatasync when something was written since the last one. */
int trace_file_sync(struct trace_file *f, struct err *err) MUST_CHECK;
/* Saves PATH.state when something changed. */
void trace_file_save(struct trace_file *f);
/* Opens PATH anew: after an outside rotation (SIGUSR1). */
int trace_file_reopen(struct trace_file *f, struct err *err) MUST_CHECK;
uint64_t trace_file_lines(const struct trace_file *f); /* written */

#endif
