/*
 * What the relays of all dialects note in the same way: an answer that cannot
 * be used, an error the provider reports inside of it, how much came, and the
 * honest ending of a stream that failed.
 */
#ifndef WIRE_RELAY_NOTE_H
#define WIRE_RELAY_NOTE_H

#include "wire/json/skim.h"
#include "wire/relay.h"

/* Notes what is wrong and returns -1 with ERR_UPSTREAM_FORMAT. */
int relay_malformed(struct relay *r, struct err *err, const char *fmt, ...)
    PRINTF(3, 4);
/* Notes an error body (JSON) that came in band: -1 with ERR_UPSTREAM. status:
   what the body stands for when it does not say; 0 unknown. */
int relay_error(struct relay *r, struct str body, int status, struct err *err);
/* The text so far would be this many tokens. */
int64_t relay_guess(int64_t text_bytes, int64_t deltas);
/* What an answer used as far as is known: the facts' usage, with guesses for
   what the provider did not say. */
struct usage relay_known_usage(const struct relay *r);
/* A JSON string's meaning into a field, one line, cut to fit. */
void relay_copy_string(const struct skim_value *v, char *field, size_t size);
/* The error event of the client's dialect. */
void relay_fail_event(const struct relay *r, enum err_code code,
    const char *text, struct buf *out);
/* A comment: a sign of life that the SDKs of all but Anthropic's API expect. */
void relay_keep_alive(struct relay *r, struct buf *out);
/* -1 ERR_OVERLOADED when out had no room for all of it. */
int relay_check_room(const struct buf *out, struct err *err) MUST_CHECK;
/* The client's name for the model as JSON text; `quoted` is initialised. */
void relay_quote_model(const struct relay *r, struct buf *quoted);

#endif
