/*
 * tallyctl recover: store/live built anew from the trace files, on nothing or
 * on a snapshot (domain/rebuild.h has the rules, docs/audit.md the words).
 *
 * Order: nobody may run; the lines are proven first and nothing is touched
 * when they are broken; the new live/ is made beside the old one and takes its
 * place by two renames; the old one is kept under another name. Killed at any
 * moment it can simply be run again.
 */
#include "base/clock.h"
#include "base/fd.h"
#include "ctl/ctl.h"
#include "ctl/trace_files.h"
#include "domain/audit.h"
#include "domain/rebuild.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_SHOWN 20
#define DATA      "live/data.mdb"

struct recovery {
	struct ctl *ctl;
	const char *from; /* --from */
	bool partial;     /* --partial */
	int lock_fd;      /* keeps a gateway from starting */
	char *trace_path;
	char *snapshot; /* chosen; NULL: from nothing */
	char *work;     /* STATE/store/new */
	char *kept;     /* where the old live/ went; NULL: there was none */
	struct trace_files files;
	struct audit *audit;
	struct rebuild *rebuild;
	struct rebuild_counts counts;
	uint64_t shown;
	struct err err;
};

/* ---- nobody may run ----------------------------------------------------- */

/* Any worker, logger or keeper alive, also one whose supervisor is gone. */
static int
check_owners(const struct recovery *g, struct err *err)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char *path = path_join(g->ctl->store_dir, "owners.lock");
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = 0;

	if (fd >= 0 && fcntl(fd, F_OFD_GETLK, &lock) == 0 &&
	    lock.l_type != F_UNLCK)
		rc = err_set(err, ERR_IO,
		    "a process of the gateway is still at work on %s: wait "
		    "for it or stop it",
		    g->ctl->state_dir);
	fd_close(&fd);
	free(path);
	return rc;
}

static int
lock_gateway(struct recovery *g, struct err *err)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char *run = path_join(g->ctl->state_dir, "run");
	char *path = path_join(run, "supervisor.lock");
	int rc = dir_make(run, 0700, err);

	if (rc == 0) {
		g->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		if (g->lock_fd < 0)
			rc = err_set_errno(err, ERR_IO, "%s", path);
		else if (fcntl(g->lock_fd, F_OFD_SETLK, &whole) != 0)
			rc = err_set(err, ERR_IO,
			    "a gateway runs on %s: stop it first",
			    g->ctl->state_dir);
	}
	free(path);
	free(run);
	return rc == 0 ? check_owners(g, err) : -1;
}

/* ---- the lines ---------------------------------------------------------- */

static void
show_difference(void *arg, const struct audit_difference *d)
{
	struct recovery *g = arg;

	if (g->shown++ < MAX_SHOWN)
		ctl_complain("%s %s: %s, should be %s",
		    audit_kind_name(d->kind), d->where, d->found, d->right);
}

static int
prove_line(void *arg, const char *file, uint64_t number, struct str text)
{
	struct recovery *g = arg;

	audit_line(g->audit, file, number, text);
	return 0;
}

static int
prove_lines(struct recovery *g, struct err *err)
{
	struct audit_options o = { .differs = show_difference, .arg = g };
	uint64_t n;

	if (trace_files_open(g->trace_path, 0, &g->files, err) != 0)
		return -1;
	o.whole = g->files.whole;
	o.prev = g->files.before;
	g->audit = audit_new(&o);
	if (trace_files_read(&g->files, prove_line, g, err) != 0)
		return -1;
	n = audit_counts(g->audit)->differences;
	if (n > 0 && !g->partial)
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

static void
find_snapshot(struct recovery *g)
{
	char *parent = path_join(g->ctl->state_dir, CTL_SNAPSHOTS);
	struct dirent **names = NULL;
	int n = scandir(parent, &names, NULL, newest_first);

	for (int i = 0; i < n; i++) {
		char *dir = path_join(parent, names[i]->d_name);

		if (g->snapshot == NULL && names[i]->d_name[0] != '.' &&
		    has_file(dir, DATA))
			g->snapshot = xstrdup(dir);
		free(dir);
		free(names[i]);
	}
	free(names);
	free(parent);
}

/* Lines from the very first one need no snapshot. */
static int
choose_base(struct recovery *g, struct err *err)
{
	if (g->from != NULL) {
		if (!has_file(g->from, DATA))
			return err_set(err, ERR_IO, "%s: no snapshot there",
			    g->from);
		g->snapshot = xstrdup(g->from);
	} else if (!g->files.whole) {
		find_snapshot(g);
		if (g->snapshot == NULL && !g->partial)
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
static void
remove_store(const char *dir)
{
	static const char *const files[] = { "live/data.mdb", "live/lock.mdb",
		"accounts/data.mdb", "accounts/lock.mdb" };

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

	remove_store(g->work);
	rc = dir_make(live, 0700, err);
	if (rc == 0 && g->snapshot != NULL) {
		char *from = path_join(g->snapshot, DATA);
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

	if (rebuild_line(g->rebuild, text, &err) == 0)
		return 0;
	/* Proven before, or --partial. */
	if (g->partial &&
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
	rc = rebuild_begin(s, g->ctl->now_nsecs, &g->rebuild, err);
	if (rc == 0) {
		g->err.text[0] = '\0';
		rc = trace_files_read(&g->files, book_line, g, err);
		if (rc != 0 && g->err.text[0] != '\0')
			*err = g->err;
	}
	if (rc == 0)
		rc = rebuild_finish(g->rebuild, &g->counts, err);
	rebuild_free(&g->rebuild);
	store_close(&s);
	if (rc == 0 && g->counts.gaps > 0 && !g->partial)
		rc = err_set(err, ERR_IO,
		    "records between the snapshot %s and the first line are "
		    "gone (%llu gaps); nothing was changed. --partial goes on "
		    "without them",
		    g->snapshot != NULL ? g->snapshot : "(none)",
		    (unsigned long long)g->counts.gaps);
	return rc;
}

/* A lost accounts/ comes from the snapshot too. */
static int
replace_accounts(struct recovery *g, struct err *err)
{
	char *dir = path_join(g->ctl->store_dir, "accounts");
	char *to = path_join(dir, "data.mdb");
	int rc = 0;

	if (g->snapshot != NULL && access(to, F_OK) != 0) {
		char *from = path_join(g->snapshot, "accounts/data.mdb");

		rc = dir_make(dir, 0700, err);
		if (rc == 0)
			rc = copy_file(from, to, err);
		free(from);
	}
	free(to);
	free(dir);
	return rc;
}

static int
put_in_place(struct recovery *g, struct err *err)
{
	char *live = path_join(g->ctl->store_dir, "live");
	char *made = path_join(g->work, "live");
	int rc = 0;

	g->kept = xasprintf("%s.lost-%lld", live,
	    (long long)(g->ctl->now_nsecs / 1000));
	if (rename(live, g->kept) != 0) {
		if (errno != ENOENT)
			rc = err_set_errno(err, ERR_IO, "%s", live);
		free(g->kept);
		g->kept = NULL;
	}
	if (rc == 0 && rename(made, live) != 0)
		rc = err_set_errno(err, ERR_IO, "%s", made);
	if (rc == 0)
		rc = sync_dir(g->ctl->store_dir, err);
	remove_store(g->work);
	free(live);
	free(made);
	return rc;
}

static int
recover(struct recovery *g, struct err *err)
{
	if (dir_make(g->ctl->store_dir, 0700, err) != 0 ||
	    lock_gateway(g, err) != 0 || prove_lines(g, err) != 0 ||
	    choose_base(g, err) != 0)
		return -1;
	if (build(g, err) != 0) {
		remove_store(g->work);
		return -1;
	}
	return replace_accounts(g, err) == 0 ? put_in_place(g, err) : -1;
}

/* ---- the command -------------------------------------------------------- */

static void
print_result(const struct recovery *g)
{
	const struct rebuild_counts *n = &g->counts;
	char usd[MONEY_TEXT_BYTES];

	money_format(n->cost_nanos, usd);
	printf("built on  %s\n",
	    g->snapshot != NULL ? g->snapshot : "nothing: the lines are whole");
	printf("booked    %llu lines, %s USD", (unsigned long long)n->booked,
	    usd);
	if (n->known > 0)
		printf(" (%llu were in the snapshot)",
		    (unsigned long long)n->known);
	printf("\n");
	if (n->released + n->holds > 0)
		printf("holds     %llu of the snapshot had ended, %llu are "
		       "left "
		       "to the keeper\n",
		    (unsigned long long)n->released,
		    (unsigned long long)n->holds);
	if (g->files.torn_bytes > 0)
		printf("left out  %lld bytes of an unfinished line\n",
		    (long long)g->files.torn_bytes);
	if (g->kept != NULL)
		printf("kept      %s (remove it when all is well)\n", g->kept);
	printf("recovered; 'tallyctl --state %s audit' proves it\n",
	    g->ctl->state_dir);
}

static void
print_json(const struct recovery *g)
{
	struct buf b;
	struct jsonw w;

	buf_init(&b, 64 * 1024);
	jsonw_init(&w, &b);
	jsonw_open(&w, '{');
	jsonw_key(&w, "snapshot");
	jsonw_cstr(&w, g->snapshot);
	jsonw_key(&w, "booked");
	jsonw_int(&w, (int64_t)g->counts.booked);
	jsonw_key(&w, "known");
	jsonw_int(&w, (int64_t)g->counts.known);
	jsonw_key(&w, "cost_usd");
	jsonw_decimal(&w, g->counts.cost_nanos, 9);
	jsonw_key(&w, "holds_released");
	jsonw_int(&w, (int64_t)g->counts.released);
	jsonw_key(&w, "holds_left");
	jsonw_int(&w, (int64_t)g->counts.holds);
	jsonw_key(&w, "kept");
	jsonw_cstr(&w, g->kept);
	jsonw_close(&w, '}');
	printf("%s\n", buf_cstr(&b));
	buf_fini(&b);
}

static int
take_arguments(struct recovery *g, int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--partial") == 0)
			g->partial = true;
		else if (strcmp(argv[i], "--from") == 0 && i + 1 < argc)
			g->from = argv[++i];
		else
			return ctl_bad_argument(argv[i],
			    ctl_find_command(cmd_recover));
	}
	return CTL_OK;
}

int
cmd_recover(struct ctl *c, int argc, char **argv)
{
	struct recovery g = { .ctl = c, .lock_fd = -1 };
	struct stat st;
	struct err err;
	int rc = take_arguments(&g, argc, argv);

	if (rc != CTL_OK)
		return rc;
	/* A mistyped directory must not become a state directory. */
	if (stat(c->state_dir, &st) != 0) {
		ctl_complain("no state directory at %s (choose it with --state "
			     "DIR, or --config FILE of the gateway)",
		    c->state_dir);
		return CTL_USAGE;
	}
	g.trace_path = ctl_trace_path(c);
	g.work = path_join(c->store_dir, "new");
	if (recover(&g, &err) != 0) {
		ctl_complain("%s", err.text);
		rc = CTL_FAILED;
	} else if (c->json) {
		print_json(&g);
	} else {
		print_result(&g);
	}
	audit_free(&g.audit);
	trace_files_close(&g.files);
	fd_close(&g.lock_fd);
	free(g.trace_path);
	free(g.snapshot);
	free(g.work);
	free(g.kept);
	return rc;
}
