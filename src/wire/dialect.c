/* The list of dialects that are served. See dialect.h; a new one is a row. */
#include "wire/dialect.h"

#include "wire/responses/responses_pass.h"

static const struct dialect *const dialects[] = {
	&dialect_openai,
	&dialect_anthropic,
	&dialect_bedrock,
};

bool
dialect_has_responses(const struct provider *provider)
{
	return provider != NULL && (provider->flags & PROVIDER_RESPONSES) != 0;
}

const struct relay_ops *
dialect_relay(const struct dialect *dialect, const struct provider *provider,
    enum wire_api api)
{
	if ((api == WIRE_RESPONSES || api == WIRE_RESPONSE) &&
	    dialect_has_responses(provider))
		return &responses_pass;
	return dialect->relay(api);
}

const struct dialect *
dialect_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(dialects); i++) {
		if (strcmp(dialects[i]->name, name) == 0)
			return dialects[i];
	}
	return NULL;
}
