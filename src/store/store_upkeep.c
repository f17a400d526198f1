/*
 * Upkeep: sync, dead readers, figures, snapshots. See store.h.
 *
 * Used by the keeper and tallyctl, never on the way of a request: a snapshot
 * is a long read transaction, a sync waits for the disk.
 */
#include "store/store_lmdb.h"

#include "base/fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int
store_sync(struct store *s, struct err *err)
{
	struct store_environment *e = &s->envs[STORE_LIVE];
	int rc;

	if (store_check_use(s, err) != 0)
		return -1;
	rc = mdb_env_sync(e->mdb, 1);
	return rc == 0 ? 0 : store_set_error(err, e, "sync", rc);
}

int
store_check_readers(struct store *s)
{
	int total = 0;

	for (int i = 0; i < STORE_ENVS; i++) {
		int dead = 0;

		if (mdb_reader_check(s->envs[i].mdb, &dead) == 0)
			total += dead;
	}
	return total;
}

/* mdb_reader_list() calls this once for its heading, then for each slot. */
static int
count_line(const char *line, void *arg)
{
	int *lines = arg;

	(void)line;
	(*lines)++;
	return 0;
}

/*
 * Pages on the free list. It is table 0; each value begins with how many
 * page numbers follow.
 */
static uint64_t
count_free(MDB_txn *mdb)
{
	MDB_cursor *c;
	MDB_val key, value;
	uint64_t total = 0;
	size_t n;

	if (mdb_cursor_open(mdb, 0, &c) != 0)
		return 0;
	while (mdb_cursor_get(c, &key, &value, MDB_NEXT) == 0) {
		if (value.mv_size < sizeof(n))
			continue;
		memcpy(&n, value.mv_data, sizeof(n));
		total += n;
	}
	mdb_cursor_close(c);
	return total;
}

uint64_t
store_last_txn(struct store *s, enum store_env env)
{
	MDB_envinfo info;

	if (mdb_env_info(s->envs[env].mdb, &info) != 0)
		return 0;
	return info.me_last_txnid;
}

static int
env_info(struct store *s, enum store_env env, struct store_info *info,
    struct err *err)
{
	struct store_environment *e = &s->envs[env];
	struct store_txn *t;
	MDB_envinfo ei;
	MDB_stat st;
	int lines = -1, rc;

	if (store_read(s, env, &t, err) != 0)
		return -1;
	rc = mdb_env_info(e->mdb, &ei);
	if (rc == 0)
		rc = mdb_env_stat(e->mdb, &st);
	if (rc == 0) {
		info->map_bytes[env] = ei.me_mapsize;
		info->last_txn[env] = ei.me_last_txnid;
		info->used_bytes[env] =
		    (ei.me_last_pgno + 1 - count_free(t->mdb)) * st.ms_psize;
		mdb_reader_list(e->mdb, count_line, &lines);
		info->readers[env] = lines > 0 ? (unsigned)lines : 0;
	}
	for (int i = 0; rc == 0 && i < STORE_TABLE_COUNT; i++) {
		if (store_tables[i].env != env || !s->has_table[i])
			continue;
		rc = mdb_stat(t->mdb, s->dbis[i], &st);
		info->rows[i] = st.ms_entries;
	}
	store_abort(&t);
	return rc == 0 ? 0 : store_set_error(err, e, "info", rc);
}

int
store_info(struct store *s, struct store_info *info_r, struct err *err)
{
	struct store_info info;

	memset(&info, 0, sizeof(info));
	if (env_info(s, STORE_ACCOUNTS, &info, err) != 0 ||
	    env_info(s, STORE_LIVE, &info, err) != 0)
		return -1;
	*info_r = info;
	return 0;
}

/* ---- snapshot ---- */

static int
check_empty(const char *dir, struct err *err)
{
	DIR *d = opendir(dir);
	const struct dirent *entry;
	bool empty = true;

	if (d == NULL)
		return err_set_errno(err, ERR_IO, "%s", dir);
	while ((entry = readdir(d)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			empty = false;
	closedir(d);
	return empty ? 0 : err_set(err, ERR_IO, "%s: not empty", dir);
}

int
store_sync_path(const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int rc = fd < 0 ? -1 : fsync(fd);

	if (rc != 0)
		err_set_errno(err, ERR_IO, "%s", path);
	fd_close(&fd);
	return rc;
}

static int
copy_env(struct store_environment *e, const char *to, struct err *err)
{
	char *file = path_join(to, "data.mdb");
	int rc = dir_make(to, 0700, err);

	if (rc == 0) {
		int mrc = mdb_env_copy2(e->mdb, to, MDB_CP_COMPACT);

		if (mrc != 0)
			rc = store_set_error(err, e, "copy", mrc);
	}
	/* LMDB makes the copy with mode 0666 and does not sync it. */
	if (rc == 0 && chmod(file, 0600) != 0)
		rc = err_set_errno(err, ERR_IO, "%s", file);
	if (rc == 0)
		rc = store_sync_path(file, err);
	if (rc == 0)
		rc = store_sync_path(to, err);
	if (rc != 0) {
		unlink(file);
		rmdir(to);
	}
	free(file);
	return rc;
}

int
store_snapshot(struct store *s, const char *dir, struct err *err)
{
	int rc;

	if (store_check_use(s, err) != 0 || dir_make(dir, 0700, err) != 0 ||
	    check_empty(dir, err) != 0)
		return err_prefix(err, "snapshot");
	for (int i = 0; i < STORE_ENVS; i++) {
		char *to = path_join(dir, store_env_names[i]);

		rc = copy_env(&s->envs[i], to, err);
		free(to);
		if (rc != 0)
			return err_prefix(err, "snapshot");
	}
	return store_sync_path(dir, err);
}
