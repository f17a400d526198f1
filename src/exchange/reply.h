/*
 * What the client gets: the response headers of ours and LiteLLM's, plain
 * answers, errors in the client's dialect, and the beginning of streams.
 */
#ifndef EXCHANGE_REPLY_H
#define EXCHANGE_REPLY_H

#include "exchange/exchange.h"

/* Headers every answer of this exchange carries. */
void reply_headers(struct exchange *x);
/* Starts a stream (200, text/event-stream). */
void reply_start_stream(struct exchange *x);
/* A whole answer from x->out. */
void reply_plain(struct exchange *x);
/* x->error as a whole answer, or as a stream's error event and its end. */
void reply_error(struct exchange *x);
/* An error for a call that never became an exchange (unknown path, wrong
   method): OpenAI's shape. */
void reply_call_error(struct http_call *call, enum err_code code,
    const char *detail);

#endif
