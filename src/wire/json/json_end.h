/*
 * Whether a JSON object or list that comes in pieces is whole: no check, only
 * its brackets are counted. For tool calls, whose arguments are such a text.
 */
#ifndef WIRE_JSON_END_H
#define WIRE_JSON_END_H

#include "base/str.h"

#include <stdint.h>

/* Zeroed: nothing has come. */
struct json_end {
	bool begun, in_string, escaped;
	int64_t depth;
};

void json_end_feed(struct json_end *e, struct str piece);
bool json_end_is_whole(const struct json_end *e);

#endif
