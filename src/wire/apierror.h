/*
 * Error bodies, both ways: ours to the client in its dialect, and a provider's
 * into an outcome class with a text that may be shown.
 */
#ifndef WIRE_APIERROR_H
#define WIRE_APIERROR_H

#include "base/buf.h"
#include "base/err.h"
#include "domain/routing/verdict.h"
#include "wire/request.h"

struct api_error {
	int status;
	const char *type;  /* never NULL */
	const char *code;  /* NULL prints null */
	const char *param; /* NULL prints null */
	struct str message;
};

/* From our list, with the operator's text kept out: message is the public
   text, a colon and `detail` when that is not NULL. */
void api_error_from(enum err_code code, const char *detail, const char *param,
    struct arena *arena, struct api_error *e_r);
/* The body in the dialect of the client's API. */
void api_error_write(enum wire_api api, const struct api_error *e,
    const char *request_id, struct buf *out);
/* The same as a stream event, with its blank line. */
void api_error_write_event(enum wire_api api, const struct api_error *e,
    struct buf *out);

/* A provider's refusal, understood. */
struct provider_error {
	enum outcome outcome;
	int status;
	char type[48], code[64], param[64];
	char message[512]; /* one line, valid UTF-8, secrets masked */
	/* When to come again, where the body says it and no header does
	   (Gemini's RetryInfo); 0 not said. */
	int64_t retry_after_nsecs;
};
/*
 * Reads an error answer of any dialect (object, array, string, detail lists,
 * HTML, empty). secret: the key that was sent, masked out of the message (NULL
 * none); what looks like a key is masked in any case. status 0 or below 300:
 * an error inside an answer; then e_r->status is what the body says, 0 when it
 * says nothing.
 */
void provider_error_read(int status, struct str body, const char *secret,
    struct provider_error *e_r);
/* What a client is told of it, in OpenAI's words: those its SDKs know. status
   0, type NULL, code NULL: what the outcome's own error says
   (domain/routing/verdict.h). Valid as long as *e. */
struct error_words {
	int status;
	const char *type, *code, *param;
};
void provider_error_words(const struct provider_error *e,
    struct error_words *w_r);
/* provider_class.c: the outcome of type, code, status and a text. */
enum outcome provider_error_class(const struct provider_error *e,
    struct str text);

#endif
