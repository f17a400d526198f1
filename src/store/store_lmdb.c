/*
 * The shared store on LMDB: opening, closing, errors. See store.h for the
 * rules, tables.h for what is in it, store_lmdb.h for the other files.
 *
 * Owns: the two environments, their table handles, the transactions and
 * cursors handed out. Does not know what rows mean (schema.c, owner.c and the
 * domain do), does not retry whole transactions (batch.c does).
 *
 * Fails with ERR_STORE_FULL (map or disk full), ERR_STORE_LOST (the host went
 * down while live/ was in use: store_trust.h) or ERR_STORE; every text names
 * the environment's folder. A use that breaks the rules (a second write
 * transaction, a table of the other environment, a store carried over a fork)
 * is ERR_INTERNAL, and an assertion where no error can travel.
 *
 * Settings, and why:
 * - MDB_NOTLS: a reader slot follows the transaction object, not the thread,
 *   so that idle read transactions can be kept and renewed (8 ns, not 36).
 * - live/: MDB_NOSYNC | MDB_NOMETASYNC. Commits are safe against the death of
 *   any process, not against a power loss; the keeper syncs, recovery
 *   rebuilds.
 * - live/: MDB_WRITEMAP, since it saves all system calls of a commit
 *   (docs/decisions/0005-write-map.md weighs it); disk blocks are reserved
 *   before they are written to (store_backing.h).
 * - no nested transactions, no MDB_DUPSORT: that is where LMDB's bugs were.
 */
#include "store/store_lmdb.h"

#include "base/clock.h"
#include "base/fd.h"
#include "store/schema.h"
#include "store/store_backing.h"
#include "store/store_trust.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#define MAP_BYTES_DEFAULT (INT64_C(1) << 30)
#define MAP_BYTES_MIN     (INT64_C(128) << 10)
/* The size of the lock file's table; the first opener decides for all. */
#define READERS_MAX      1024
#define OPEN_TRIES       3
#define OPEN_PAUSE_NSECS (20 * NSECS_PER_MSEC)

#define TABLE_ROW(NAME, env, name, key, value, writers, readers, expiry)       \
	{ STORE_##env, name },
const struct store_table_info store_tables[STORE_TABLE_COUNT] = { STORE_TABLES(
    TABLE_ROW) };
#undef TABLE_ROW

const char *const store_env_names[STORE_ENVS] = { "accounts", "live" };

/* ---- one open per folder, none over a fork ---- */

static struct list open_stores = { &open_stores, &open_stores };
/* How often this process is a fork's child: costs no system call to ask. */
static unsigned fork_count;

static void
on_fork_child(void)
{
	fork_count++;
}

static void
watch_forks(void)
{
	static bool watched;

	if (!watched)
		pthread_atfork(NULL, NULL, on_fork_child);
	watched = true;
}

static bool
is_open_here(dev_t dev, ino_t ino)
{
	LIST_EACH(n, &open_stores) {
		const struct store *s = LIST_OBJ(n, struct store, node);

		if (s->dev == dev && s->ino == ino && s->forks == fork_count)
			return true;
	}
	return false;
}

int
store_check_use(const struct store *s, struct err *err)
{
	/* LMDB does not notice a fork: it would use the parent's reader slot,
	   and no lock. */
	assert(s->forks == fork_count);
	if (s->forks != fork_count)
		return err_set(err, ERR_INTERNAL,
		    "%s: the store was opened before a fork", s->envs[0].dir);
	return 0;
}

/* ---- errors ---- */

static enum err_code
code_of(int rc)
{
	if (rc == MDB_MAP_FULL || rc == ENOSPC || rc == EDQUOT || rc == EFBIG)
		return ERR_STORE_FULL;
	return ERR_STORE;
}

/* The file is not what LMDB left there: a power loss, or a broken disk. */
static bool
is_damage(int rc)
{
	return rc == MDB_INVALID || rc == MDB_CORRUPTED ||
	       rc == MDB_PAGE_NOTFOUND;
}

/* What to run then. live/ is built anew from the trace files; accounts/ comes
   from a snapshot only. */
static char *
recovery_hint(const char *dir, enum store_env env)
{
	struct str state = str_of(dir);

	if (str_ends(state, "/store"))
		state.n -= strlen("/store");
	if (env == STORE_LIVE)
		return xasprintf(" (damaged: stop the gateway and run "
				 "'tallyctl --state " STR_FMT " recover')",
		    STR_ARG(state));
	return xasprintf(" (damaged: stop the gateway and put accounts/ of a "
			 "snapshot in its place)");
}

int
store_set_error(struct err *err, const struct store_environment *e,
    const char *doing, int rc)
{
	const char *hint = "";

	if (rc == EINVAL || rc == EOWNERDEAD || rc == ENOTRECOVERABLE)
		hint = " (the lock table is unusable: restart the gateway)";
	else if (rc == MDB_PANIC)
		hint = " (a failed write left it unusable in this process)";
	else if (rc == MDB_VERSION_MISMATCH)
		hint = " (another LMDB version has it open)";
	else if (is_damage(rc) && e->recover != NULL)
		hint = e->recover;
	return err_set(err, code_of(rc), "%s: %s: %s%s", e->dir, doing,
	    mdb_strerror(rc), hint);
}

int
store_fail_table(struct store_txn *t, const char *doing, enum store_table table,
    int rc)
{
	char text[64];

	if (t->failed)
		return -1;
	t->failed = true;
	snprintf(text, sizeof(text), "%s %s", doing, store_tables[table].name);
	return store_set_error(&t->err, &t->store->envs[t->env], text, rc);
}

/* ---- open and close ---- */

/* 1 there, 0 not, -1 cannot be told. */
static int
env_exists(const struct store_environment *e, struct err *err)
{
	char *file = path_join(e->dir, "data.mdb");
	struct stat st;
	int rc = stat(file, &st) == 0 ? 1 : 0;

	if (rc == 0 && errno != ENOENT && errno != ENOTDIR)
		rc = err_set_errno(err, ERR_STORE, "%s", file);
	free(file);
	return rc;
}

/* Makes the folders, or finds out that there is no store. */
static int
find_store(struct store *s, const struct store_options *o, struct err *err)
{
	struct stat st;

	for (int i = 0; i < STORE_ENVS; i++) {
		int there;

		/* A missing live/ is made again: it is rebuilt from traces. */
		if (!o->read_only && (!o->must_exist || i == STORE_LIVE))
			continue;
		there = env_exists(&s->envs[i], err);
		if (there < 0)
			return -1;
		if (there == 0)
			return err_set(err, ERR_STORE, "no store at %s",
			    o->dir);
	}
	for (int i = 0; i < STORE_ENVS && !o->read_only; i++)
		if (dir_make(s->envs[i].dir, 0700, err) != 0) {
			if (err != NULL)
				err->code = ERR_STORE;
			return err_prefix(err, "store");
		}
	if (stat(o->dir, &st) != 0)
		return err_set_errno(err, ERR_STORE, "%s", o->dir);
	s->dev = st.st_dev;
	s->ino = st.st_ino;
	return 0;
}

static size_t
map_size(const struct store_options *o, enum store_env env)
{
	int64_t bytes = o->map_bytes > 0 ? o->map_bytes : MAP_BYTES_DEFAULT;
	long page = sysconf(_SC_PAGESIZE);

	if (env == STORE_ACCOUNTS)
		bytes /= 4;
	if (bytes < MAP_BYTES_MIN)
		bytes = MAP_BYTES_MIN;
	return (size_t)((bytes + page - 1) / page * page);
}

static int
open_once(struct store_environment *e, const struct store_options *o,
    enum store_env env, unsigned flags)
{
	size_t map_bytes = map_size(o, env);
	MDB_stat st;
	int rc;

	if (env == STORE_LIVE && !o->read_only) {
		rc = store_backing_prepare(e, &map_bytes);
		if (rc != 0)
			return rc;
		if (e->written_through)
			flags |= MDB_WRITEMAP;
	}
	rc = mdb_env_create(&e->mdb);
	if (rc != 0)
		return rc;
	if ((rc = mdb_env_set_mapsize(e->mdb, map_bytes)) == 0 &&
	    (rc = mdb_env_set_maxreaders(e->mdb, READERS_MAX)) == 0 &&
	    (rc = mdb_env_set_maxdbs(e->mdb, STORE_TABLE_COUNT)) == 0 &&
	    (rc = mdb_env_open(e->mdb, e->dir, flags, 0600)) == 0)
		rc = mdb_env_stat(e->mdb, &st);
	if (rc == 0) {
		e->page_bytes = st.ms_psize;
		return 0;
	}
	mdb_env_close(e->mdb); /* as LMDB demands after a failed open */
	e->mdb = NULL;
	return rc;
}

/*
 * Opening races with another process that closes, or that makes the files:
 * LMDB says so in its manual. It settles within milliseconds.
 */
static int
open_env(struct store *s, const struct store_options *o, enum store_env env,
    struct err *err)
{
	struct store_environment *e = &s->envs[env];
	unsigned flags = MDB_NOTLS;
	int rc = 0;

	if (env == STORE_LIVE)
		flags |= MDB_NOSYNC | MDB_NOMETASYNC;
	if (o->read_only)
		flags |= MDB_RDONLY;
	for (int i = 0; i < OPEN_TRIES; i++) {
		struct timespec pause = { 0, (long)OPEN_PAUSE_NSECS };

		if (i > 0)
			nanosleep(&pause, NULL);
		rc = open_once(e, o, env, flags);
		if (rc == 0)
			return 0;
		if (rc == EACCES || rc == MDB_VERSION_MISMATCH)
			break;
	}
	return store_set_error(err, e, "open", rc);
}

/* Handles of all tables of one environment, then its schema. */
static int
open_tables(struct store *s, enum store_env env, struct err *err)
{
	struct store_environment *e = &s->envs[env];
	unsigned flags = s->read_only ? 0 : MDB_CREATE;
	struct store_txn *t;
	int rc;

	rc = s->read_only ? store_read(s, env, &t, err)
			  : store_write(s, env, &t, err);
	if (rc != 0)
		return -1;
	for (int i = 0; i < STORE_TABLE_COUNT; i++) {
		if (store_tables[i].env != env)
			continue;
		rc = mdb_dbi_open(t->mdb, store_tables[i].name, flags,
		    &s->dbis[i]);
		s->has_table[i] = rc == 0;
		if (rc == 0 || (rc == MDB_NOTFOUND && s->read_only))
			continue;
		store_set_error(err, e, store_tables[i].name, rc);
		store_abort(&t);
		return -1;
	}
	if (schema_check(t, env, s->read_only, err) != 0) {
		store_abort(&t);
		return err_prefix(err, "%s", e->dir);
	}
	if (!s->read_only)
		return store_commit(&t, err);
	return store_commit_handles(&t, err);
}

static void
init_env(struct store *s, const char *dir, enum store_env env)
{
	struct store_environment *e = &s->envs[env];

	e->dir = path_join(dir, store_env_names[env]);
	e->recover = recovery_hint(dir, env);
	list_init(&e->idle);
	e->writer.store = s;
	e->writer.env = env;
	e->writer.writer = true;
	list_init(&e->writer.node);
	list_init(&e->writer.cursors);
	if (env == STORE_LIVE && !s->read_only)
		e->rows = xcalloc(1, sizeof(*e->rows));
}

static void
on_alarm(int signo)
{
	(void)signo; /* the interruption is all that is wanted */
}

/*
 * A process killed between being woken for LMDB's writer lock and taking it
 * takes the wake-up with it (glibc's robust mutexes): the next waiter sleeps
 * on a lock that is free, until any signal makes it look again. So every
 * process with a store gets one each second. Reproduced in
 * tests/unit/test_ledger_processes.c, whose processes are killed all the time.
 */
static void
start_alarm(void)
{
	static bool started;
	struct itimerval second = { { 1, 0 }, { 1, 0 } };
	struct sigaction sa;

	if (started)
		return;
	started = true;
	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_alarm;
	sa.sa_flags = SA_RESTART;
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &second, NULL);
}

/* Under the lock of openings: nobody opens, closes or rebuilds meanwhile. */
static int
open_envs(struct store *s, const struct store_options *options, struct err *err)
{
	if (store_trust_check(s, err) != 0 ||
	    (!s->read_only && store_trust_enter(s, err) != 0))
		return -1;
	for (int i = 0; i < STORE_ENVS; i++) {
		if (open_env(s, options, (enum store_env)i, err) != 0 ||
		    open_tables(s, (enum store_env)i, err) != 0)
			return -1;
	}
	return 0;
}

static int
open_all(struct store *s, const struct store_options *options, struct err *err)
{
	int rc = find_store(s, options, err);

	/* LMDB's locks are POSIX locks: closing a second open of the same file
	   would drop those of the first. */
	if (rc == 0 && is_open_here(s->dev, s->ino))
		rc = err_set(err, ERR_STORE, "%s: open already in this process",
		    options->dir);
	if (rc == 0 && !s->read_only)
		rc = store_trust_lock(s, options->dir, err);
	if (rc == 0) {
		rc = open_envs(s, options, err);
		if (!s->read_only)
			store_trust_unlock(s);
	}
	return rc;
}

int
store_open(const struct store_options *options, struct store **s_r,
    struct err *err)
{
	struct store *s = xcalloc(1, sizeof(*s));
	int rc;

	watch_forks();
	start_alarm();
	s->forks = fork_count;
	s->read_only = options->read_only;
	s->lock_fd = -1;
	list_init(&s->node);
	for (int i = 0; i < STORE_ENVS; i++)
		init_env(s, options->dir, (enum store_env)i);
	rc = open_all(s, options, err);
	if (rc != 0) {
		store_close(&s);
		return -1;
	}
	list_append(&open_stores, &s->node);
	*s_r = s;
	return 0;
}

static void
close_env(struct store_environment *e)
{
	/* No transaction may outlive its store. */
	assert(e->active == 0);
	store_drop_idle(e);
	if (e->mdb != NULL)
		mdb_env_close(e->mdb);
}

void
store_close(struct store **s)
{
	struct store *old = *s;
	/* In a fork's child the environment is the parent's: what close would
	   undo is not ours. */
	bool ours = old != NULL && old->forks == fork_count;

	if (old == NULL)
		return;
	*s = NULL;
	list_remove(&old->node);
	if (ours && old->lock_fd >= 0 && store_trust_relock(old))
		store_trust_leave(old);
	for (int i = 0; i < STORE_ENVS; i++) {
		if (ours)
			close_env(&old->envs[i]);
		free(old->envs[i].dir);
		free(old->envs[i].recover);
		free(old->envs[i].rows);
	}
	/* Its locks go with it. */
	fd_close(&old->lock_fd);
	free(old);
}
