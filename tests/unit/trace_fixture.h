/*
 * A trace file in a scratch folder, and what a test needs to end it in every
 * way. What is on file is read back without the code under test: lines by
 * hand, hashes by OpenSSL.
 */
#ifndef TESTS_UNIT_TRACE_FIXTURE_H
#define TESTS_UNIT_TRACE_FIXTURE_H

#include "unit.h"

#include "base/buf.h"
#include "logger/trace_file.h"

/* Two owners. */
#define A 1001u
#define B 2002u

struct fixture {
	char *dir, *path;
	struct trace_file_options options;
	struct trace_file *file;
};

int fx_setup(void **state);
int fx_setup_rotating(void **state); /* at 1,000 bytes */
int fx_teardown(void **state);
void fx_open(struct fixture *f);
/* The process dies: the state file stays as it was. */
void fx_crash(struct fixture *f);
void fx_crash_and_open(struct fixture *f);

/* trace_file_add; what is refused says why. */
int fx_add(struct fixture *f, uint64_t owner, uint64_t seq,
    const char *payload);
void fx_flush(struct fixture *f);
void fx_save(struct fixture *f);
void fx_rotate(struct fixture *f);
/* Lines first to last of an owner, each flushed. */
void fx_put(struct fixture *f, uint64_t owner, uint64_t first, uint64_t last);

/* Files called like the trace file with a suffix: "", ".1", ".state". */
char *fx_beside(const struct fixture *f, const char *suffix); /* heap */
void fx_remove(const struct fixture *f, const char *suffix);
bool fx_is_there(const struct fixture *f, const char *suffix);
void fx_move(const struct fixture *f, const char *from, const char *to);
void fx_append(const struct fixture *f, const char *suffix, const char *bytes,
    size_t n);

/* All files of the chain in one, eldest first; the caller frees it. */
struct buf fx_read_chain(const struct fixture *f);
void fx_sha256(struct str data, char out[65]);

struct counts {
	size_t lines;
	uint64_t last_a, last_b; /* highest sequences */
	int breaks;              /* of the chain */
};
/* Every line is JSON, its hash is right, each owner's sequences rise. */
struct counts fx_check(const struct fixture *f, bool chain_whole);

#define TRACE_TEST(t) cmocka_unit_test_setup_teardown(t, fx_setup, fx_teardown)
#define TRACE_TEST_ROTATING(t)                                                 \
	cmocka_unit_test_setup_teardown(t, fx_setup_rotating, fx_teardown)

#endif
