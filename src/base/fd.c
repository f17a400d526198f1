/* File descriptors and small files. See fd.h. */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

void
fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int
fd_set_nonblock(int fd, struct err *err)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return err_set_errno(err, ERR_IO, "fd %d: O_NONBLOCK", fd);
	return 0;
}

int
fd_set_cloexec(int fd, bool on, struct err *err)
{
	if (fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0) < 0)
		return err_set_errno(err, ERR_IO, "fd %d: FD_CLOEXEC", fd);
	return 0;
}

int64_t
fd_limit_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return INT64_MAX;
	if (limit.rlim_cur != limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &limit) != 0 &&
		    getrlimit(RLIMIT_NOFILE, &limit) != 0)
			return INT64_MAX;
	}
	return limit.rlim_cur >= INT64_MAX ? INT64_MAX
					   : (int64_t)limit.rlim_cur;
}

int
fd_write_all(int fd, const void *data, size_t n)
{
	const char *p = data;

	while (n > 0) {
		ssize_t did = write(fd, p, n);

		if (did < 0) {
			if (errno == EINTR)
				continue;
			return -1;
		}
		p += did;
		n -= (size_t)did;
	}
	return 0;
}

int
fd_read_all(int fd, struct buf *b, struct err *err)
{
	char block[16384];

	for (;;) {
		ssize_t got = read(fd, block, sizeof(block));

		if (got == 0)
			return 0;
		if (got < 0) {
			if (errno == EINTR)
				continue;
			return err_set_errno(err, ERR_IO, "read");
		}
		if (buf_add(b, block, (size_t)got) != 0)
			return err_set(err, ERR_IO,
			    "larger than the limit of %zu bytes", b->max);
	}
}

int
file_read(const char *path, struct buf *b, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc;

	if (fd < 0)
		return err_set_errno(err, ERR_IO, "%s", path);
	rc = fd_read_all(fd, b, err);
	close(fd);
	return rc == 0 ? 0 : err_prefix(err, "%s", path);
}

static int
write_beside(const char *tmp, struct str data, struct err *err)
{
	int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_set_errno(err, ERR_IO, "%s", tmp);
	if (fd_write_all(fd, data.p, data.n) != 0 || fsync(fd) != 0) {
		err_set_errno(err, ERR_IO, "%s", tmp);
		close(fd);
		unlink(tmp);
		return -1;
	}
	close(fd);
	return 0;
}

int
file_write(const char *path, struct str data, struct err *err)
{
	char *tmp = xasprintf("%s.new.%ld", path, (long)getpid());
	int rc = write_beside(tmp, data, err);

	if (rc == 0 && rename(tmp, path) != 0) {
		rc = err_set_errno(err, ERR_IO, "%s", path);
		unlink(tmp);
	}
	free(tmp);
	return rc;
}

int
dir_make(const char *path, int mode, struct err *err)
{
	char *copy = xstrdup(path);
	struct stat st;
	int rc = 0;

	for (char *p = copy + 1;; p++) {
		char c = *p;

		if (c != '/' && c != '\0')
			continue;
		*p = '\0';
		if (mkdir(copy, (mode_t)mode) != 0 && errno != EEXIST) {
			rc = err_set_errno(err, ERR_IO, "%s", copy);
			break;
		}
		*p = c;
		if (c == '\0')
			break;
	}
	if (rc == 0 && (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)))
		rc = err_set(err, ERR_IO, "%s: not a directory", path);
	free(copy);
	return rc;
}

char *
path_join(const char *dir, const char *name)
{
	return xasprintf("%s/%s", dir, name);
}

char *
path_beside(const char *file, const char *name)
{
	const char *slash = strrchr(file, '/');

	if (name[0] == '/' || slash == NULL)
		return xstrdup(name);
	return xasprintf("%.*s%s", (int)(slash - file) + 1, file, name);
}

char *
path_of_program(void)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	return n <= 0 ? NULL : xstrndup(path, (size_t)n);
}
