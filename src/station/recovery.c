/*
 * live/ built anew. See recovery.h.
 *
 * Order: the lines are proven first and nothing is touched when they are
 * broken; the new live/ is made beside the old one and takes its place by two
 * renames; the old one is kept under another name. Killed at any moment it can
 * simply be run again, and at no moment is there no live/ where one was.
 */
#include "station/recovery.h"

#include "base/clock.h"
#include "base/fd.h"
#include "station/trace_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define DATA "live/data.mdb"
#define BOOK "accounts/data.mdb"
/* Somebody waits for a sign of life: one so many lines. */
#define PROGRESS_LINES 2000

struct recovery {
	struct recovery_options o;
	char *work; /* STORE/new */
	struct trace_files files;
	struct audit *audit;
	struct rebuild *rebuild;
	struct recovery_result result;
	uint64_t lines;
	struct err err;
};

static void
note_progress(struct recovery *g)
{
	if (g->lines++ % PROGRESS_LINES == 0 && g->o.progress != NULL)
		g->o.progress(g->o.arg);
}

/* ---- the lines ---------------------------------------------------------- */

static int
prove_line(void *arg, const char *file, uint64_t number, struct str text)
{
	struct recovery *g = arg;

	note_progress(g);
	audit_line(g->audit, file, number, text);
	return 0;
}

static int
prove_lines(struct recovery *g, struct err *err)
{
	struct audit_options o = { .differs = g->o.differs, .arg = g->o.arg };
	uint64_t n;

	if (trace_files_open(g->o.trace_path, NULL, 0, &g->files, err) != 0)
		return -1;
	o.whole = g->files.whole;
	o.prev = g->files.before;
	g->audit = audit_new(&o);
	if (trace_files_read(&g->files, prove_line, g, err) != 0)
		return -1;
	n = audit_counts(g->audit)->differences;
	if (n > 0 && !g->o.partial)
		return err_set(err, ERR_IO,
		    "the trace files are not whole (%llu differences, above); "
		    "nothing was changed. --partial books every line that can "
		    "be read",
		    (unsigned long long)n);
	return 0;
}

/* ---- what to build on --------------------------------------------------- */

static int
newest_first(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*b)->d_name, (*a)->d_name);
}

static bool
has_file(const char *dir, const char *name)
{
	char *path = path_join(dir, name);
	bool found = access(path, R_OK) == 0;

	free(path);
	return found;
}

/* The newest snapshot with this file; on the heap, NULL none. */
static char *
find_snapshot(const struct recovery *g, const char *file)
{
	char *parent = path_join(g->o.state_dir, RECOVERY_SNAPSHOTS);
	struct dirent **names = NULL;
	int n = scandir(parent, &names, NULL, newest_first);
	char *found = NULL;

	for (int i = 0; i < n; i++) {
		char *dir = path_join(parent, names[i]->d_name);

		if (found == NULL && names[i]->d_name[0] != '.' &&
		    has_file(dir, file))
			found = xstrdup(dir);
		free(dir);
		free(names[i]);
	}
	free(names);
	free(parent);
	return found;
}

/* Lines from the very first one need no snapshot. */
static int
choose_base(struct recovery *g, struct err *err)
{
	if (g->o.from != NULL) {
		if (!has_file(g->o.from, DATA))
			return err_set(err, ERR_IO, "%s: no snapshot there",
			    g->o.from);
		g->result.snapshot = xstrdup(g->o.from);
	} else if (!g->files.whole) {
		g->result.snapshot = find_snapshot(g, DATA);
		if (g->result.snapshot == NULL && !g->o.partial)
			return err_set(err, ERR_IO,
			    "the first trace files are gone and there is no "
			    "snapshot: give one with --from, or begin with "
			    "the lines there are with --partial");
	}
	return 0;
}

/* ---- files -------------------------------------------------------------- */

static int
copy_file(const char *from, const char *to, struct err *err)
{
	int in = open(from, O_RDONLY | O_CLOEXEC), out = -1, rc = -1;
	char *block = xmalloc(1024 * 1024);
	ssize_t n = 0;

	if (in >= 0)
		out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (out >= 0) {
		while ((n = read(in, block, 1024 * 1024)) > 0) {
			if (fd_write_all(out, block, (size_t)n) != 0) {
				n = -1;
				break;
			}
		}
		if (n == 0 && fsync(out) == 0)
			rc = 0;
	}
	if (rc != 0)
		err_set_errno(err, ERR_IO, "%s to %s", from, to);
	fd_close(&in);
	fd_close(&out);
	free(block);
	return rc;
}

/* A store's folder: two folders of two files. */
void
recovery_remove_store(const char *dir)
{
	static const char *const files[] = { "live/data.mdb", "live/lock.mdb",
		"live/mark", "accounts/data.mdb", "accounts/lock.mdb",
		"open.lock" };

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		char *path = path_join(dir, files[i]);

		unlink(path);
		free(path);
	}
	for (int i = 0; i < 2; i++) {
		char *path = path_join(dir, i == 0 ? "live" : "accounts");

		rmdir(path);
		free(path);
	}
	rmdir(dir);
}

static int
sync_dir(const char *dir, struct err *err)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = fd < 0 || fsync(fd) != 0
		     ? err_set_errno(err, ERR_IO, "%s", dir)
		     : 0;

	fd_close(&fd);
	return rc;
}

/* ---- building ----------------------------------------------------------- */

static int
make_work(struct recovery *g, struct err *err)
{
	char *live = path_join(g->work, "live");
	int rc;

	recovery_remove_store(g->work);
	rc = dir_make(live, 0700, err);
	if (rc == 0 && g->result.snapshot != NULL) {
		char *from = path_join(g->result.snapshot, DATA);
		char *to = path_join(g->work, DATA);

		rc = copy_file(from, to, err);
		free(from);
		free(to);
	}
	free(live);
	return rc;
}

static int
book_line(void *arg, const char *file, uint64_t number, struct str text)
{
	struct recovery *g = arg;
	struct err err;

	note_progress(g);
	if (rebuild_line(g->rebuild, text, &err) == 0)
		return 0;
	/* Proven before, or --partial. */
	if (g->o.partial &&
	    (err.code == ERR_BAD_JSON || err.code == ERR_BAD_REQUEST))
		return 0;
	err_prefix(&err, "%s:%llu", file, (unsigned long long)number);
	g->err = err;
	return -1;
}

static int
build(struct recovery *g, struct err *err)
{
	struct store_options options = { .dir = g->work };
	struct store *s = NULL;
	int rc;

	if (make_work(g, err) != 0 || store_open(&options, &s, err) != 0)
		return -1;
	rc = rebuild_begin(s, g->o.now_nsecs, &g->rebuild, err);
	if (rc == 0) {
		g->err.text[0] = '\0';
		rc = trace_files_read(&g->files, book_line, g, err);
		if (rc != 0 && g->err.text[0] != '\0')
			*err = g->err;
	}
	if (rc == 0)
		rc = rebuild_finish(g->rebuild, &g->result.counts, err);
	rebuild_free(&g->rebuild);
	store_close(&s);
	if (rc == 0 && g->result.counts.gaps > 0 && !g->o.partial)
		rc = err_set(err, ERR_IO,
		    "records between the snapshot %s and the first line are "
		    "gone (%llu gaps); nothing was changed. --partial goes on "
		    "without them",
		    g->result.snapshot != NULL ? g->result.snapshot : "(none)",
		    (unsigned long long)g->result.counts.gaps);
	return rc;
}

/* Folders, in one step where the file system can. */
static int
change_places(const char *made, const char *live, const char *kept)
{
	if (renameat2(AT_FDCWD, made, AT_FDCWD, live, RENAME_EXCHANGE) == 0)
		return rename(made, kept);
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	return rename(live, kept) == 0 ? rename(made, live) : -1;
}

static int
put_in_place(struct recovery *g, struct err *err)
{
	char *live = path_join(g->o.store_dir, "live");
	char *made = path_join(g->work, "live");
	int rc;

	if (access(live, F_OK) == 0) {
		g->result.kept = xasprintf("%s.lost-%lld", live,
		    (long long)(g->o.now_nsecs / 1000));
		rc = change_places(made, live, g->result.kept);
	} else {
		rc = rename(made, live);
	}
	if (rc != 0)
		err_set_errno(err, ERR_IO, "%s", live);
	else
		rc = sync_dir(g->o.store_dir, err);
	free(live);
	free(made);
	return rc;
}

/* A lost accounts/ comes from the snapshot live/ was built on, else from the
   newest that has one; else it begins empty, as it was made beside live/. */
static int
replace_accounts(struct recovery *g, struct err *err)
{
	char *dir = path_join(g->o.store_dir, "accounts");
	char *to = path_join(dir, "data.mdb"), *from = NULL;
	int rc = 0;

	if (access(to, F_OK) == 0)
		goto out;
	g->result.accounts = RECOVERY_ACCOUNTS_EMPTY;
	if (g->result.snapshot != NULL && has_file(g->result.snapshot, BOOK))
		g->result.accounts_from = xstrdup(g->result.snapshot);
	else
		g->result.accounts_from = find_snapshot(g, BOOK);
	if (g->result.accounts_from != NULL) {
		g->result.accounts = RECOVERY_ACCOUNTS_COPIED;
		from = path_join(g->result.accounts_from, BOOK);
	} else {
		from = path_join(g->work, BOOK);
	}
	rc = dir_make(dir, 0700, err);
	if (rc == 0)
		rc = copy_file(from, to, err);
	free(from);
out:
	free(to);
	free(dir);
	return rc;
}

static int
run(struct recovery *g, struct err *err)
{
	int rc;

	if (prove_lines(g, err) != 0 || choose_base(g, err) != 0)
		return -1;
	rc = build(g, err);
	if (rc == 0)
		rc = replace_accounts(g, err);
	if (rc == 0)
		rc = put_in_place(g, err);
	recovery_remove_store(g->work);
	return rc;
}

int
recovery_run(const struct recovery_options *options,
    struct recovery_result *result_r, struct err *err)
{
	struct recovery g = { .o = *options };
	int rc = dir_make(g.o.store_dir, 0700, err);

	g.work = path_join(g.o.store_dir, "new");
	if (rc == 0)
		rc = run(&g, err);
	g.result.torn_bytes = g.files.torn_bytes;
	audit_free(&g.audit);
	trace_files_close(&g.files);
	free(g.work);
	if (rc == 0)
		*result_r = g.result;
	else
		recovery_result_free(&g.result);
	return rc;
}

char *
recovery_snapshot_dir(const char *state_dir, int64_t now_nsecs,
    const char *suffix, struct err *err)
{
	char *parent = path_join(state_dir, RECOVERY_SNAPSHOTS);
	char when[CLOCK_RFC3339_BYTES], name[CLOCK_RFC3339_BYTES];
	char *dir = NULL;
	size_t n = 0;

	clock_rfc3339(now_nsecs, when);
	for (const char *p = when; *p != '\0' && *p != '.'; p++) {
		if (*p != '-' && *p != ':')
			name[n++] = *p;
	}
	name[n++] = 'Z';
	name[n] = '\0';
	if (dir_make(parent, 0700, err) == 0)
		dir = xasprintf("%s/%s%s", parent, name, suffix);
	free(parent);
	return dir;
}

/* ---- who is concerned ---------------------------------------------------- */

bool
recovery_is_due(const char *store_dir, const char *trace_path)
{
	struct trace_files files = { .count = 0 };
	char *live = path_join(store_dir, DATA);
	bool due = access(live, F_OK) != 0;

	if (due) {
		/* What cannot be read may have lines. */
		due = trace_files_open(trace_path, NULL, 0, &files, NULL) != 0;
		for (size_t i = 0; i < files.count; i++)
			due = due || files.parts[i].size > 0;
		/* Another one may have made it meanwhile, and its lines. */
		due = due && access(live, F_OK) != 0;
		trace_files_close(&files);
	}
	free(live);
	return due;
}

int
recovery_check_owners(const char *store_dir, struct err *err)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char *path = path_join(store_dir, "owners.lock");
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = 0;

	if (fd >= 0 && fcntl(fd, F_OFD_GETLK, &lock) == 0 &&
	    lock.l_type != F_UNLCK)
		rc = err_set(err, ERR_IO,
		    "a process of the gateway is still at work on %s: wait "
		    "for it or stop it",
		    store_dir);
	fd_close(&fd);
	free(path);
	return rc;
}

void
recovery_result_free(struct recovery_result *r)
{
	free(r->snapshot);
	free(r->accounts_from);
	free(r->kept);
	memset(r, 0, sizeof(*r));
}
