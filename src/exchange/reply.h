/*
 * What the client gets: the response headers of ours and LiteLLM's, plain
 * answers, errors in the client's dialect, and the beginning of streams.
 */
#ifndef EXCHANGE_REPLY_H
#define EXCHANGE_REPLY_H

#include "exchange/exchange.h"

/* Starts a stream (200, text/event-stream). */
void reply_start_stream(struct exchange *x);
/* A whole answer from x->out. */
void reply_plain(struct exchange *x);
/* x->error as a whole answer, or as a stream's error event and its end. */
void reply_error(struct exchange *x);

#endif
