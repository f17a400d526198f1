/*
 * The mark beside live/. See store_trust.h.
 *
 * open.lock: byte 0 is locked while somebody opens or closes (LMDB calls both
 * racy), byte 1 is shared by all who have the store open. Open-file-description
 * locks: the kernel drops them when their process dies.
 */
#include "store/store_trust.h"

#include "base/buf.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define MARK_MAX_BYTES 128
#define BOOT_ID_FILE   "/proc/sys/kernel/random/boot_id"

static const char clean[] = "clean";

enum lock_byte {
	BYTE_OPENING,
	BYTE_USERS
};

static int
lock_byte(const struct store *s, enum lock_byte byte, short type, bool wait)
{
	struct flock lock = {
		.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = byte,
		.l_len = 1,
	};
	int rc;

	do
		rc =
		    fcntl(s->lock_fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, &lock);
	while (rc != 0 && errno == EINTR);
	return rc;
}

int
store_trust_lock(struct store *s, const char *dir, struct err *err)
{
	char *path = path_join(dir, "open.lock");
	int rc = 0;

	s->lock_fd =
	    open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->lock_fd < 0 || lock_byte(s, BYTE_OPENING, F_WRLCK, true) != 0)
		rc = err_set_errno(err, ERR_STORE, "%s", path);
	free(path);
	return rc;
}

bool
store_trust_relock(struct store *s)
{
	return lock_byte(s, BYTE_OPENING, F_WRLCK, true) == 0;
}

void
store_trust_unlock(struct store *s)
{
	(void)!lock_byte(s, BYTE_OPENING, F_UNLCK, false);
}

/* ---- the mark ------------------------------------------------------------ */

static char *
mark_path(const struct store *s)
{
	return path_join(s->envs[STORE_LIVE].dir, "mark");
}

/* "boot ID" of this boot; "" where the kernel does not tell. */
static void
this_boot(struct buf *b)
{
	const char *id = getenv("TALLYGATE_TEST_BOOT_ID");

	buf_init(b, MARK_MAX_BYTES);
	if (id != NULL) {
		buf_add_cstr(b, id);
	} else if (file_read(BOOT_ID_FILE, b, NULL) != 0) {
		buf_clear(b);
	}
	while (b->len > 0 && b->data[b->len - 1] == '\n')
		b->len--;
}

/* 1 it says so, 0 it says something else, -1 there is none. */
static int
mark_says(const struct store *s, struct str word)
{
	char *path = mark_path(s);
	struct buf b;
	int rc = -1;

	buf_init(&b, MARK_MAX_BYTES);
	if (file_read(path, &b, NULL) == 0)
		rc = str_eq(str_trim(buf_str(&b)), word);
	else if (access(path, F_OK) == 0)
		rc = 0;
	buf_fini(&b);
	free(path);
	return rc;
}

static int
write_mark(const struct store *s, struct str word, struct err *err)
{
	char *path = mark_path(s);
	int rc = file_write(path, word, err);

	free(path);
	return rc == 0 ? store_sync_path(s->envs[STORE_LIVE].dir, err) : -1;
}

int
store_trust_check(const struct store *s, struct err *err)
{
	const struct store_environment *e = &s->envs[STORE_LIVE];
	struct buf boot;
	int rc;

	this_boot(&boot);
	rc = boot.len == 0 || mark_says(s, str_of(clean)) != 0 ||
	     mark_says(s, buf_str(&boot)) != 0;
	buf_fini(&boot);
	if (rc)
		return 0;
	return err_set(err, ERR_STORE_LOST,
	    "%s: the host went down while it was in use: it is not to be "
	    "trusted until it is built anew from the trace files (a start of "
	    "the gateway does that, or tallyctl recover)",
	    e->dir);
}

int
store_trust_enter(struct store *s, struct err *err)
{
	struct buf boot;
	int rc = 0;

	this_boot(&boot);
	if (boot.len > 0 && mark_says(s, buf_str(&boot)) != 1)
		rc = write_mark(s, buf_str(&boot), err);
	buf_fini(&boot);
	if (rc == 0 && lock_byte(s, BYTE_USERS, F_RDLCK, true) != 0)
		rc = err_set_errno(err, ERR_STORE, "open.lock");
	s->marked = rc == 0;
	return rc;
}

void
store_trust_leave(struct store *s)
{
	if (!s->marked || s->envs[STORE_LIVE].mdb == NULL)
		return;
	if (lock_byte(s, BYTE_USERS, F_WRLCK, false) == 0 &&
	    store_sync(s, NULL) == 0)
		(void)!write_mark(s, str_of(clean), NULL);
}
