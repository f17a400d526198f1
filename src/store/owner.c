/*
 * Owners: numbers, rows and liveness locks. See owner.h.
 *
 * Owns the file owners.lock in the store's folder. It holds no bytes: the
 * lock of owner N is on the byte at offset N (offsets past the end may be
 * locked). Open-file-description locks are used because closing any other
 * descriptor of the file must not drop them, as POSIX locks would.
 *
 * A fork shares the description and so the lock; the descriptor is
 * close-on-exec, so that no other program can keep a dead owner alive.
 */
#include "store/owner.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/num.h"
#include "store/key.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* Numbers whose byte a stranger has locked (the store was thrown away under
   a living gateway): so many are passed over. */
#define TAKEN_MAX 64

static const char last_owner_row[] = "last_owner";

static struct flock
lock_at(uint64_t id, short type)
{
	struct flock lock = {
		.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = (off_t)(id & INT64_MAX),
		.l_len = 1,
	};

	return lock;
}

static struct str
owner_key(struct key *k, uint64_t id)
{
	key_init(k);
	key_u64(k, id);
	return key_str(k);
}

static int
put_row(struct store_txn *t, uint64_t id, const struct owner_row *row)
{
	struct key k;

	return store_put(t, STORE_OWNERS, owner_key(&k, id),
	    str_make((const char *)row, sizeof(*row)));
}

/* Raises *id_r above every number in OWNERS. */
static int
above_rows(struct store_txn *t, uint64_t *id_r)
{
	struct store_cursor *c;
	struct str key, value;
	uint64_t id;
	int rc;

	c = store_cursor_open(t, STORE_OWNERS, str_of(""));
	if (c == NULL)
		return -1;
	while ((rc = store_cursor_next(c, &key, &value)) == 1)
		if (key_take_u64(&key, &id) == 0 && id >= *id_r)
			*id_r = id + 1;
	store_cursor_close(&c);
	return rc;
}

/* Raises *id_r above the last number given out, also if its row is gone. */
static int
above_last(struct store_txn *t, uint64_t *id_r)
{
	struct str value;
	int64_t last;
	int rc = store_get(t, STORE_LIVEMETA, str_of(last_owner_row), &value);

	if (rc <= 0)
		return rc;
	if (num_int64(value, &last) != 0 || last < 0)
		return store_fail(t, ERR_STORE,
		    "livemeta: row %s is not a number", last_owner_row);
	if ((uint64_t)last >= *id_r)
		*id_r = (uint64_t)last + 1;
	return 0;
}

/* Locks a free number from *id_r on. Does not wait. */
static int
lock_number(int fd, uint64_t *id_r, struct err *err)
{
	uint64_t id = *id_r;

	for (int i = 0; i < TAKEN_MAX; i++, id++) {
		struct flock lock = lock_at(id, F_WRLCK);

		if (fcntl(fd, F_OFD_SETLK, &lock) == 0) {
			*id_r = id;
			return 0;
		}
		if (errno != EAGAIN && errno != EACCES)
			break;
	}
	return err_set_errno(err, ERR_STORE, "owners.lock: cannot lock");
}

/*
 * The number, its lock and its row, in one transaction: nobody can see the
 * row without the lock. The lock call does not wait, so it may stand inside.
 */
static int
claim(struct store_txn *t, struct owner *o, struct err *err)
{
	char text[NUM_TEXT_BYTES];
	uint64_t id = (uint64_t)(o->row.started_nsecs / 1000);

	if (above_rows(t, &id) != 0 || above_last(t, &id) != 0)
		goto failed;
	if (lock_number(o->lock_fd, &id, err) != 0)
		return -1;
	o->id = id;
	if (put_row(t, id, &o->row) != 0 ||
	    store_put(t, STORE_LIVEMETA, str_of(last_owner_row),
		str_make(text, num_format_uint(id, text))) != 0)
		goto failed;
	return 0;
failed:
	store_failed(t, err);
	return -1;
}

int
owner_register(struct store *s, const char *store_dir,
    const struct owner_row *row, struct owner *o_r, struct err *err)
{
	struct owner o = { .row = *row };
	char *path = path_join(store_dir, "owners.lock");
	struct store_txn *t;
	int rc;

	o.row.started_nsecs = clock_wall_nsecs();
	o.lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (o.lock_fd < 0)
		err_set_errno(err, ERR_STORE, "%s", path);
	free(path);
	if (o.lock_fd < 0)
		return -1;
	rc = store_write(s, STORE_LIVE, &t, err);
	if (rc == 0) {
		rc = claim(t, &o, err);
		if (rc == 0)
			rc = store_commit(&t, err);
		else
			store_abort(&t);
	}
	if (rc != 0) {
		fd_close(&o.lock_fd);
		return err_prefix(err, "owner");
	}
	*o_r = o;
	return 0;
}

void
owner_release(struct owner *o)
{
	fd_close(&o->lock_fd);
}

int
owner_alive(const char *store_dir, uint64_t id, struct err *err)
{
	struct flock lock = lock_at(id, F_WRLCK);
	char *path = path_join(store_dir, "owners.lock");
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int rc;

	if (fd < 0 && errno == ENOENT)
		rc = 0; /* nobody ever locked anything here */
	else if (fd < 0 || fcntl(fd, F_OFD_GETLK, &lock) != 0)
		rc = err_set_errno(err, ERR_STORE, "%s", path);
	else
		rc = lock.l_type != F_UNLCK;
	fd_close(&fd);
	free(path);
	return rc;
}

struct store_cursor *
owner_cursor(struct store_txn *t, uint64_t from)
{
	struct key k;

	return store_cursor_open(t, STORE_OWNERS, owner_key(&k, from));
}

int
owner_next(struct store_cursor *c, uint64_t *id_r, struct owner_row *row_r)
{
	struct str key, value;
	int rc;

	while ((rc = store_cursor_next(c, &key, &value)) == 1) {
		if (key_take_u64(&key, id_r) != 0 || value.n != sizeof(*row_r))
			continue;
		memcpy(row_r, value.p, sizeof(*row_r));
		break;
	}
	return rc;
}

/*
 * The row counts, not the copy in memory: a transaction that was rolled back
 * gave its numbers back with it, and the logger accepts no gap.
 */
int
owner_next_seq(struct store_txn *t, struct owner *o, uint64_t *seq_r)
{
	struct owner_row row;
	struct str value;
	struct key k;
	int rc = store_get(t, STORE_OWNERS, owner_key(&k, o->id), &value);

	if (rc < 0)
		return -1;
	if (rc == 0 || value.n != sizeof(row))
		return store_fail(t, ERR_STORE, "owner %llu: its row is %s",
		    (unsigned long long)o->id, rc == 0 ? "gone" : "damaged");
	memcpy(&row, value.p, sizeof(row));
	row.last_seq++;
	if (put_row(t, o->id, &row) != 0)
		return -1;
	o->row.last_seq = row.last_seq;
	*seq_r = row.last_seq;
	return 0;
}
