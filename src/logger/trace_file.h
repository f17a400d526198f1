/*
 * The trace file: append-only lines, hash-chained over rotations, each owner's
 * sequence at most once. It is the ledger people and auditors read.
 *
 * A line is the record as it came, without its closing brace, then
 *   ,"owner":OWNER,"seq":SEQ,"prev":"HASH","hash":"HASH"}
 * hash = SHA-256 (hex) of everything in the line before `,"hash":`; prev = the
 * hash of the line before, over all files of the chain ("" for the first).
 *
 * Beside it are PATH.state, which makes a start quick (trace_state.h),
 * PATH.checkpoint, where an audit begins (ipc/checkpoint.h), and PATH.lock: one
 * process at a time writes the file. An old logger may still be at work for
 * workers that outlived their supervisor.
 *
 * What can be lost by others' hands (lines cut off, files removed) is not made
 * up: the next line names the hash that was there, so that the gap shows.
 */
#ifndef LOGGER_TRACE_FILE_H
#define LOGGER_TRACE_FILE_H

#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

struct trace_file;

struct trace_file_options {
	const char *path;
	int64_t rotate_bytes; /* 0 never */
	int64_t keep;         /* rotated files kept: PATH.1 ... PATH.keep */
	/* Called now and then while a long file is read at the start. */
	void (*progress)(void *arg);
	void *arg;
};

/* 1 opened, 0 another process has it (try again later), -1 failed. */
int trace_file_open(const struct trace_file_options *o, struct trace_file **f_r,
    struct err *err) MUST_CHECK;
/* Drops what is queued; tries to save the state. */
void trace_file_close(struct trace_file **f);
/* All of this owner up to here are on file; 0 none, or not known. */
uint64_t trace_file_seq(const struct trace_file *f, uint64_t owner);
/*
 * Queues a line. 1 queued, 0 already there (a double), -1 ERR_BAD_REQUEST: the
 * payload is no one-line JSON object, or the sequence leaves a gap. An owner
 * that is not known may start anywhere: its earlier records may be in files
 * that are gone.
 */
int trace_file_add(struct trace_file *f, uint64_t owner, uint64_t seq,
    struct str payload, struct err *err) MUST_CHECK;
/*
 * The owner has nothing left before seq: lets trace_file_add() go on there.
 * Returns how many sequences of a known owner are lost by that.
 */
uint64_t trace_file_skip(struct trace_file *f, uint64_t owner, uint64_t seq);
size_t trace_file_queued(const struct trace_file *f); /* bytes */
/*
 * Writes what is queued. -1: nothing of it is on file (the file is cut back to
 * where it was), the queue is empty and sequences are as before. A file that
 * was removed is begun anew, with a line in the log.
 */
int trace_file_flush(struct trace_file *f, struct err *err) MUST_CHECK;
/*
 * Rotates when it is time. -1: it could not; the file goes on to grow, and the
 * next try is a minute later.
 */
int trace_file_rotate(struct trace_file *f, struct err *err) MUST_CHECK;
/* fdatasync when something was written since the last one. */
int trace_file_sync(struct trace_file *f, struct err *err) MUST_CHECK;
/* Saves PATH.state when something changed; syncs first. */
int trace_file_save(struct trace_file *f, struct err *err) MUST_CHECK;
/* Opens PATH anew: after an outside rotation (SIGUSR1). -1: goes on in the
   old one. */
int trace_file_reopen(struct trace_file *f, struct err *err) MUST_CHECK;
uint64_t trace_file_lines(const struct trace_file *f); /* written */

#endif
