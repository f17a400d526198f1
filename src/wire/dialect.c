/* The list of dialects that are served. See dialect.h; a new one is a row. */
#include "wire/dialect.h"

#include "wire/responses/responses_pass.h"

static const struct dialect *const dialects[] = {
	&dialect_openai,
	&dialect_anthropic,
	&dialect_bedrock,
};

const struct relay_ops *
dialect_relay(const struct dialect *dialect, const struct config_deployment *d,
    enum wire_api api)
{
	if ((api == WIRE_RESPONSES || api == WIRE_RESPONSE) && d != NULL &&
	    config_has_responses(d))
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
