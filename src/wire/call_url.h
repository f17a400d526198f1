/*
 * The address of a call: the deployment's base and the path of the API.
 *
 * The base may come with or without "/v1", and with the whole path: what of
 * the path stands at its end is not added again.
 *
 * Cohere's reranks go to /v2/rerank of the same host, whatever the base says of
 * its OpenAI-compatible API, which has none.
 *
 * Azure OpenAI (notes on the wire formats, section 3.5), by its base:
 *   https://HOST, HOST/openai   /openai/deployments/NAME + path
 *   .../openai/deployments/NAME + path
 *   .../openai/v1               + path: the deployment is the body's model
 * The versions v1, latest and preview mean the last form, as in LiteLLM
 * (_is_azure_v1_api_version in its llms/azure/common_utils.py). So do
 * responses when nobody names a version: dated ones have them from
 * 2025-03-01-preview on.
 * Azure AI: https://NAME.services.ai.azure.com becomes .../models + path.
 * Both get ?api-version= when the deployment has one, but for v1 and latest,
 * which are no versions of the v1 form but its name.
 */
#ifndef WIRE_CALL_URL_H
#define WIRE_CALL_URL_H

#include "wire/dialect.h"

/* path: "/chat/completions". In the arena. */
const char *call_url(const struct wire_choice *choice, const char *path,
    struct arena *arena);
/* A name as one segment of a path, all but letters, digits and -._~ encoded. */
const char *call_url_segment(const char *name, struct arena *arena);

#endif
