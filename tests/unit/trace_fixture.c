/* A trace file in a scratch folder. See trace_fixture.h. */
#include "trace_fixture.h"

#include "base/fd.h"
#include "base/jsonx.h"
#include "scratch.h"

#include <fcntl.h>
#include <openssl/sha.h>

/* ---- the file ----------------------------------------------------------- */

void
fx_open(struct fixture *f)
{
	struct err err;
	int rc = trace_file_open(&f->options, &f->file, &err);

	if (rc < 0)
		fail_msg("%s", err.text);
	assert_int_equal(rc, 1);
}

int
fx_setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->dir = scratch_make();
	f->path = path_join(f->dir, "traces.jsonl");
	f->options.path = f->path;
	f->options.keep = 3;
	fx_open(f);
	*state = f;
	return 0;
}

int
fx_setup_rotating(void **state)
{
	struct fixture *f;

	fx_setup(state);
	f = *state;
	trace_file_close(&f->file);
	f->options.rotate_bytes = 1000;
	fx_open(f);
	return 0;
}

int
fx_teardown(void **state)
{
	struct fixture *f = *state;

	trace_file_close(&f->file);
	scratch_remove(f->dir);
	free(f->path);
	free(f);
	return 0;
}

int
fx_add(struct fixture *f, uint64_t owner, uint64_t seq, const char *payload)
{
	struct err err = { 0 };
	int rc = trace_file_add(f->file, owner, seq, str_of(payload), &err);

	if (rc < 0)
		assert_int_not_equal(err.code, ERR_NONE);
	return rc;
}

void
fx_flush(struct fixture *f)
{
	struct err err;

	if (trace_file_flush(f->file, &err) != 0)
		fail_msg("%s", err.text);
}

void
fx_save(struct fixture *f)
{
	struct err err;

	if (trace_file_save(f->file, &err) != 0)
		fail_msg("%s", err.text);
}

void
fx_rotate(struct fixture *f)
{
	struct err err;

	if (trace_file_rotate(f->file, &err) != 0)
		fail_msg("%s", err.text);
}

/* Lines first to last of an owner, each flushed, each with its number. */
void
fx_put(struct fixture *f, uint64_t owner, uint64_t first, uint64_t last)
{
	for (uint64_t seq = first; seq <= last; seq++) {
		char text[64];

		snprintf(text, sizeof(text), "{\"run_id\":\"%llu-%llu\"}",
		    (unsigned long long)owner, (unsigned long long)seq);
		assert_int_equal(fx_add(f, owner, seq, text), 1);
		fx_flush(f);
	}
}

/*
 * The process dies here: nothing is saved at the end. The state file is put
 * back as it was, since closing would save it.
 */
void
fx_crash(struct fixture *f)
{
	char *state = xasprintf("%s.state", f->path);
	struct buf before;
	bool there;

	buf_init(&before, 1 << 20);
	there = file_read(state, &before, NULL) == 0;
	trace_file_close(&f->file);
	unlink(state);
	if (there)
		assert_int_equal(file_write(state, buf_str(&before), NULL), 0);
	buf_fini(&before);
	free(state);
}

void
fx_crash_and_open(struct fixture *f)
{
	fx_crash(f);
	fx_open(f);
}

char *
fx_beside(const struct fixture *f, const char *suffix)
{
	return xasprintf("%s%s", f->path, suffix);
}

void
fx_remove(const struct fixture *f, const char *suffix)
{
	char *path = fx_beside(f, suffix);

	assert_int_equal(unlink(path), 0);
	free(path);
}

bool
fx_is_there(const struct fixture *f, const char *suffix)
{
	char *path = fx_beside(f, suffix);
	bool there = access(path, F_OK) == 0;

	free(path);
	return there;
}

void
fx_move(const struct fixture *f, const char *from, const char *to)
{
	char *a = fx_beside(f, from), *b = fx_beside(f, to);

	assert_int_equal(rename(a, b), 0);
	free(a);
	free(b);
}

void
fx_append(const struct fixture *f, const char *suffix, const char *bytes,
    size_t n)
{
	char *path = fx_beside(f, suffix);
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n), (ssize_t)n);
	close(fd);
	free(path);
}

/* ---- reading back ------------------------------------------------------- */

/* All that the files hold, eldest first: PATH.9 ... PATH.1, PATH. */
struct buf
fx_read_chain(const struct fixture *f)
{
	struct buf all, one;

	buf_init(&all, 16 << 20);
	buf_init(&one, 16 << 20);
	for (int i = 9; i >= 0; i--) {
		char suffix[8] = "";
		char *path;

		if (i > 0)
			snprintf(suffix, sizeof(suffix), ".%d", i);
		path = fx_beside(f, suffix);
		buf_clear(&one);
		if (file_read(path, &one, NULL) == 0)
			buf_add_str(&all, buf_str(&one));
		free(path);
	}
	buf_fini(&one);
	return all;
}

void
fx_sha256(struct str data, char out[65])
{
	unsigned char sum[SHA256_DIGEST_LENGTH];

	SHA256((const unsigned char *)data.p, data.n, sum);
	for (size_t i = 0; i < sizeof(sum); i++)
		snprintf(out + 2 * i, 3, "%02x", sum[i]);
}

/* One line against the hash of the one before; leaves its own in prev. */
static void
check_line(struct str line, char prev[65])
{
	ptrdiff_t at = str_find(line, ",\"hash\":\"");
	json_t *json = jsonx_parse(line, NULL);
	char hash[65];

	assert_non_null(json);
	assert_true(at > 0);
	assert_str(jsonx_str(json, "prev"), prev);
	fx_sha256(str_make(line.p, (size_t)at), hash);
	assert_str(jsonx_str(json, "hash"), hash);
	memcpy(prev, hash, 65);
	json_decref(json);
}

/* Every line is JSON, its hash is right, no sequence stands there twice. */
struct counts
fx_check(const struct fixture *f, bool chain_whole)
{
	struct buf all = fx_read_chain(f);
	struct str rest = buf_str(&all);
	struct counts c = { 0 };
	char prev[65] = "";

	while (rest.n > 0) {
		struct str line = str_cut(&rest, '\n');
		json_t *json = jsonx_parse(line, NULL);
		struct str named = jsonx_str(json, "prev");
		int64_t owner = 0, seq = 0;
		uint64_t *last;

		assert_int_equal(jsonx_int(json, "owner", &owner), 1);
		assert_int_equal(jsonx_int(json, "seq", &seq), 1);
		last = owner == A ? &c.last_a : &c.last_b;
		assert_true((uint64_t)seq > *last);
		*last = (uint64_t)seq;
		if (!str_is(named, prev)) {
			c.breaks++;
			snprintf(prev, sizeof(prev), STR_FMT, STR_ARG(named));
		}
		check_line(line, prev);
		json_decref(json);
		c.lines++;
	}
	if (chain_whole)
		assert_int_equal(c.breaks, 0);
	buf_fini(&all);
	return c;
}
