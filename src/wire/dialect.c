/* The list of dialects that are served. See dialect.h; a new one is a row. */
#include "wire/dialect.h"

static const struct dialect *const dialects[] = {
	&dialect_openai,
	&dialect_anthropic,
};

const struct dialect *
dialect_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(dialects); i++) {
		if (strcmp(dialects[i]->name, name) == 0)
			return dialects[i];
	}
	return NULL;
}
