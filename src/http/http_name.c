/* The table of header names. See http_name.h. */
#include "http/http_name.h"

#define NAMES_PER_LENGTH 6

struct row {
	const char *text;
	enum http_name name;
};

/* Found by length, then compared with the few that have it. */
static const struct row rows[HTTP_NAME_BYTES + 1][NAMES_PER_LENGTH] = {
	[2] = { { "te", HTTP_NAME_TE } },
	[4] = { { "host", HTTP_NAME_HOST }, { "date", HTTP_NAME_DATE } },
	[6] = { { "expect", HTTP_NAME_EXPECT } },
	[7] = { { "api-key", HTTP_NAME_API_KEY },
	    { "trailer", HTTP_NAME_TRAILER },
	    { "upgrade", HTTP_NAME_UPGRADE } },
	[9] = { { "x-api-key", HTTP_NAME_X_API_KEY } },
	[10] = { { "connection", HTTP_NAME_CONNECTION },
	    { "keep-alive", HTTP_NAME_KEEP_ALIVE } },
	[12] = { { "content-type", HTTP_NAME_CONTENT_TYPE },
	    { "x-request-id", HTTP_NAME_X_REQUEST_ID } },
	[13] = { { "authorization", HTTP_NAME_AUTHORIZATION } },
	[14] = { { "content-length", HTTP_NAME_CONTENT_LENGTH },
	    { "anthropic-beta", HTTP_NAME_ANTHROPIC_BETA },
	    { "x-goog-api-key", HTTP_NAME_X_GOOG_API_KEY },
	    { "x-litellm-tags", HTTP_NAME_X_LITELLM_TAGS } },
	[16] = { { "proxy-connection", HTTP_NAME_PROXY_CONNECTION } },
	[17] = { { "transfer-encoding", HTTP_NAME_TRANSFER_ENCODING },
	    { "anthropic-version", HTTP_NAME_ANTHROPIC_VERSION },
	    { "x-litellm-api-key", HTTP_NAME_X_LITELLM_API_KEY },
	    { "x-litellm-call-id", HTTP_NAME_X_LITELLM_CALL_ID },
	    { "x-litellm-timeout", HTTP_NAME_X_LITELLM_TIMEOUT } },
	[21] = { { "x-litellm-num-retries", HTTP_NAME_X_LITELLM_NUM_RETRIES } },
	[24] = { { "x-litellm-stream-timeout",
	    HTTP_NAME_X_LITELLM_STREAM_TIMEOUT } },
};

enum http_name
http_name_find(struct str lower)
{
	const struct row *row;

	if (lower.n == 0 || lower.n > HTTP_NAME_BYTES)
		return HTTP_NAME_OTHER;
	/* The last letter tells most apart. */
	for (row = rows[lower.n]; row->text != NULL; row++)
		if (row->text[lower.n - 1] == lower.p[lower.n - 1] &&
		    memcmp(row->text, lower.p, lower.n) == 0)
			return row->name;
	return HTTP_NAME_OTHER;
}

enum http_name
http_name_find_nocase(struct str name)
{
	char lower[HTTP_NAME_BYTES];
	enum http_name found = http_name_find(name);

	if (found != HTTP_NAME_OTHER || name.n > sizeof(lower) ||
	    rows[name.n][0].text == NULL)
		return found;
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];

		lower[i] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
	}
	return http_name_find(str_make(lower, name.n));
}

bool
http_name_is_reserved(enum http_name name)
{
	switch (name) {
	case HTTP_NAME_CONNECTION:
	case HTTP_NAME_CONTENT_LENGTH:
	case HTTP_NAME_TRANSFER_ENCODING:
#define RESERVED(NAME, text) case HTTP_NAME_##NAME:
		HTTP_RESERVED_NAMES(RESERVED)
#undef RESERVED
		return true;
	default:
		return false;
	}
}
