/*
 * The keeper's own snapshots. See snapshots.h.
 *
 * Made under a hidden name and renamed when it is whole, so that a recovery
 * never finds half of one. Fails by logging, and tries again later.
 */
#include "keeper/snapshots.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "station/recovery.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX      "-auto"
#define KEPT        2
#define RETRY_NSECS (60 * NSECS_PER_SEC)

struct snapshots {
	struct snapshots_options o;
	char *parent, *work;
	ino_t inode;         /* of the trace file when we last looked */
	int64_t rotated;     /* times since the last snapshot */
	int64_t retry_nsecs; /* mono: not before, after a failure */
};

/* True when lines are gone from PATH, rotated at least. */
static bool
was_rotated(const char *path)
{
	static const char *const suffixes[] = { "1", "checkpoint" };
	bool found = false;

	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
		char *other = xasprintf("%s.%s", path, suffixes[i]);

		found = found || access(other, F_OK) == 0;
		free(other);
	}
	return found;
}

/* So many rotations after the last one another is due. */
static int64_t
interval(const struct snapshots *s)
{
	return s->o.keep / 4 > 1 ? s->o.keep / 4 : 1;
}

struct snapshots *
snapshots_new(const struct snapshots_options *options)
{
	struct snapshots *s = xcalloc(1, sizeof(*s));

	s->o = *options;
	s->parent = path_join(options->state_dir, RECOVERY_SNAPSHOTS);
	s->work = path_join(s->parent, ".auto");
	/* Nobody knows what happened since the last one. */
	if (was_rotated(options->trace_path))
		s->rotated = interval(s);
	return s;
}

void
snapshots_free(struct snapshots **sp)
{
	struct snapshots *s = *sp;

	if (s == NULL)
		return;
	free(s->parent);
	free(s->work);
	free(s);
	*sp = NULL;
}

/* ---- taking ------------------------------------------------------------- */

static int
is_ours(const struct dirent *entry)
{
	return entry->d_name[0] != '.' &&
	       str_ends(str_of(entry->d_name), SUFFIX);
}

static int
newest_first(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*b)->d_name, (*a)->d_name);
}

static void
prune(const struct snapshots *s)
{
	struct dirent **names = NULL;
	int n = scandir(s->parent, &names, is_ours, newest_first);

	for (int i = 0; i < n; i++) {
		char *dir = path_join(s->parent, names[i]->d_name);

		if (i >= KEPT)
			recovery_remove_store(dir);
		free(dir);
		free(names[i]);
	}
	free(names);
}

/* 1 taken, 0 not in this second (there is one), -1 failed. */
static int
take(struct snapshots *s, struct err *err)
{
	char *dir = recovery_snapshot_dir(s->o.state_dir, clock_wall_nsecs(),
	    SUFFIX, err);
	int rc = -1;

	if (dir != NULL && access(dir, F_OK) == 0) {
		rc = 0;
	} else if (dir != NULL) {
		recovery_remove_store(s->work);
		rc = store_snapshot(s->o.store, s->work, err);
		if (rc == 0 && rename(s->work, dir) != 0)
			rc = err_set_errno(err, ERR_IO, "%s", dir);
		if (rc == 0)
			rc = 1;
	}
	free(dir);
	return rc;
}

void
snapshots_tick(struct snapshots *s)
{
	struct stat st;
	struct err err;
	int rc;

	if (stat(s->o.trace_path, &st) == 0) {
		/* The first look may come after the first rotation. */
		if (s->inode == 0)
			s->rotated +=
			    s->rotated == 0 && was_rotated(s->o.trace_path);
		else
			s->rotated += st.st_ino != s->inode;
		s->inode = st.st_ino;
	}
	if (s->rotated < interval(s) || clock_mono_nsecs() < s->retry_nsecs)
		return;
	rc = take(s, &err);
	if (rc < 0) {
		/* On a full disk half a copy would make it worse. */
		recovery_remove_store(s->work);
		log_error("snapshot: %s", err.text);
		s->retry_nsecs = clock_mono_nsecs() + RETRY_NSECS;
	} else if (rc == 1) {
		s->rotated = 0;
		prune(s);
	}
}
