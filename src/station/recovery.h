/*
 * Building live/ anew from the trace files, on nothing or on a snapshot
 * (domain/audit/rebuild.h has the rules, docs/audit.md the words): what
 * tallyctl recover does, and a start after the host went down.
 */
#ifndef STATION_RECOVERY_H
#define STATION_RECOVERY_H

#include "domain/audit/audit.h"
#include "domain/audit/rebuild.h"

/* Below the state directory. */
#define RECOVERY_SNAPSHOTS "snapshots"

struct recovery_options {
	/* All borrowed. */
	const char *state_dir, *store_dir, *trace_path;
	const char
	    *from;    /* a snapshot; NULL: the newest, where one is needed */
	bool partial; /* books what can be read, whatever is missing */
	int64_t now_nsecs; /* wall */
	/* A line that is not as it should be, and a sign of life now and then;
	   may be NULL. */
	void (*differs)(void *arg, const struct audit_difference *d);
	void (*progress)(void *arg);
	void *arg;
};

/* Where accounts/ is from: nothing in the lines could make it anew. */
enum recovery_accounts {
	RECOVERY_ACCOUNTS_KEPT,
	RECOVERY_ACCOUNTS_COPIED, /* from a snapshot */
	RECOVERY_ACCOUNTS_EMPTY,  /* it was gone, and no snapshot has it */
};

struct recovery_result {
	struct rebuild_counts counts;
	enum recovery_accounts accounts;
	char *snapshot;      /* what it was built on; NULL: nothing; owned */
	char *accounts_from; /* the snapshot accounts/ is from; NULL; owned */
	char *kept;          /* where the old live/ is; NULL: none; owned */
	int64_t torn_bytes;  /* an unfinished last line, left out */
};

/*
 * Nobody may have the store open, nor open it meanwhile: that is the caller's
 * to see to. ERR_IO with what is missing or broken; nothing was changed then.
 */
int recovery_run(const struct recovery_options *options,
    struct recovery_result *result_r, struct err *err) MUST_CHECK;
void recovery_result_free(struct recovery_result *r);

/*
 * True when there is no live/ but lines on file: a live/ that is made new would
 * have forgotten all that was spent. Look before the store is opened for
 * writing.
 */
bool recovery_is_due(const char *store_dir, const char *trace_path);
/* 0; -1 while any process of a gateway is at work on this store, also one
   whose supervisor is gone: ERR_IO. */
int recovery_check_owners(const char *store_dir, struct err *err) MUST_CHECK;

/* Where a snapshot of this moment goes: STATE/snapshots/20261122T111810Z and
   the suffix; its parent is made. On the heap; NULL with *err. */
char *recovery_snapshot_dir(const char *state_dir, int64_t now_nsecs,
    const char *suffix, struct err *err);
/* Removes a snapshot, or another copy of a store: only what belongs there. */
void recovery_remove_store(const char *dir);

#endif
