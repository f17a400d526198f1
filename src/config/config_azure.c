/*
 * Entra's applications, which an Azure entry without a key may be asked as:
 * with a client secret, or with a token that the application's platform (AKS)
 * writes into a file. Their tokens last an hour, so they are a login
 * (config_login.h).
 *
 *   the entry        tenant_id, client_id, client_secret; azure_ad_token:
 *                    oidc/file/PATH, with the other two
 *   the environment  AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET or
 *                    AZURE_FEDERATED_TOKEN_FILE
 *
 * AZURE_AUTHORITY_HOST and AZURE_SCOPE say whom to ask and for what, where it
 * is another cloud than the public one.
 */
#include "config/config_entry.h"
#include "config/config_loader.h"

#define AUTHORITY "https://login.microsoftonline.com"
#define SCOPE     "https://cognitiveservices.azure.com/.default"
#define OIDC_FILE "oidc/file/"

static const char *
variable(struct loader *l, const char *name)
{
	const char *value = getenv(name);

	return value == NULL ? "" : loader_keep(l, str_trim(str_of(value)));
}

static const char *
or_variable(struct loader *l, const char *given, const char *name, bool env)
{
	return given[0] != '\0' || !env ? given : variable(l, name);
}

/* It becomes a part of an address. */
static bool
is_tenant(const char *s)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789-."
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

	return s[strspn(s, plain)] == '\0' && strlen(s) < 200;
}

static const char *
token_url(struct loader *l, const char *tenant)
{
	struct str host = str_of(variable(l, "AZURE_AUTHORITY_HOST"));

	while (host.n > 0 && host.p[host.n - 1] == '/')
		host.n--;
	if (!str_starts(host, "https://") && !str_starts(host, "http://"))
		host = str_of(AUTHORITY);
	return arena_printf(&l->c->arena, STR_FMT "/%s/oauth2/v2.0/token",
	    STR_ARG(host), tenant);
}

int
config_azure_login(struct loader *l, struct config_entry *e,
    const struct node *n, bool from_env)
{
	const char *tenant =
	    or_variable(l, e->tenant_id, "AZURE_TENANT_ID", true);
	const char *scope = variable(l, "AZURE_SCOPE");
	bool federated = str_starts(str_of(e->azure_token), OIDC_FILE);
	struct config_login login;

	config_login_init(&login);
	login.source = LOGIN_AZURE;
	login.client_id = or_variable(l, e->client_id, "AZURE_CLIENT_ID", true);
	login.client_secret =
	    or_variable(l, e->client_secret, "AZURE_CLIENT_SECRET", from_env);
	if (federated)
		login.token_file = e->azure_token + sizeof(OIDC_FILE) - 1;
	else if (from_env && login.client_secret[0] == '\0')
		login.token_file = variable(l, "AZURE_FEDERATED_TOKEN_FILE");
	if (federated)
		login.client_secret = "";
	if (login.client_secret[0] == '\0' && login.token_file[0] == '\0')
		return 0;
	if (tenant[0] == '\0' || login.client_id[0] == '\0' ||
	    !is_tenant(tenant)) {
		if (from_env)
			return 0;
		config_entry_left_out(l, e, n,
		    "%s needs tenant_id and client_id (or AZURE_TENANT_ID and "
		    "AZURE_CLIENT_ID)",
		    federated ? "azure_ad_token: oidc/file/" : "client_secret");
		return -1;
	}
	login.url = token_url(l, tenant);
	login.scope = scope[0] != '\0' ? scope : SCOPE;
	e->d.login = arena_copy(&l->c->arena, &login, sizeof(login));
	config_login_note(l, n, e->d.login);
	return 1;
}
