/*
 * A Bedrock entry: region, address and credentials, from the entry or from
 * AWS's own variables (notes on LiteLLM, section 1.3). Reads the environment
 * through getenv() and repeats no value from it.
 *
 *   model         bedrock/[converse/|invoke/][REGION/]NAME; NAME may be an
 *                 ARN, with LiteLLM's word for its vendor in front (llama/,
 *                 deepseek_r1/ ...), which Converse does not need
 *   region        aws_region_name, the model's, the ARN's, AWS_REGION_NAME,
 *                 AWS_REGION, AWS_DEFAULT_REGION, the profile's
 *   address       api_base, aws_bedrock_runtime_endpoint,
 *                 AWS_BEDROCK_RUNTIME_ENDPOINT, the region's own
 *   credentials   config_aws_keys.c
 */
#include "config/config_entry.h"
#include "config/config_loader.h"

#define REGION_VARS "AWS_REGION_NAME AWS_REGION AWS_DEFAULT_REGION"

/* "us-east-1", "us-gov-west-1" */
static bool
is_region(struct str s)
{
	size_t dashes = 0;

	for (size_t i = 0; i < s.n; i++) {
		bool digit = s.p[i] >= '0' && s.p[i] <= '9';

		dashes += s.p[i] == '-';
		if (!(s.p[i] >= 'a' && s.p[i] <= 'z') && s.p[i] != '-' &&
		    !(digit && dashes >= 2))
			return false;
	}
	return s.n >= 9 && s.n <= 24 && dashes >= 2 && s.p[s.n - 1] >= '0' &&
	       s.p[s.n - 1] <= '9';
}

/* arn:aws:bedrock:us-east-1:...; "" for what is none. */
static struct str
arn_region(struct str name)
{
	struct str part = str_make("", 0);

	if (!str_starts(name, "arn:"))
		return part;
	for (int i = 0; i < 4; i++)
		part = str_cut(&name, ':');
	return is_region(part) ? part : str_make("", 0);
}

/* What stands in front of the model's name. */
static struct str
cut_route(struct str name, struct str *region_r)
{
	static const char *const routes[] = { "converse/", "invoke/",
		"converse_like/" };
	struct str rest, head;
	ptrdiff_t arn;

	*region_r = str_make("", 0);
	for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
		if (!str_starts(name, routes[i]))
			continue;
		name.p += strlen(routes[i]);
		name.n -= strlen(routes[i]);
	}
	rest = name;
	head = str_cut(&rest, '/');
	if (rest.n > 0 && is_region(head)) {
		*region_r = head;
		name = rest;
	}
	arn = str_find(name, "/arn:");
	if (arn >= 0)
		name = str_make(name.p + arn + 1, name.n - (size_t)arn - 1);
	if (region_r->n == 0)
		*region_r = arn_region(name);
	return name;
}

static struct str
profile_region(const struct loader *l, const struct config_entry *e)
{
	const char *profile = e->aws_profile;

	if (profile[0] == '\0')
		profile = getenv("AWS_PROFILE");
	return aws_profile_get(&l->aws,
	    profile == NULL || *profile == '\0' ? "default" : profile,
	    "region");
}

/* 0; 1 left out. */
static int
resolve_region(struct loader *l, struct config_entry *e, const struct node *n,
    struct str of_model)
{
	struct config_deployment *d = &e->d;
	struct str region = str_of(d->aws_region);
	const char *value;
	char from[64];

	if (region.n == 0)
		region = of_model;
	if (region.n == 0) {
		value = config_variable(str_of(REGION_VARS), from);
		region = str_trim(str_of(value == NULL ? "" : value));
	}
	if (region.n == 0)
		region = profile_region(l, e);
	if (region.n == 0) {
		config_entry_left_out(l, e, n,
		    "bedrock needs aws_region_name (or the variable "
		    "AWS_REGION)");
		return 1;
	}
	if (!is_region(region)) {
		config_entry_left_out(l, e, n, "\"%.24s\" is no region of AWS",
		    region.p);
		return 1;
	}
	d->aws_region = loader_keep(l, region);
	return 0;
}

static void
resolve_endpoint(struct loader *l, struct config_deployment *d,
    const char *endpoint)
{
	const char *value;
	char from[64];

	if (d->api_base[0] != '\0')
		return;
	value = endpoint[0] != '\0'
		    ? endpoint
		    : config_variable(str_of(d->provider->base_vars), from);
	if (value != NULL) {
		d->api_base = loader_keep(l, str_trim(str_of(value)));
		return;
	}
	d->api_base = arena_printf(&l->c->arena,
	    "https://bedrock-runtime.%s.amazonaws.com%s", d->aws_region,
	    str_starts(str_of(d->aws_region), "cn-") ? ".cn" : "");
}

/* 0; 1 left out. */
static int
resolve_keys(struct loader *l, struct config_entry *e, const struct node *n)
{
	static const char *const names[] = { "aws_access_key_id",
		"aws_secret_access_key", "aws_session_token", "api_key",
		"aws_role_name", "aws_profile_name", "aws_web_identity_token",
		"aws_external_id" };
	const struct node *params = node_find(n, "litellm_params"), *at;
	struct config_deployment *d = &e->d;
	bool id = d->aws_access_key_id[0] != '\0';
	bool secret = d->aws_secret_access_key[0] != '\0';

	if (l->report->without_keys)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		at = node_find(params, names[i]);
		if (at == NULL || at->env == NULL || at->kind != NODE_NULL)
			continue;
		config_entry_left_out(l, e, at, "%s is not set", at->env);
		return 1;
	}
	if (id != secret) {
		config_entry_left_out(l, e, n, "it has %s without %s",
		    id ? names[0] : names[1], id ? names[1] : names[0]);
		return 1;
	}
	return config_aws_keys(l, e, n);
}

int
config_aws_resolve(struct loader *l, struct config_entry *e,
    const struct node *n)
{
	struct config_deployment *d = &e->d;
	struct str region, name = cut_route(str_of(d->upstream_model), &region);

	if (d->provider->auth != AUTH_SIGV4 || d->mock_response != NULL)
		return 0;
	d->upstream_model = loader_keep(l, name);
	if (resolve_region(l, e, n, region) != 0)
		return 1;
	resolve_endpoint(l, d, e->aws_endpoint);
	return resolve_keys(l, e, n);
}
