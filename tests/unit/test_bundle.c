/* The files as one piece: reading, include, the sealed memfd. */
#include "config_unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* A folder for one test's files. */
static char dir[] = "/tmp/tallygate-bundle-XXXXXX";

static char *
put(const char *name, const char *text)
{
	char *path = path_join(dir, name);
	struct err err;

	assert_int_equal(file_write(path, str_of(text), &err), 0);
	return path;
}

static void
expect_fault(const char *text, const char *part)
{
	char *path = put("main.yaml", text);
	struct bundle *b = NULL;
	struct err err;

	assert_int_equal(bundle_read(path, &b, &err), -1);
	assert_null(b);
	assert_int_equal(err.code, ERR_CONFIG);
	if (strstr(err.text, part) == NULL)
		print_error("%s\n", err.text);
	assert_non_null(strstr(err.text, part));
	free(path);
}

static void
test_includes_are_read_beside_the_main_file(void **state)
{
	char *main_path, *one, *two;
	struct bundle *b;
	struct err err;

	(void)state;
	one = put("one.yaml", "a: 1\n");
	two = put("two.yaml", "include: [three.yaml]\n");
	setenv("TG_TWO", two, 1); /* an absolute path */
	main_path =
	    put("main.yaml", "include:\n  - one.yaml\n  - os.environ/TG_TWO\n");
	assert_int_equal(bundle_read(main_path, &b, &err), 0);
	assert_int_equal(b->count, 3);
	assert_string_equal(b->files[0].path, main_path);
	assert_string_equal(b->files[1].path, one);
	assert_string_equal(b->files[1].text, "a: 1\n");
	assert_int_equal(b->files[1].len, 5);
	assert_string_equal(b->files[2].path, two);
	bundle_free(&b);
	assert_null(b);
	unsetenv("TG_TWO");
	free(main_path);
	free(one);
	free(two);
}

static void
test_faults_of_include_name_file_and_line(void **state)
{
	(void)state;
	expect_fault("a: 1\ninclude: x.yaml\n",
	    "main.yaml:2: include: must be a list of files");
	expect_fault("include:\n  - nowhere.yaml\n",
	    "main.yaml:2: include[0]: ");
	expect_fault("include:\n  - nowhere.yaml\n", "No such file");
	expect_fault("include: [[a]]\n", "include[0]: must be the path");
	expect_fault("include: [~]\n", "include[0]: must be the path");
	expect_fault("include: [os.environ/TG_NO_SUCH]\n",
	    "include[0]: TG_NO_SUCH is not set");
	expect_fault("include: [/]\n", "include[0]: ");
}

static void
test_too_many_or_too_large_files_are_refused(void **state)
{
	struct bundle *b = NULL;
	char *path, *big;
	struct err err;
	struct buf text;

	(void)state;
	buf_init(&text, 4 * 1024 * 1024);
	buf_add_cstr(&text, "include: [");
	for (int i = 0; i < BUNDLE_MAX_FILES; i++)
		buf_add_cstr(&text, "one.yaml,");
	buf_add_cstr(&text, "]\n");
	path = put("one.yaml", "a: 1\n");
	expect_fault(buf_cstr(&text), "more than 64 files");
	buf_clear(&text);
	while (text.len <= BUNDLE_FILE_BYTES)
		buf_add_cstr(&text, "# a line that says nothing at all\n");
	big = put("big.yaml", buf_cstr(&text));
	assert_int_equal(bundle_read(big, &b, &err), -1);
	assert_non_null(strstr(err.text, "big.yaml"));
	assert_non_null(strstr(err.text, "1048576"));
	assert_int_equal(bundle_read("/nowhere/at/all", &b, &err), -1);
	assert_int_equal(err.code, ERR_CONFIG);
	buf_fini(&text);
	free(path);
	free(big);
}

static void
test_a_file_that_is_no_yaml_is_still_handed_on(void **state)
{
	char *path = put("main.yaml", "a: [\n");
	struct config_report r;
	struct config *c = NULL;
	struct bundle *b;
	struct err err;

	(void)state;
	assert_int_equal(bundle_read(path, &b, &err), 0);
	assert_int_equal(b->count, 1);
	bundle_free(&b);
	/* And config_load says what is wrong with it, once. */
	config_report_init(&r);
	assert_int_equal(config_load(path, &c, &r, &err), -1);
	assert_int_equal(err.code, ERR_CONFIG);
	assert_int_equal(r.count, 1);
	assert_non_null(strstr(err.text, "main.yaml:2: not valid YAML"));
	config_report_fini(&r);
	free(path);
}

static struct bundle *
two_files(void)
{
	struct bundle *b = bundle_of("a.yaml", str_make("x: 1\0\n", 6));

	b->files[1].path = xstrdup("dir/b.yaml");
	b->files[1].text = xstrdup("");
	b->count = 2;
	return b;
}

static void
test_a_memfd_gives_back_the_same_files_to_every_reader(void **state)
{
	struct bundle *b = two_files(), *copy;
	struct err err;
	int fd, other;

	(void)state;
	fd = bundle_to_fd(b, &err);
	assert_true(fd >= 0);
	/* Children share the offset of what they inherit. */
	other = dup(fd);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(bundle_from_fd(i % 2 ? other : fd, &copy,
				     &err),
		    0);
		assert_int_equal(copy->count, 2);
		assert_string_equal(copy->files[0].path, "a.yaml");
		assert_int_equal(copy->files[0].len, 6);
		assert_memory_equal(copy->files[0].text, "x: 1\0\n", 7);
		assert_string_equal(copy->files[1].path, "dir/b.yaml");
		assert_int_equal(copy->files[1].len, 0);
		bundle_free(&copy);
	}
	close(other);
	close(fd);
	bundle_free(&b);
}

static void
test_a_memfd_cannot_be_changed(void **state)
{
	struct bundle *b = two_files();
	struct err err;
	int fd;

	(void)state;
	fd = bundle_to_fd(b, &err);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "x", 1, 0), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(ftruncate(fd, 1 << 20), -1);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	close(fd);
	bundle_free(&b);
}

/* A sealed memfd with these bytes. */
static int
sealed(const void *bytes, size_t n)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, bytes, n), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS,
			     F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW |
				 F_SEAL_WRITE),
	    0);
	return fd;
}

static void
test_what_is_no_bundle_is_refused(void **state)
{
	/* One file, path of 1, text of 4 but only 2 there. */
	static const struct {
		char bytes[40];
		size_t n;
	} rows[] = {
		{ "", 0 },
		{ "TGBUNDLE", 8 },
		{ "TGBUNDLX\1\0\0\0", 12 },
		{ "TGBUNDLE\0\0\0\0", 12 },
		{ "TGBUNDLE\377\0\0\0", 12 },
		{ "TGBUNDLE\1\0\0\0\1\0\0\0\4\0\0\0pxy", 23 },
		{ "TGBUNDLE\1\0\0\0\0\0\0\0\1\0\0\0x", 21 },
		{ "TGBUNDLE\1\0\0\0\1\0\0\0\377\377\377\377px", 22 },
		{ "TGBUNDLE\2\0\0\0\1\0\0\0\1\0\0\0px", 22 },
	};
	struct bundle *b = NULL;
	struct err err;
	int fd;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		fd = sealed(rows[i].bytes, rows[i].n);
		assert_int_equal(bundle_from_fd(fd, &b, &err), -1);
		assert_null(b);
		close(fd);
	}
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(bundle_from_fd(fd, &b, &err), -1);
	close(fd);
	assert_int_equal(bundle_from_fd(-1, &b, &err), -1);
}

static int
make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) == NULL ? -1 : 0;
}

static int
remove_dir(void **state)
{
	static const char *const names[] = { "main.yaml", "one.yaml",
		"two.yaml", "big.yaml" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char *path = path_join(dir, names[i]);

		unlink(path);
		free(path);
	}
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_includes_are_read_beside_the_main_file),
		cmocka_unit_test(test_faults_of_include_name_file_and_line),
		cmocka_unit_test(test_too_many_or_too_large_files_are_refused),
		cmocka_unit_test(
		    test_a_file_that_is_no_yaml_is_still_handed_on),
		cmocka_unit_test(
		    test_a_memfd_gives_back_the_same_files_to_every_reader),
		cmocka_unit_test(test_a_memfd_cannot_be_changed),
		cmocka_unit_test(test_what_is_no_bundle_is_refused),
	};

	env_clear();
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
