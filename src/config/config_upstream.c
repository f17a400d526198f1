/*
 * Where an entry's requests go: its provider, the address, the key. The rules
 * are LiteLLM's (notes, sections 1.2.1 and 1.3), with one difference on
 * purpose: a deployment whose key names an unset variable is left out instead
 * of failing request by request. Reads the environment through getenv() and
 * repeats no value from it.
 */
#include "config/config_entry.h"
#include "config/config_loader.h"

#define MAX_BASE 1000

/* Asked for when nobody says which: LiteLLM's own default for Azure OpenAI
   (AZURE_DEFAULT_API_VERSION in its litellm/__init__.py, the same since early
   2025), and the version of the model inference API (Azure AI). */
#define AZURE_VERSION    "2025-02-01-preview"
#define AZURE_AI_VERSION "2024-05-01-preview"
#define VERSION_BYTES    64

/* ---- address ------------------------------------------------------------ */

const char *
config_variable(struct str names, char name_r[64])
{
	while (names.n > 0) {
		struct str name = str_cut(&names, ' ');
		const char *value;

		snprintf(name_r, 64, STR_FMT, STR_ARG(name));
		value = getenv(name_r);
		if (value != NULL && *value != '\0')
			return value;
	}
	return NULL;
}

static const char *
trim_base(struct loader *l, struct str base, const struct provider *p)
{
	while (base.n > 0 && base.p[base.n - 1] == '/')
		base.n--;
	if ((p->flags & PROVIDER_BASE_V1) != 0 && base.n > 0 &&
	    !str_ends(base, "/v1"))
		return arena_printf(&l->c->arena, STR_FMT "/v1", STR_ARG(base));
	return loader_keep(l, base);
}

/* What is wrong with the address, or NULL. */
static const char *
base_fault(struct str base)
{
	ptrdiff_t slashes = str_find(base, "://");
	struct str rest;

	if (!str_starts(base, "http://") && !str_starts(base, "https://"))
		return "must begin with http:// or https://";
	rest = str_make(base.p + slashes + 3, base.n - (size_t)slashes - 3);
	if (base.n > MAX_BASE)
		return "is too long";
	if (rest.n == 0 || rest.p[0] == '/' || rest.p[0] == ':')
		return "has no host";
	for (size_t i = 0; i < base.n; i++) {
		if ((unsigned char)base.p[i] <= 0x20 || base.p[i] == 0x7f)
			return "must have no blanks or control characters";
	}
	if (str_find(base, "?") >= 0 || str_find(base, "#") >= 0)
		return "must have no query (?) or fragment (#)";
	return NULL;
}

/* ---- Azure -------------------------------------------------------------- */

/* Portals show addresses with "?api-version=..." at their end: it is taken as
   the entry's api_version, should that be missing. */
static struct str
without_version(struct loader *l, struct config_entry *e, struct str base)
{
	static const char name[] = "api-version=";
	ptrdiff_t at = str_find(base, "?");
	struct str query, one;

	if ((e->d.provider->flags & PROVIDER_VERSIONED) == 0 || at < 0)
		return base;
	query = str_make(base.p + at + 1, base.n - (size_t)at - 1);
	while (query.n > 0) {
		one = str_cut(&query, '&');
		if (!str_starts(one, name))
			return base; /* something else: refused as it is */
		one.p += sizeof(name) - 1;
		one.n -= sizeof(name) - 1;
		if (e->d.api_version[0] == '\0')
			e->d.api_version = loader_keep(l, one);
	}
	return str_make(base.p, (size_t)at);
}

/* Dates and words: it becomes a part of the address. */
static bool
is_version(const char *s)
{
	size_t n = strlen(s);

	for (size_t i = 0; i < n; i++) {
		if (!(s[i] >= 'a' && s[i] <= 'z') &&
		    !(s[i] >= '0' && s[i] <= '9') && s[i] != '-')
			return false;
	}
	return n < VERSION_BYTES;
}

/* 0, or -1 when an error was reported. */
static int
resolve_version(struct loader *l, struct config_entry *e, const struct node *n)
{
	const struct provider *p = e->d.provider;
	struct str base = str_of(e->d.api_base);
	const char *version = e->d.api_version;
	bool azure = (p->flags & PROVIDER_AZURE) != 0;

	if ((p->flags & PROVIDER_VERSIONED) == 0 || base.n == 0)
		return 0;
	if (version[0] == '\0' && azure && getenv("AZURE_API_VERSION") != NULL)
		version = loader_keep(l, str_of(getenv("AZURE_API_VERSION")));
	if (!is_version(version)) {
		loader_remark(l, CONFIG_ERROR, n,
		    "api_version must be a date like 2024-10-21 or a word");
		return -1;
	}
	if (version[0] == '\0' && azure && str_find(base, "/openai/v1") < 0) {
		version = AZURE_VERSION;
		e->d.api_version_is_default = true;
		loader_remark(l, CONFIG_WARN, n,
		    "no api_version (or AZURE_API_VERSION): %s is used",
		    version);
	} else if (version[0] == '\0' && !azure &&
		   (str_ends(base, "/models") ||
		       str_ends(base, ".services.ai.azure.com"))) {
		version = AZURE_AI_VERSION;
	}
	e->d.api_version = version;
	return 0;
}

/* The provider's own address; Cloudflare's has the account in it. */
static const char *
usual_base(struct loader *l, const struct provider *p)
{
	const char *account = getenv("CLOUDFLARE_ACCOUNT_ID");

	if (strcmp(p->prefix, "cloudflare") != 0 || account == NULL ||
	    account[0] == '\0')
		return p->base_url;
	return arena_printf(&l->c->arena,
	    "https://api.cloudflare.com/client/v4/accounts/%s/ai/v1", account);
}

/*
 * The address: the entry's, else the provider's variable, else its default.
 * 0; 1 left out; -1 an error was reported. *own_r: it is not the default.
 */
static int
resolve_base(struct loader *l, struct config_entry *e, const struct node *n,
    bool *own_r)
{
	const struct provider *p = e->d.provider;
	const struct node *params = node_find(n, "litellm_params");
	const struct node *at = node_find(params, "api_base");
	const char *base = e->d.api_base, *fault;
	char from[64] = "";

	if (at == NULL)
		at = node_find(params, "base_url");
	if (base[0] == '\0' && p->base_vars[0] != '\0') {
		base = config_variable(str_of(p->base_vars), from);
		if (base == NULL) {
			base = "";
			from[0] = '\0';
		}
	}
	if (at != NULL && at->kind == NODE_NULL && at->env != NULL &&
	    base[0] == '\0' && p->base_url[0] != '\0')
		loader_remark(l, CONFIG_WARN, at,
		    "%s is not set: the provider's own address is used, %s",
		    at->env, p->base_url);
	if (base[0] == '\0')
		base = usual_base(l, p);
	if (base[0] == '\0' && e->d.mock_response == NULL) {
		if (at != NULL && at->env != NULL) {
			config_entry_left_out(l, e, at, "%s is not set",
			    at->env);
			return 1;
		}
		config_entry_left_out(l, e, n, "%s needs api_base%s%s%s",
		    p->prefix,
		    p->base_vars[0] == '\0' ? "" : " (or the variable ",
		    p->base_vars, p->base_vars[0] == '\0' ? "" : ")");
		return 1;
	}
	e->d.api_base =
	    trim_base(l, without_version(l, e, str_trim(str_of(base))), p);
	*own_r = strcmp(e->d.api_base, p->base_url) != 0;
	fault = base[0] == '\0' ? NULL : base_fault(str_of(e->d.api_base));
	if (fault == NULL && str_find(str_of(e->d.api_base), "@") >= 0)
		loader_remark(l, CONFIG_WARN, at == NULL ? n : at,
		    "%s%sholds a name or a password, which listings will show: "
		    "use api_key or headers",
		    from, from[0] == '\0' ? "" : ": ");
	if (fault == NULL)
		return resolve_version(l, e, n);
	loader_remark(l, CONFIG_ERROR, at == NULL ? n : at, "%s%s%s", from,
	    from[0] == '\0' ? "" : ": ", fault);
	return -1;
}

/* ---- key ---------------------------------------------------------------- */

/* "A is not set", "none of A, B is set". */
static const char *
unset_text(struct str names, char out[256])
{
	struct str rest = names;
	size_t used = 0;

	str_cut(&rest, ' ');
	if (rest.n == 0) {
		snprintf(out, 256, STR_FMT " is not set", STR_ARG(names));
		return out;
	}
	used = (size_t)snprintf(out, 256, "none of ");
	for (rest = names; rest.n > 0 && used < 256;) {
		struct str name = str_cut(&rest, ' ');

		used += (size_t)snprintf(out + used, 256 - used, STR_FMT "%s",
		    STR_ARG(name), rest.n > 0 ? ", " : " is set");
	}
	return out;
}

static bool
base_is_written(const struct node *n)
{
	const struct node *params = node_find(n, "litellm_params");

	return node_get(params, "api_base") != NULL ||
	       node_get(params, "base_url") != NULL;
}

void
config_login_note(struct loader *l, const struct node *at,
    const struct config_login *login)
{
	char text[512];

	config_login_text(login, text, sizeof(text));
	loader_remark(l, CONFIG_NOTE, at,
	    "asked as %s, whose keys expire: they are asked for when a request "
	    "needs them",
	    text);
}

/* A token of Entra's, or an application that gets some. 1 there is one, 0
   none, -1 left out. */
static int
resolve_entra(struct loader *l, struct config_entry *e, const struct node *n,
    bool from_env)
{
	struct str token = str_of(e->azure_token);

	if (token.n > 0 && !str_starts(token, "oidc/")) {
		e->d.api_key = e->azure_token;
		e->d.key_is_token = true;
		return 1;
	}
	if (token.n > 0 && !str_starts(token, "oidc/file/")) {
		config_entry_left_out(l, e, n,
		    "azure_ad_token: of LiteLLM's oidc/ forms only "
		    "oidc/file/PATH is read here");
		return -1;
	}
	return config_azure_login(l, e, n, from_env);
}

/* 0; 1 left out; -1 an error was reported. */
static int
resolve_key(struct loader *l, struct config_entry *e, const struct node *n,
    bool own_base)
{
	const struct provider *p = e->d.provider;
	const struct node *at =
	    node_find(node_find(n, "litellm_params"), "api_key");
	char text[256], name[64];
	const char *value;
	struct str key;
	int got;

	if (e->d.api_key[0] != '\0' || e->d.mock_response != NULL ||
	    l->report->without_keys || p->auth == AUTH_SIGV4)
		return 0;
	if ((p->flags & PROVIDER_VERSIONED) != 0) {
		got = resolve_entra(l, e, n, false);
		if (got != 0)
			return got > 0 ? 0 : 1;
	}
	if (at != NULL && at->env != NULL) {
		config_entry_left_out(l, e, at, "%s is %s", at->env,
		    at->kind == NODE_NULL ? "not set" : "empty");
		return 1;
	}
	value = config_variable(str_of(p->key_vars), name);
	if (value == NULL && (p->flags & PROVIDER_VERSIONED) != 0 &&
	    resolve_entra(l, e, n, true) == 1)
		return 0;
	if (value == NULL) {
		if (own_base || (p->flags & PROVIDER_KEY_OPTIONAL) != 0)
			return 0;
		config_entry_left_out(l, e, n, "it has no api_key and %s",
		    p->key_vars[0] == '\0'
			? "its provider has no variable for one"
			: unset_text(str_of(p->key_vars), text));
		return 1;
	}
	key = str_trim(str_of(value));
	for (size_t i = 0; i < key.n; i++) {
		if ((unsigned char)key.p[i] < 0x20 || key.p[i] == 0x7f) {
			loader_remark(l, CONFIG_ERROR, n,
			    "%s must be one line without control characters",
			    name);
			return -1;
		}
	}
	e->d.api_key = loader_keep(l, key);
	if (own_base && p->base_url[0] != '\0' && base_is_written(n))
		loader_remark(l, CONFIG_NOTE, n,
		    "no api_key here: %s is sent to this api_base, as LiteLLM "
		    "does",
		    name);
	return 0;
}

/* ---- provider ----------------------------------------------------------- */

static const char *
near_provider(struct str model)
{
	char *prefix = str_dup(str_cut(&model, '/'));
	const char *best = NULL;
	int best_distance = 3;

	for (size_t i = 0; i < provider_count; i++) {
		int d = str_distance(prefix, provider_table[i].prefix);

		if (d < best_distance && (size_t)d < strlen(prefix)) {
			best = provider_table[i].prefix;
			best_distance = d;
		}
	}
	free(prefix);
	return best;
}

static int
unknown_provider(struct loader *l, struct config_entry *e,
    const struct node *at)
{
	struct str model = str_of(e->d.litellm_model);
	const char *near = near_provider(model);

	if (e->custom_provider[0] != '\0')
		config_entry_left_out(l, e, at,
		    "no provider is called \"%.40s\"", e->custom_provider);
	else if (str_find(model, "/") >= 0 && near != NULL)
		config_entry_left_out(l, e, at,
		    "no provider is known for \"%.80s\"; did you mean "
		    "\"%s/\"?",
		    e->d.litellm_model, near);
	else
		config_entry_left_out(l, e, at,
		    "no provider is known for \"%.80s\"; write provider/name, "
		    "or openai/name with api_base for an OpenAI-compatible "
		    "server",
		    e->d.litellm_model);
	return 1;
}

/* LiteLLM's other way to say use_chat_completions_api. */
static struct str
without_chat(struct config_deployment *d, struct str name)
{
	static const char prefix[] = "chat_completions/";
	const size_t n = sizeof(prefix) - 1;

	if (strcmp(d->provider->prefix, "openai") != 0 ||
	    !str_starts(name, prefix) || name.n == n)
		return name;
	if (d->use_chat == CONFIG_UNSET)
		d->use_chat = 1;
	return str_make(name.p + n, name.n - n);
}

bool
config_has_responses(const struct config_deployment *d)
{
	if (d->use_chat == CONFIG_UNSET)
		return (d->provider->flags & PROVIDER_RESPONSES) != 0;
	return d->use_chat == 0 && strcmp(d->provider->dialect, "openai") == 0;
}

/* azure/o_series/NAME, azure/gpt5_series/NAME: what stands behind a deployment
   whose name does not say it. */
static void
resolve_series(struct config_deployment *d)
{
	static const char *const rows[][2] = { { "o_series/", "o3" },
		{ "gpt5_series/", "gpt-5" } };

	if (strcmp(d->provider->prefix, "azure") != 0)
		return;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t n = strlen(rows[i][0]);

		if (!str_starts(str_of(d->upstream_model), rows[i][0]) ||
		    d->upstream_model[n] == '\0')
			continue;
		d->family = rows[i][1];
		d->upstream_model += n;
	}
}

/* 0; 1 left out. */
static int
resolve_provider(struct loader *l, struct config_entry *e, const struct node *n)
{
	struct config_deployment *d = &e->d;
	const struct node *at =
	    node_find(node_find(n, "litellm_params"), "model");
	struct str name = str_make("", 0);

	d->provider = provider_resolve(str_of(d->litellm_model),
	    str_of(d->api_base), str_of(e->custom_provider), &name);
	if (d->provider == NULL)
		return unknown_provider(l, e, at);
	if (name.n == 0) {
		config_entry_left_out(l, e, at,
		    "model has no name after \"%s/\"", d->provider->prefix);
		return 1;
	}
	name = without_chat(d, name);
	d->upstream_model = loader_keep(l, name);
	resolve_series(d);
	if (d->mock_response != NULL)
		return 0;
	if ((d->provider->flags & PROVIDER_LATER) != 0) {
		config_entry_left_out(l, e, at,
		    "the dialect of %s is not served yet (%s)",
		    d->provider->title, d->provider->prefix);
		return 1;
	}
	if (str_starts(name, "responses/") &&
	    (d->provider->flags & PROVIDER_RESPONSES) != 0) {
		loader_remark(l, CONFIG_WARN, at,
		    "requests of /v1/responses go to its Responses API; chats "
		    "go to its chat API, where LiteLLM makes responses of "
		    "them: a model that has none refuses them");
		str_cut(&name, '/');
		d->upstream_model = loader_keep(l, name);
	}
	if (strcmp(d->provider->prefix, "vllm") == 0)
		loader_remark(l, CONFIG_WARN, at,
		    "vllm/ is vLLM inside LiteLLM's own process; here it means "
		    "hosted_vllm/, a server at api_base");
	/* Fireworks wants its models by their whole path; LiteLLM adds it. */
	if (strcmp(d->provider->prefix, "fireworks_ai") == 0 &&
	    !str_starts(name, "accounts/") && str_find(name, "#") < 0)
		d->upstream_model = arena_printf(&l->c->arena,
		    "accounts/fireworks/models/" STR_FMT, STR_ARG(name));
	return 0;
}

bool
config_upstream_resolve(struct loader *l, struct config_entry *e,
    const struct node *n)
{
	bool own_base;

	return resolve_provider(l, e, n) == 0 &&
	       config_aws_resolve(l, e, n) == 0 &&
	       resolve_base(l, e, n, &own_base) == 0 &&
	       resolve_key(l, e, n, own_base) == 0;
}
