/*
 * AWS's own files: ~/.aws/credentials and ~/.aws/config (or what
 * AWS_SHARED_CREDENTIALS_FILE and AWS_CONFIG_FILE name), as its tools read
 * them: sections in brackets, "key = value", "#" and ";" begin a comment, lines
 * that begin with a blank belong to the setting above and are passed over.
 * A profile NAME is [NAME] in the first and [profile NAME] in the second, but
 * for [default].
 */
#ifndef CONFIG_AWS_PROFILE_H
#define CONFIG_AWS_PROFILE_H

#include "base/str.h"

struct aws_files {
	struct str credentials, config; /* their texts; "" not there */
};

/* 1 the profile is in one of the files, 0 it is not. */
int aws_profile_exists(const struct aws_files *files, const char *profile);
/* A setting of it, the credentials file first; "" none. Points into the
   texts. */
struct str aws_profile_get(const struct aws_files *files, const char *profile,
    const char *key);

#endif
