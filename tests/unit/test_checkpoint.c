/* Checkpoints of the trace chain: signed, read back, and what is not believed.
 */
#include "scratch.h"
#include "unit.h"

#include "base/clock.h"
#include "base/fd.h"
#include "ipc/checkpoint.h"

#include <sys/stat.h>

#define HASH  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER "ffff456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define UNTIL (INT64_C(1795346290) * NSECS_PER_SEC)

struct place {
	char *dir, *path;
};

static int
setup(void **state)
{
	struct place *p = xcalloc(1, sizeof(*p));
	struct err err;

	p->dir = scratch_make();
	p->path = path_join(p->dir, "traces.jsonl");
	assert_int_equal(checkpoint_prepare(p->path, &err), 0);
	assert_int_equal(checkpoint_save(p->path, HASH, UNTIL, &err), 0);
	*state = p;
	return 0;
}

static int
teardown(void **state)
{
	struct place *p = *state;

	scratch_remove(p->dir);
	free(p->path);
	free(p);
	return 0;
}

static char *
beside(const struct place *p, const char *suffix)
{
	return xasprintf("%s.%s", p->path, suffix);
}

static enum checkpoint_trust
trust(const struct place *p, const char *hash, const char *public_path)
{
	struct checkpoint c;

	checkpoint_load(p->path, hash, public_path, &c);
	return c.trust;
}

/* Puts other bytes in the place of some in PATH.suffix. */
static void
change(const struct place *p, const char *suffix, const char *from,
    const char *to)
{
	char *name = beside(p, suffix);
	struct buf text;
	ptrdiff_t at;

	buf_init(&text, 4096);
	assert_int_equal(file_read(name, &text, NULL), 0);
	at = str_find(buf_str(&text), from);
	assert_true(at >= 0);
	memcpy(text.data + at, to, strlen(to));
	assert_int_equal(file_write(name, buf_str(&text), NULL), 0);
	buf_fini(&text);
	free(name);
}

static void
test_it_is_read_back(void **state)
{
	const struct place *p = *state;
	struct checkpoint c;
	struct err err;

	checkpoint_load(p->path, HASH, NULL, &c);
	assert_int_equal(c.trust, CHECKPOINT_SIGNED);
	assert_true(c.until_nsecs == UNTIL);
	assert_int_equal(strlen(c.key), SIGN_KEY_HEX_BYTES - 1);
	/* The same key afterwards. */
	assert_int_equal(checkpoint_prepare(p->path, &err), 0);
	assert_int_equal(trust(p, HASH, NULL), CHECKPOINT_SIGNED);
	/* It is about other files. */
	assert_int_equal(trust(p, OTHER, NULL), CHECKPOINT_ABSENT);
}

static void
test_changes_show(void **state)
{
	const struct place *p = *state;

	change(p, "checkpoint", "2026-11", "2025-11");
	assert_int_equal(trust(p, HASH, NULL), CHECKPOINT_FORGED);
	change(p, "checkpoint", "2025-11", "2026-11");
	assert_int_equal(trust(p, HASH, NULL), CHECKPOINT_SIGNED);
	change(p, "checkpoint", HASH, OTHER);
	assert_int_equal(trust(p, OTHER, NULL), CHECKPOINT_FORGED);
	change(p, "checkpoint", OTHER, HASH);
	change(p, "checkpoint", "signature", "_ignature");
	assert_int_equal(trust(p, HASH, NULL), CHECKPOINT_UNSIGNED);
}

static void
test_the_auditors_own_key_counts(void **state)
{
	const struct place *p = *state;
	char *copy = beside(p, "copy"), *pub = beside(p, "pub");
	struct buf text;
	struct err err;

	buf_init(&text, 4096);
	assert_int_equal(file_read(pub, &text, NULL), 0);
	assert_int_equal(file_write(copy, buf_str(&text), NULL), 0);
	assert_int_equal(trust(p, HASH, copy), CHECKPOINT_SIGNED);
	/* Somebody makes a new pair and signs with it. */
	unlink(pub);
	free(pub);
	pub = beside(p, "key");
	unlink(pub);
	assert_int_equal(checkpoint_prepare(p->path, &err), 0);
	assert_int_equal(checkpoint_save(p->path, HASH, UNTIL, &err), 0);
	assert_int_equal(trust(p, HASH, NULL), CHECKPOINT_SIGNED);
	assert_int_equal(trust(p, HASH, copy), CHECKPOINT_FORGED);
	buf_fini(&text);
	free(copy);
	free(pub);
}

static void
test_the_private_key_is_the_owners(void **state)
{
	const struct place *p = *state;
	char *key = beside(p, "key");
	struct stat st;
	struct err err;

	assert_int_equal(stat(key, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(file_write(key, str_of("no key\n"), NULL), 0);
	assert_int_equal(checkpoint_save(p->path, HASH, UNTIL, &err), -1);
	assert_int_equal(err.code, ERR_CONFIG);
	assert_non_null(strstr(err.text, "is no signing key"));
	free(key);
}

#define PLACE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		PLACE_TEST(test_it_is_read_back),
		PLACE_TEST(test_changes_show),
		PLACE_TEST(test_the_auditors_own_key_counts),
		PLACE_TEST(test_the_private_key_is_the_owners),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
