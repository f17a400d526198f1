/*
 * What is wrong with a request, and its error body in each dialect. A scripted
 * error (error_status) is a problem too.
 */
#ifndef SIM_PROBLEM_H
#define SIM_PROBLEM_H

#include "base/jsonw.h"

enum dialect {
	DIALECT_OPENAI,
	DIALECT_ANTHROPIC,
	DIALECT_MISTRAL,
	DIALECT_BEDROCK
};

struct problem {
	int status;
	char code[64];  /* "" is null */
	char param[64]; /* what field is meant; "" is null */
	char message[320];
	/* Mistral's 422: `param` is a field it does not know. */
	bool extra_field;
};

/* Fills *p and returns -1, for `return problem_set(...)`. */
int problem_set(struct problem *p, int status, const char *code,
    const char *fmt, ...) PRINTF(4, 5);
/* Names the field that is meant; returns -1. */
int problem_param(struct problem *p, const char *param);
/*
 * An error that was asked for: its texts follow from status and code as real
 * providers have them (the words that clients look for are in the message).
 */
void problem_script(struct problem *p, enum dialect dialect, int status,
    const char *code);
/* The error object of the dialect. request_id goes where the dialect has it. */
void problem_write(const struct problem *p, enum dialect dialect,
    struct str request_id, struct jsonw *w);
/* What AWS calls a status: "ThrottlingException". */
const char *problem_aws_type(int status);
const char *dialect_name(enum dialect dialect);
/* 0 found, -1 no such dialect. */
int dialect_find(struct str name, enum dialect *dialect_r) MUST_CHECK;
/* "Not Found"; "Error" for a status without a usual phrase. */
const char *status_phrase(int status);

#endif
