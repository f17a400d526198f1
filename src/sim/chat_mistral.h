/*
 * What Mistral refuses and OpenAI takes: fields it does not know (422), an
 * order of roles it does not like (400, 3230), ids of tool calls that are not
 * nine letters and digits (400, 3280). Checked before the request is read in
 * OpenAI's shape, in the dialect mistral only.
 */
#ifndef SIM_CHAT_MISTRAL_H
#define SIM_CHAT_MISTRAL_H

#include "sim/chat.h"

/* 0 when Mistral would take the body, else -1 and *p. */
int chat_mistral_check(const struct chat *chat, struct problem *p) MUST_CHECK;

#endif
