/*
 * The configuration files as text: the main file and what it includes, read
 * once by the supervisor and handed to every child of a generation, so that
 * no two of them can see different files. Also used by tallyctl and --check.
 */
#ifndef CONFIG_BUNDLE_H
#define CONFIG_BUNDLE_H

#include "base/err.h"
#include "base/str.h"

#define BUNDLE_FILE_BYTES (1024 * 1024) /* largest single file */
#define BUNDLE_MAX_FILES  64

enum bundle_kind {
	BUNDLE_YAML,
	/* AWS's own (aws_profile.h), where one of the others says "bedrock". */
	BUNDLE_AWS_CREDENTIALS,
	BUNDLE_AWS_CONFIG,
};

struct bundle_file {
	enum bundle_kind kind;
	char *path; /* as written in messages */
	char *text;
	size_t len;
};

struct bundle {
	size_t count;
	struct bundle_file files[BUNDLE_MAX_FILES]; /* [0] is the main file */
};

/*
 * Reads the main file, looks for `include:` in it and reads those (relative
 * to the main file's folder; one level, as LiteLLM). ERR_CONFIG with
 * file:line when a file is missing, too large or `include` is no list. AWS's
 * files may be missing.
 */
int bundle_read(const char *path, struct bundle **b_r,
    struct err *err) MUST_CHECK;
void bundle_free(struct bundle **b);
/* A sealed memfd with the bundle in it, or -1. The caller closes it. */
int bundle_to_fd(const struct bundle *b, struct err *err) MUST_CHECK;
int bundle_from_fd(int fd, struct bundle **b_r, struct err *err) MUST_CHECK;

#endif
