/*
 * What a Bedrock entry's requests are signed with. The first of these that is
 * there:
 *
 *   the entry        api_key; aws_web_identity_token for aws_role_name;
 *                    aws_access_key_id and aws_secret_access_key;
 *                    aws_profile_name
 *   the environment  AWS_BEARER_TOKEN_BEDROCK; AWS_ACCESS_KEY_ID and
 *                    AWS_SECRET_ACCESS_KEY; AWS_WEB_IDENTITY_TOKEN_FILE for
 *                    AWS_ROLE_ARN (EKS); AWS_PROFILE, or the profile default;
 *                    AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI (ECS,
 *                    EKS Pod Identity)
 *   this machine     its metadata service, when it is one of EC2's
 *
 * With aws_role_name that role is taken with them. The order is that of AWS's
 * SDKs; what expires becomes a login (config_login.h).
 */
#include "config/aws_profile.h"
#include "config/config_entry.h"
#include "config/config_loader.h"

#include <fcntl.h>
#include <unistd.h>

#define CONTAINER_HOST "http://169.254.170.2"
#define METADATA_HOST  "http://169.254.169.254"
#define VENDOR_FILE    "/sys/class/dmi/id/sys_vendor"

/* What a search for keys came to. */
enum found {
	FOUND,
	NOT_THERE, /* the next place is looked at */
	LEFT_OUT,  /* a remark says why */
};

struct search {
	struct loader *l;
	struct config_entry *e;
	const struct node *at; /* of the entry */
	struct config_login login;
	bool expires; /* login is needed */
};

/* A variable's value, fit for a header; "" not set, or not fit. */
static const char *
variable(struct loader *l, const char *name)
{
	const char *value = getenv(name);
	struct str s;

	if (value == NULL)
		return "";
	s = str_trim(str_of(value));
	for (size_t i = 0; i < s.n; i++) {
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
			return "";
	}
	return loader_keep(l, s);
}

static void
use_keys(struct search *s, const char *id, const char *secret,
    const char *token)
{
	struct config_deployment *d = &s->e->d;

	d->aws_access_key_id = id;
	d->aws_secret_access_key = secret;
	d->aws_session_token = token;
}

static enum found
left_out(struct search *s, const char *profile, const char *why)
{
	config_entry_left_out(s->l, s->e, s->at, "AWS's profile %.64s: %s",
	    profile, why);
	return LEFT_OUT;
}

/* ---- logins -------------------------------------------------------------- */

static void
use_web_identity(struct search *s, const char *role, const char *session)
{
	s->expires = true;
	s->login.source = LOGIN_WEB_IDENTITY;
	s->login.role_arn = role;
	s->login.session_name = session;
}

/* A token as LiteLLM names it: "oidc/file/PATH", "oidc/env_path/NAME",
   "oidc/env/NAME"; a path; the token itself. -1: another kind of oidc/. */
static int
take_token(struct search *s, const char *text)
{
	static const char file[] = "oidc/file/", env[] = "oidc/env/",
			  env_path[] = "oidc/env_path/";
	struct str t = str_of(text);

	if (str_starts(t, file))
		s->login.token_file = text + sizeof(file) - 1;
	else if (str_starts(t, env_path))
		s->login.token_file =
		    variable(s->l, text + sizeof(env_path) - 1);
	else if (str_starts(t, env))
		s->login.token = variable(s->l, text + sizeof(env) - 1);
	else if (str_starts(t, "oidc/"))
		return -1;
	else if (text[0] == '/')
		s->login.token_file = text;
	else
		s->login.token = text;
	return s->login.token[0] == '\0' && s->login.token_file[0] == '\0' ? -1
									   : 0;
}

static enum found
find_container(struct search *s)
{
	const char *relative =
	    variable(s->l, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
	const char *full = variable(s->l, "AWS_CONTAINER_CREDENTIALS_FULL_URI");

	if (relative[0] == '/')
		full = arena_join(&s->l->c->arena, CONTAINER_HOST, relative);
	if (!str_starts(str_of(full), "http://") &&
	    !str_starts(str_of(full), "https://"))
		return NOT_THERE;
	s->expires = true;
	s->login.source = LOGIN_CONTAINER;
	s->login.url = full;
	s->login.token = variable(s->l, "AWS_CONTAINER_AUTHORIZATION_TOKEN");
	s->login.token_file =
	    variable(s->l, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
	return FOUND;
}

/* The firmware of EC2's machines says so. */
static bool
is_ec2(void)
{
	char vendor[64] = "";
	int fd = open(VENDOR_FILE, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, vendor, sizeof(vendor) - 1);
	close(fd);
	return n > 0 && str_starts(str_of(vendor), "Amazon EC2");
}

static enum found
find_instance(struct search *s, bool asked_for)
{
	const char *host = variable(s->l, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
	struct str url = str_of(host);

	if (strcmp(variable(s->l, "AWS_EC2_METADATA_DISABLED"), "true") == 0 ||
	    (host[0] == '\0' && !asked_for && !is_ec2()))
		return NOT_THERE;
	if (host[0] == '\0')
		url = str_of(METADATA_HOST);
	while (url.n > 0 && url.p[url.n - 1] == '/')
		url.n--;
	s->expires = true;
	s->login.source = LOGIN_INSTANCE;
	s->login.url = loader_keep(s->l, url);
	return FOUND;
}

/* ---- profiles ------------------------------------------------------------ */

static const char *
setting(struct search *s, const char *profile, const char *key)
{
	return loader_keep(s->l, aws_profile_get(&s->l->aws, profile, key));
}

static enum found
static_keys(struct search *s, const char *profile)
{
	const char *id = setting(s, profile, "aws_access_key_id");
	const char *secret = setting(s, profile, "aws_secret_access_key");

	if (id[0] == '\0' || secret[0] == '\0')
		return NOT_THERE;
	use_keys(s, id, secret, setting(s, profile, "aws_session_token"));
	return FOUND;
}

static enum found
environment_keys(struct search *s)
{
	const char *id = variable(s->l, "AWS_ACCESS_KEY_ID");
	const char *secret = variable(s->l, "AWS_SECRET_ACCESS_KEY");

	if (id[0] == '\0' || secret[0] == '\0')
		return NOT_THERE;
	use_keys(s, id, secret, variable(s->l, "AWS_SESSION_TOKEN"));
	return FOUND;
}

/* Whose keys take a profile's role. */
static enum found
role_source(struct search *s, const char *profile)
{
	const char *file = setting(s, profile, "web_identity_token_file");
	const char *from = setting(s, profile, "source_profile");
	const char *where = setting(s, profile, "credential_source");

	if (file[0] != '\0') {
		use_web_identity(s, s->login.role_arn, s->login.session_name);
		s->login.token_file = file;
		return FOUND;
	}
	if (strcmp(where, "Ec2InstanceMetadata") == 0)
		return find_instance(s, true);
	if (strcmp(where, "EcsContainer") == 0)
		return find_container(s);
	if (strcmp(where, "Environment") == 0)
		return environment_keys(s);
	if (from[0] == '\0')
		return NOT_THERE;
	if (strcmp(from, profile) != 0 &&
	    setting(s, from, "role_arn")[0] != '\0')
		return left_out(s, profile,
		    "its source_profile takes a role itself: roles behind "
		    "roles are not taken here");
	return static_keys(s, from);
}

static enum found
use_profile(struct search *s, const char *profile)
{
	static const char *const others[] = { "credential_process",
		"sso_session", "sso_start_url", "mfa_serial" };
	const char *role = setting(s, profile, "role_arn");
	enum found found;

	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		if (setting(s, profile, others[i])[0] != '\0')
			return left_out(s, profile,
			    "it needs a program or a person "
			    "(credential_process, SSO, MFA): give the entry "
			    "keys, or the profile a role_arn with a "
			    "source_profile");
	}
	if (role[0] == '\0')
		return static_keys(s, profile);
	s->login.role_arn = role;
	s->login.session_name = setting(s, profile, "role_session_name");
	s->login.external_id = setting(s, profile, "external_id");
	found = role_source(s, profile);
	if (found == NOT_THERE)
		return left_out(s, profile,
		    "its role_arn needs a source_profile with keys, a "
		    "credential_source or a web_identity_token_file");
	return found;
}

static enum found
named_profile(struct search *s, const char *profile)
{
	enum found found;

	if (!aws_profile_exists(&s->l->aws, profile))
		return left_out(s, profile,
		    "it is neither in ~/.aws/credentials nor in ~/.aws/config "
		    "(AWS_SHARED_CREDENTIALS_FILE, AWS_CONFIG_FILE), or the "
		    "gateway's user cannot read them");
	found = use_profile(s, profile);
	return found == NOT_THERE ? left_out(s, profile,
					"it has no aws_access_key_id and "
					"aws_secret_access_key")
				  : found;
}

/* ---- the order ----------------------------------------------------------- */

static enum found
ambient(struct search *s, bool for_role)
{
	struct config_deployment *d = &s->e->d;
	const char *bearer = variable(s->l, d->provider->key_vars);
	const char *file = variable(s->l, "AWS_WEB_IDENTITY_TOKEN_FILE");
	const char *role = variable(s->l, "AWS_ROLE_ARN");
	const char *profile = variable(s->l, "AWS_PROFILE");
	enum found found;

	if (bearer[0] != '\0' && !for_role) {
		d->api_key = bearer;
		return FOUND;
	}
	if (environment_keys(s) == FOUND)
		return FOUND;
	if (file[0] != '\0' && role[0] != '\0') {
		use_web_identity(s, role,
		    variable(s->l, "AWS_ROLE_SESSION_NAME"));
		s->login.token_file = file;
		return FOUND;
	}
	if (profile[0] != '\0')
		return named_profile(s, profile);
	found = use_profile(s, "default");
	if (found == NOT_THERE)
		found = find_container(s);
	return found == NOT_THERE ? find_instance(s, false) : found;
}

/* The keys, without the entry's own role. */
static enum found
find_keys(struct search *s)
{
	struct config_deployment *d = &s->e->d;

	if (d->aws_access_key_id[0] != '\0')
		return FOUND;
	if (s->e->aws_profile[0] != '\0')
		return named_profile(s, s->e->aws_profile);
	return ambient(s, s->e->aws_role[0] != '\0');
}

static enum found
with_web_identity(struct search *s)
{
	struct config_entry *e = s->e;

	if (e->aws_role[0] == '\0' || take_token(s, e->aws_web_token) != 0) {
		config_entry_left_out(s->l, e, s->at,
		    "aws_web_identity_token %s",
		    e->aws_role[0] == '\0'
			? "needs aws_role_name, the role it is for"
			: "must be a path, oidc/file/PATH, oidc/env/NAME, "
			  "oidc/env_path/NAME or the token");
		return LEFT_OUT;
	}
	use_web_identity(s, e->aws_role, e->aws_session_name);
	return FOUND;
}

/* The entry's role, taken with what was found. */
static enum found
take_role(struct search *s)
{
	struct config_deployment *d = &s->e->d;
	struct config_login *l = &s->login;

	if (s->e->aws_role[0] == '\0' && l->role_arn[0] == '\0')
		return FOUND;
	if (s->e->aws_role[0] != '\0' &&
	    strcmp(s->e->aws_role, l->role_arn) != 0) {
		if (l->role_arn[0] != '\0') {
			config_entry_left_out(s->l, s->e, s->at,
			    "aws_role_name: what would take it (%.200s) is a "
			    "role itself: roles behind roles are not taken "
			    "here",
			    l->role_arn);
			return LEFT_OUT;
		}
		l->role_arn = s->e->aws_role;
		l->session_name = s->e->aws_session_name;
		l->external_id = s->e->aws_external_id;
	}
	if (!s->expires) {
		l->source = LOGIN_KEYS;
		l->access_key_id = d->aws_access_key_id;
		l->secret_access_key = d->aws_secret_access_key;
		l->session_token = d->aws_session_token;
	}
	s->expires = true;
	return FOUND;
}

static enum found
find(struct search *s)
{
	enum found found;

	if (s->e->d.api_key[0] != '\0')
		return FOUND;
	if (s->e->aws_web_token[0] != '\0')
		return with_web_identity(s);
	found = find_keys(s);
	return found == FOUND && s->e->d.api_key[0] == '\0' ? take_role(s)
							    : found;
}

static const char *
sts_url(struct search *s)
{
	const char *url = s->e->aws_sts[0] != '\0'
			      ? s->e->aws_sts
			      : variable(s->l, "AWS_STS_ENDPOINT");
	const char *region = s->e->d.aws_region;

	if (url[0] == '\0')
		return arena_printf(&s->l->c->arena,
		    "https://sts.%s.amazonaws.com%s/", region,
		    str_starts(str_of(region), "cn-") ? ".cn" : "");
	return str_ends(str_of(url), "/")
		   ? url
		   : arena_join(&s->l->c->arena, url, "/");
}

static void
keep_login(struct search *s)
{
	struct config_deployment *d = &s->e->d;

	s->login.sts_url = sts_url(s);
	s->login.region = d->aws_region;
	d->login = arena_copy(&s->l->c->arena, &s->login, sizeof(s->login));
	/* They take the role; requests are signed with what it gives. */
	use_keys(s, "", "", "");
	config_login_note(s->l, s->at, d->login);
}

int
config_aws_keys(struct loader *l, struct config_entry *e, const struct node *n)
{
	struct search s = { .l = l, .e = e, .at = n };

	config_login_init(&s.login);
	switch (find(&s)) {
	case FOUND:
		if (s.expires)
			keep_login(&s);
		return 0;
	case LEFT_OUT:
		return 1;
	case NOT_THERE:
		break;
	}
	config_entry_left_out(l, e, n,
	    "it has no aws_access_key_id and aws_secret_access_key, and "
	    "neither AWS_BEARER_TOKEN_BEDROCK nor AWS_ACCESS_KEY_ID and "
	    "AWS_SECRET_ACCESS_KEY are set; nor is there a profile, a "
	    "container's or an instance's role");
	return 1;
}
