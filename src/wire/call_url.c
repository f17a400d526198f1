/* The address of a call. See call_url.h. */
#include "wire/call_url.h"

static bool
ends_with(const char *s, const char *tail)
{
	return str_ends(str_of(s), tail);
}

static bool
has(const char *s, const char *part)
{
	return strstr(s, part) != NULL;
}

/* Base and path, the end that they share once. */
static const char *
add_path(const char *base, const char *path, struct arena *arena)
{
	size_t base_n = strlen(base);

	for (size_t n = strlen(path); n > 1; n--) {
		bool whole = path[n] == '\0';

		if (!whole &&
		    (path[n] != '/' || !str_starts(str_of(path), "/v1/")))
			continue;
		if (base_n >= n && memcmp(base + base_n - n, path, n) == 0)
			return arena_join(arena, base, path + n);
	}
	return arena_join(arena, base, path);
}

const char *
call_url_segment(const char *name, struct arena *arena)
{
	static const char hex[] = "0123456789ABCDEF";
	char *text = arena_alloc(arena, 3 * strlen(name) + 1), *p = text;

	for (const char *s = name; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9') || strchr("-._~", c) != NULL) {
			*p++ = (char)c;
			continue;
		}
		*p++ = '%';
		*p++ = hex[c >> 4];
		*p++ = hex[c & 15];
	}
	*p = '\0';
	return text;
}

/* Azure's version to ask for. */
static const char *
version_of(const struct config_deployment *d, const char *path)
{
	if (d->api_version_is_default && str_starts(str_of(path), "/responses"))
		return "preview";
	return d->api_version;
}

static bool
is_v1(const char *version)
{
	return strcmp(version, "v1") == 0 || strcmp(version, "latest") == 0 ||
	       strcmp(version, "preview") == 0;
}

static const char *
azure_base(const struct wire_choice *choice, const char *base, const char *path,
    struct arena *arena)
{
	const char *name = choice->upstream_model != NULL
			       ? choice->upstream_model
			       : choice->deployment->upstream_model;

	if (has(base, "/openai/deployments/") || has(base, "/openai/v1"))
		return base;
	if (!ends_with(base, "/openai"))
		base = arena_join(arena, base, "/openai");
	if (is_v1(version_of(choice->deployment, path)))
		return arena_join(arena, base, "/v1");
	if (str_starts(str_of(path), "/responses") ||
	    strcmp(path, "/models") == 0)
		return base; /* no deployment's own */
	return arena_printf(arena, "%s/deployments/%s", base,
	    call_url_segment(name, arena));
}

/* Cohere's reranks have no place in its OpenAI-compatible API. */
static const char *
rerank_base(const char *base, struct arena *arena)
{
	static const char compatible[] = "/compatibility/v1";

	if (ends_with(base, compatible))
		base = arena_strndup(arena, base,
		    strlen(base) - strlen(compatible));
	else if (ends_with(base, "/v1") || ends_with(base, "/v2") ||
		 ends_with(base, "/rerank"))
		return base;
	return arena_join(arena, base, "/v2");
}

static const char *
base_of(const struct wire_choice *choice, const char *path, struct arena *arena)
{
	const struct config_deployment *d = choice->deployment;
	const char *base =
	    d->api_base[0] != '\0' ? d->api_base : d->provider->base_url;
	unsigned flags = d->provider->flags;

	if (strcmp(path, "/rerank") == 0 &&
	    str_starts(str_of(d->provider->prefix), "cohere"))
		return rerank_base(base, arena);
	if ((flags & PROVIDER_AZURE) != 0)
		return azure_base(choice, base, path, arena);
	if ((flags & PROVIDER_VERSIONED) != 0 &&
	    ends_with(base, ".services.ai.azure.com"))
		return arena_join(arena, base, "/models");
	if ((flags & PROVIDER_BASE_V1) != 0 && !ends_with(base, "/v1") &&
	    !ends_with(base, path))
		return arena_join(arena, base, "/v1");
	return base;
}

const char *
call_url(const struct wire_choice *choice, const char *path,
    struct arena *arena)
{
	const struct config_deployment *d = choice->deployment;
	const char *url = add_path(base_of(choice, path, arena), path, arena);
	const char *version = version_of(d, path);

	if ((d->provider->flags & PROVIDER_VERSIONED) == 0 ||
	    version[0] == '\0' || strcmp(version, "v1") == 0 ||
	    strcmp(version, "latest") == 0)
		return url;
	return arena_printf(arena, "%s%sapi-version=%s", url,
	    has(url, "?") ? "&" : "?", version);
}
