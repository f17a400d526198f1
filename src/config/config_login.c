/* What can be said about a login without asking. See config_login.h. */
#include "config/config_login.h"

void
config_login_init(struct config_login *l)
{
	*l = (struct config_login){ .url = "",
		.access_key_id = "",
		.secret_access_key = "",
		.session_token = "",
		.role_arn = "",
		.session_name = "",
		.external_id = "",
		.sts_url = "",
		.region = "",
		.token = "",
		.token_file = "",
		.client_id = "",
		.client_secret = "",
		.scope = "" };
}

size_t
config_login_text(const struct config_login *l, char *out, size_t size)
{
	int n = 0;

	switch (l->source) {
	case LOGIN_KEYS:
	case LOGIN_WEB_IDENTITY:
		n = snprintf(out, size, "the role %s", l->role_arn);
		break;
	case LOGIN_CONTAINER:
	case LOGIN_INSTANCE:
		n = snprintf(out, size, "%s%s%s",
		    l->source == LOGIN_INSTANCE ? "this instance's role"
						: "this container's role",
		    l->role_arn[0] == '\0' ? "" : " and the role ",
		    l->role_arn);
		break;
	case LOGIN_AZURE:
		n = snprintf(out, size, "the application %s", l->client_id);
		break;
	}
	return n < 0 ? 0 : (size_t)n;
}

bool
config_login_eq(const struct config_login *a, const struct config_login *b)
{
	const char *const pairs[][2] = { { a->url, b->url },
		{ a->access_key_id, b->access_key_id },
		{ a->secret_access_key, b->secret_access_key },
		{ a->session_token, b->session_token },
		{ a->role_arn, b->role_arn },
		{ a->session_name, b->session_name },
		{ a->external_id, b->external_id }, { a->sts_url, b->sts_url },
		{ a->region, b->region }, { a->token, b->token },
		{ a->token_file, b->token_file },
		{ a->client_id, b->client_id },
		{ a->client_secret, b->client_secret },
		{ a->scope, b->scope } };

	if (a == b)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		if (strcmp(pairs[i][0], pairs[i][1]) != 0)
			return false;
	}
	return a->source == b->source;
}
