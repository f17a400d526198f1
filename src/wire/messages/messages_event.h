/*
 * Events of Anthropic's streams that the gateway writes itself: for providers
 * that speak otherwise, for answers that came in one piece, for ends the
 * provider did not send. Strings come as JSON text, with their quotes. A buffer
 * without room is marked; its owner looks.
 */
#ifndef WIRE_MESSAGES_EVENT_H
#define WIRE_MESSAGES_EVENT_H

#include "base/buf.h"
#include "domain/ledger/usage.h"

#include <stdint.h>

/* message_start; id empty: one is made up. */
void messages_event_start(struct str id, struct str model,
    const struct usage *u, struct buf *out);
/* content_block_start; block: the whole object. */
void messages_event_block(int64_t index, struct str block, struct buf *out);
/* content_block_delta: {"type":type,member:string}. */
void messages_event_delta(int64_t index, const char *type, const char *member,
    struct str string, struct buf *out);
void messages_event_block_stop(int64_t index, struct buf *out);
/* message_delta; stop_sequence: a JSON string, "" not known. */
void messages_event_end(const char *stop_reason, struct str stop_sequence,
    const struct usage *u, struct buf *out);
void messages_event_stop(struct buf *out);
void messages_event_ping(struct buf *out);

#endif
