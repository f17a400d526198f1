/*
 * Shared by the files that read a request: the state of one reading and its
 * small helpers. Not for others: they use wire/request.h.
 */
#ifndef WIRE_REQUEST_PARSE_H
#define WIRE_REQUEST_PARSE_H

#include "wire/prompt_bound.h"
#include "wire/request.h"

struct request_parse {
	struct wire_request *r;
	struct arena *arena;
	struct prompt_size size;
	uint16_t index[KEY_COUNT]; /* of a key's member + 1; 0 absent */
	const char **param_r;
	struct err *err;
};

/* Names the key as the parameter at fault; returns -1. */
int request_bad(struct request_parse *p, enum request_key id, const char *what);
/* The value of a key; type SKIM_ABSENT when it is absent or null. */
struct skim_value request_value(const struct request_parse *p,
    enum request_key id);
/* A string's meaning: where it stands, or in the arena when it has escapes. */
struct str request_text(struct request_parse *p, const struct skim_value *v);
/* These leave the result alone when the value is absent or null. */
int request_flag(struct request_parse *p, enum request_key id, bool *flag_r);
int request_integer(struct request_parse *p, enum request_key id, int64_t least,
    int64_t most, int64_t *v_r);

/* The member that holds the prompt in this API. */
enum request_key request_prompt_key(enum wire_api api);

/* request_checks.c: the API's own members. */
int request_check(struct request_parse *p);
/* request_extras.c: tags, metadata, LiteLLM's members. */
int request_extras(struct request_parse *p);

#endif
