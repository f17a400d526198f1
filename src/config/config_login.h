/*
 * How a deployment comes by keys that expire: what is asked for them, and with
 * what. Made while its entry is read (config_aws.c, config_azure.c); the asking
 * is exchange/logins.h, what is said on the wire wire/login.h.
 */
#ifndef CONFIG_CONFIG_LOGIN_H
#define CONFIG_CONFIG_LOGIN_H

#include "base/str.h"

enum login_source {
	LOGIN_KEYS,         /* the keys below, for a role */
	LOGIN_WEB_IDENTITY, /* a token for a role, at STS */
	LOGIN_CONTAINER,    /* ECS, EKS Pod Identity: an address to be asked */
	LOGIN_INSTANCE,     /* EC2: the instance metadata service, version 2 */
	LOGIN_AZURE,        /* Entra: a secret or a token for an app's token */
};

/* Strings live in the configuration's arena; "" unset. */
struct config_login {
	enum login_source source;
	const char *url; /* what is asked first: STS, the container's address,
			    the metadata service, Entra's token endpoint */
	/* LOGIN_KEYS; two secrets. */
	const char *access_key_id, *secret_access_key, *session_token;
	/* The role. With LOGIN_CONTAINER and _INSTANCE it is taken with the
	   keys that these give; "" none. */
	const char *role_arn, *session_name, *external_id;
	const char *sts_url, *region; /* where, and for the signature */
	/* A web identity, the container's authorization, Entra's assertion:
	   itself (secret), or a file that is read each time. */
	const char *token, *token_file;
	/* LOGIN_AZURE */
	const char *client_id, *client_secret, *scope;
};

/* All unset. */
void config_login_init(struct config_login *l);
/* For messages and logs: "the role arn:...", no secret. */
size_t config_login_text(const struct config_login *l, char *out, size_t size);
/* The same login: one answer serves both. */
bool config_login_eq(const struct config_login *a,
    const struct config_login *b);

#endif
