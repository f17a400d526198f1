/*
 * What is said to those who give out keys that expire (config/config_login.h),
 * and what they answer. No I/O: exchange/logins.c asks and tells.
 *
 *   LOGIN_KEYS          STS AssumeRole, signed with the keys
 *   LOGIN_WEB_IDENTITY  STS AssumeRoleWithWebIdentity, unsigned
 *   LOGIN_CONTAINER     GET of the container's address
 *   LOGIN_INSTANCE      the metadata service: a token, the role's name, keys
 *   (a role behind the last two: AssumeRole, signed with what they gave)
 *   LOGIN_AZURE         Entra's client credentials grant
 *
 * Sources: AWS STS API reference (query protocol, version 2011-06-15), the
 * documents on container credentials and instance metadata (IMDSv2); the OAuth
 * 2.0 client credentials flow of the Microsoft identity platform.
 */
#ifndef WIRE_LOGIN_H
#define WIRE_LOGIN_H

#include "config/config_login.h"
#include "wire/dialect.h"

#define LOGIN_KEY_BYTES    192
#define LOGIN_TOKEN_BYTES  (16 * 1024)
#define LOGIN_ANSWER_BYTES (64 * 1024)

/* What a login gives. All secret but the time. */
struct login_keys {
	char access_key_id[LOGIN_KEY_BYTES]; /* "" of Entra's */
	char secret_access_key[LOGIN_KEY_BYTES];
	char token[LOGIN_TOKEN_BYTES]; /* AWS's session token; Entra's bearer */
	int64_t expires_nsecs;         /* wall; INT64_MAX never */
};

enum login_stage {
	LOGIN_METADATA_TOKEN,
	LOGIN_METADATA_ROLE,
	LOGIN_METADATA_KEYS,
	LOGIN_CONTAINER_KEYS,
	LOGIN_IDENTITY,
	LOGIN_ROLE,
	LOGIN_ENTRA,
};

/* One login under way. */
struct login_talk {
	const struct config_login *login;
	enum login_stage stage;
	char metadata_token[256], metadata_role[128];
	struct login_keys keys; /* so far */
};

void login_begin(struct login_talk *t, const struct config_login *login);
/*
 * The next question. token: what stands in the login's token_file now, without
 * blanks at its ends ("" none). In the arena. ERR_CONFIG when it cannot be
 * asked.
 */
int login_ask(const struct login_talk *t, struct str token, int64_t now_nsecs,
    struct arena *arena, struct wire_call *call_r, struct err *err) MUST_CHECK;
/* Its answer: 1 t->keys are whole, 0 the next question follows, -1:
   ERR_UPSTREAM_AUTH it was refused, ERR_UPSTREAM anything else; no text has a
   secret in it. */
int login_hear(struct login_talk *t, int status, struct str body,
    int64_t now_nsecs, struct err *err) MUST_CHECK;

#endif
