/* Rotated files. See rotation.h. Owns nothing; errors are ERR_IO. */
#include "logger/rotation.h"

#include "base/fd.h"
#include "base/num.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

char *
rotation_path(const char *path, int64_t number)
{
	if (number == 0)
		return xstrdup(path);
	return xasprintf("%s.%lld", path, (long long)number);
}

static bool
is_there(const char *path, int64_t number)
{
	char *name = rotation_path(path, number);
	struct stat st;
	bool there = lstat(name, &st) == 0;

	free(name);
	return there;
}

static int
move_up(const char *path, int64_t number, struct err *err)
{
	char *from = rotation_path(path, number);
	char *to = rotation_path(path, number + 1);
	int rc = 0;

	if (rename(from, to) != 0 && errno != ENOENT)
		rc = err_set_errno(err, ERR_IO, "rename %s", from);
	free(from);
	free(to);
	return rc;
}

static int
drop(const char *path, int64_t number, struct err *err)
{
	char *name = rotation_path(path, number);
	int rc = 0;

	if (unlink(name) != 0 && errno != ENOENT)
		rc = err_set_errno(err, ERR_IO, "remove %s", name);
	free(name);
	return rc;
}

int
rotation_shift(const char *path, int64_t keep, struct err *err)
{
	int64_t room = 1;

	/* The first free place: after a failure half way there is one, and
	   nothing has to go. */
	while (room <= keep && is_there(path, room))
		room++;
	if (room > keep) {
		room = keep;
		if (drop(path, keep, err) != 0)
			return -1;
	}
	while (room > 0) {
		room--;
		if (move_up(path, room, err) != 0)
			return -1;
	}
	return 0;
}

/* The folder of a path and the last part of it. */
static DIR *
open_folder(const char *path, const char **name_r)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash == NULL   ? xstrdup(".")
		       : slash == path ? xstrdup("/")
				       : xstrndup(path, (size_t)(slash - path));
	DIR *d = opendir(folder);

	*name_r = slash == NULL ? path : slash + 1;
	free(folder);
	return d;
}

int
rotation_find(const char *path, bool (*is_it)(int fd, const void *arg),
    const void *arg, int64_t *number_r)
{
	const struct dirent *entry;
	const char *name;
	DIR *d = open_folder(path, &name);
	size_t n = strlen(name);
	int found = -1;

	*number_r = 0;
	while (d != NULL && found < 0 && (entry = readdir(d)) != NULL) {
		const char *other = entry->d_name;
		int fd;

		if (strncmp(other, name, n) != 0 || other[n] == '\0')
			continue;
		fd = openat(dirfd(d), other,
		    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
		if (fd < 0)
			continue;
		if (!is_it(fd, arg)) {
			close(fd);
			continue;
		}
		found = fd;
		if (other[n] != '.' ||
		    num_int64(str_of(other + n + 1), number_r) != 0 ||
		    *number_r < 0)
			*number_r = 0;
	}
	if (d != NULL)
		closedir(d);
	return found;
}

int64_t
rotation_eldest(const char *path, int64_t most)
{
	while (most > 0 && !is_there(path, most))
		most--;
	return most;
}

int
rotation_sync(const char *path, struct err *err)
{
	const char *name;
	DIR *d = open_folder(path, &name);
	int rc = d == NULL ? -1 : fsync(dirfd(d));

	if (rc != 0)
		err_set_errno(err, ERR_IO, "%s: its folder", path);
	if (d != NULL)
		closedir(d);
	return rc;
}
