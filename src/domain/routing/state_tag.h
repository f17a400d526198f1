/*
 * The name of a deployment inside of ids under which its provider keeps state
 * (responses): 12 hex digits over the deployment's id, so that any id gives
 * plain characters of one length. The same over restarts and on all hosts of
 * one configuration.
 */
#ifndef DOMAIN_STATE_TAG_H
#define DOMAIN_STATE_TAG_H

#include "base/str.h"

#define STATE_TAG_CHARS 12

void state_tag(const char *deployment_id, char tag_r[STATE_TAG_CHARS + 1]);

#endif
