/*
 * What a running stream has delivered, noted with its hold every few seconds,
 * so that a keeper who has to settle it charges for that too.
 */
#ifndef EXCHANGE_PROGRESS_H
#define EXCHANGE_PROGRESS_H

#include "exchange/exchange.h"

/* Queues a note when one is due. The note runs before any settlement that is
   queued later, and nobody waits for it. */
void progress_note(struct exchange *x);

#endif
