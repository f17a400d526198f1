/*
 * The configuration files as one sealed piece. See bundle.h. Owns the texts
 * and wipes them when it goes: they may hold keys. Knows nothing of what the
 * files mean but `include`. Fails with ERR_CONFIG (or ERR_IO for the memfd)
 * and file:line.
 *
 * The memfd: "TGBUNDL2", the number of files, then for each its kind and
 * two lengths (uint32, host order: both ends are one machine) and the bytes of
 * its path and text. It is read with pread(), because the children that inherit
 * it share one file offset.
 */
#include "config/bundle.h"

#include "base/fd.h"
#include "config/config_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define PATH_BYTES 4096

static const char magic[8] = "TGBUNDL2";
static const int seals =
    F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

void
bundle_free(struct bundle **bp)
{
	struct bundle *b = *bp;

	if (b == NULL)
		return;
	for (size_t i = 0; i < b->count; i++) {
		struct bundle_file *f = &b->files[i];

		free(f->path);
		if (f->text != NULL)
			explicit_bzero(f->text, f->len);
		free(f->text);
	}
	free(b);
	*bp = NULL;
}

/* ---- reading files ------------------------------------------------------ */

static int
add_file(struct bundle *b, const char *path, struct err *err)
{
	struct bundle_file *f;
	struct buf text;

	if (strlen(path) >= PATH_BYTES)
		return err_set(err, ERR_CONFIG, "%.80s...: path too long",
		    path);
	if (b->count == BUNDLE_MAX_FILES)
		return err_set(err, ERR_CONFIG, "more than %d files",
		    BUNDLE_MAX_FILES);
	buf_init(&text, BUNDLE_FILE_BYTES);
	if (file_read(path, &text, err) != 0) {
		buf_fini(&text);
		err->code = ERR_CONFIG;
		return -1;
	}
	f = &b->files[b->count++];
	f->path = xstrdup(path);
	f->text = buf_take(&text, &f->len);
	return 0;
}

static int
add_include(struct bundle *b, const struct node *n, struct err *err)
{
	const char *main_path = b->files[0].path, *name = n->text.p;
	char *path;
	int rc;

	if (n->kind != NODE_SCALAR || n->text.n == 0)
		return err_set(err, ERR_CONFIG,
		    "%s:%d: include[%zu]: must be the path of a file, not %s",
		    main_path, n->line, n->index, node_kind_text(n));
	if (str_starts(n->text, "os.environ/")) {
		name = getenv(n->text.p + strlen("os.environ/"));
		if (name == NULL || *name == '\0')
			return err_set(err, ERR_CONFIG,
			    "%s:%d: include[%zu]: %s is not set", main_path,
			    n->line, n->index,
			    n->text.p + strlen("os.environ/"));
	}
	path = path_beside(main_path, name);
	rc = add_file(b, path, err);
	free(path);
	if (rc != 0)
		err_prefix(err, "%s:%d: include[%zu]", main_path, n->line,
		    n->index);
	return rc;
}

static int
add_includes(struct bundle *b, const struct node *list, struct err *err)
{
	if (list->kind == NODE_NULL)
		return 0;
	if (list->kind != NODE_LIST)
		return err_set(err, ERR_CONFIG,
		    "%s:%d: include: must be a list of files, not %s",
		    b->files[0].path, list->line, node_kind_text(list));
	for (const struct node *n = list->first; n != NULL; n = n->next) {
		if (add_include(b, n, err) != 0)
			return -1;
	}
	return 0;
}

/* A main file that is no YAML has no includes: config_parse() will say what
   is wrong with it. */
static int
read_includes(struct bundle *b, struct err *err)
{
	struct config_report report;
	struct node *include;
	struct tree tree;
	int rc = 0;

	config_report_init(&report);
	tree_init(&tree);
	tree.root = config_yaml_parse(&tree, b->files[0].path,
	    str_make(b->files[0].text, b->files[0].len), &report);
	include = node_find(tree.root, "include");
	if (include != NULL)
		rc = add_includes(b, include, err);
	tree_fini(&tree);
	config_report_fini(&report);
	return rc;
}

/* ---- AWS's files ---------------------------------------------------------
 */

static bool
asks_for_aws(const struct bundle *b)
{
	for (size_t i = 0; i < b->count; i++) {
		if (str_find(str_make(b->files[i].text, b->files[i].len),
			"bedrock") >= 0)
			return true;
	}
	return false;
}

/* One that cannot be read is one that is not there: the entries that need it
   say so. */
static void
add_aws_file(struct bundle *b, enum bundle_kind kind, const char *variable,
    const char *name)
{
	const char *given = getenv(variable), *home = getenv("HOME");
	struct err ignored;
	char *path;

	if (given != NULL && *given != '\0')
		path = xstrdup(given);
	else if (home != NULL && *home == '/')
		path = path_join(home, name);
	else
		return;
	if (add_file(b, path, &ignored) == 0)
		b->files[b->count - 1].kind = kind;
	free(path);
}

int
bundle_read(const char *path, struct bundle **b_r, struct err *err)
{
	struct bundle *b = xcalloc(1, sizeof(*b));
	struct err own;

	if (add_file(b, path, &own) != 0 || read_includes(b, &own) != 0) {
		bundle_free(&b);
		return err_set(err, own.code, "%s", own.text);
	}
	if (asks_for_aws(b)) {
		add_aws_file(b, BUNDLE_AWS_CREDENTIALS,
		    "AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials");
		add_aws_file(b, BUNDLE_AWS_CONFIG, "AWS_CONFIG_FILE",
		    ".aws/config");
	}
	*b_r = b;
	return 0;
}

/* ---- to and from a memfd ------------------------------------------------ */

static int
write_bundle(int fd, const struct bundle *b)
{
	uint32_t count = (uint32_t)b->count;

	if (fd_write_all(fd, magic, sizeof(magic)) != 0 ||
	    fd_write_all(fd, &count, sizeof(count)) != 0)
		return -1;
	for (size_t i = 0; i < b->count; i++) {
		const struct bundle_file *f = &b->files[i];
		uint32_t lens[3] = { (uint32_t)strlen(f->path),
			(uint32_t)f->len, (uint32_t)f->kind };

		if (fd_write_all(fd, lens, sizeof(lens)) != 0 ||
		    fd_write_all(fd, f->path, lens[0]) != 0 ||
		    fd_write_all(fd, f->text, lens[1]) != 0)
			return -1;
	}
	return 0;
}

int
bundle_to_fd(const struct bundle *b, struct err *err)
{
	int fd =
	    memfd_create("tallygate-config", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return err_set_errno(err, ERR_IO, "memfd_create");
	if (write_bundle(fd, b) != 0 || fcntl(fd, F_ADD_SEALS, seals) != 0) {
		err_set_errno(err, ERR_IO, "memfd of the configuration");
		close(fd);
		return -1;
	}
	return fd;
}

/* n bytes at *at, which moves on. */
static int
read_at(int fd, off_t *at, void *out, size_t n)
{
	char *p = out;

	while (n > 0) {
		ssize_t got = pread(fd, p, n, *at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return -1;
		p += got;
		n -= (size_t)got;
		*at += got;
	}
	return 0;
}

static char *
read_text(int fd, off_t *at, size_t n)
{
	char *text = xmalloc(n + 1);

	if (read_at(fd, at, text, n) != 0) {
		free(text);
		return NULL;
	}
	text[n] = '\0';
	return text;
}

static int
read_file(int fd, off_t *at, struct bundle *b)
{
	struct bundle_file *f = &b->files[b->count];
	uint32_t lens[3];

	if (read_at(fd, at, lens, sizeof(lens)) != 0 || lens[0] == 0 ||
	    lens[0] >= PATH_BYTES || lens[1] > BUNDLE_FILE_BYTES ||
	    lens[2] > BUNDLE_AWS_CONFIG)
		return -1;
	f->path = read_text(fd, at, lens[0]);
	if (f->path == NULL)
		return -1;
	f->text = read_text(fd, at, lens[1]);
	f->len = f->text == NULL ? 0 : lens[1];
	f->kind = (enum bundle_kind)lens[2];
	b->count++; /* bundle_free takes care of what is there */
	return f->text == NULL ? -1 : 0;
}

int
bundle_from_fd(int fd, struct bundle **b_r, struct err *err)
{
	struct bundle *b;
	char head[sizeof(magic)];
	uint32_t count;
	off_t at = 0;
	int have = fcntl(fd, F_GET_SEALS);

	if (have < 0 || (have & seals) != seals)
		return err_set(err, ERR_IO, "fd %d is no sealed configuration",
		    fd);
	if (read_at(fd, &at, head, sizeof(head)) != 0 ||
	    memcmp(head, magic, sizeof(head)) != 0 ||
	    read_at(fd, &at, &count, sizeof(count)) != 0 || count == 0 ||
	    count > BUNDLE_MAX_FILES)
		return err_set(err, ERR_IO, "fd %d: no configuration in it",
		    fd);
	b = xcalloc(1, sizeof(*b));
	for (uint32_t i = 0; i < count; i++) {
		if (read_file(fd, &at, b) != 0) {
			bundle_free(&b);
			return err_set(err, ERR_IO,
			    "fd %d: the configuration is cut off", fd);
		}
	}
	*b_r = b;
	return 0;
}
