/*
 * How fast a deployment answered lately, in this worker: its last answers'
 * times, and the percentile that a hedge waits for (exchange/hedge.h). Times
 * to the first token for streams, of whole answers for the others. Local on
 * purpose: it is a habit, not a promise, and learned anew in a few requests.
 */
#ifndef EXCHANGE_TEMPO_H
#define EXCHANGE_TEMPO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TEMPO_SAMPLES 128
/* Fewer say nothing about a 95th percentile. */
#define TEMPO_LEAST 20

struct tempo {
	size_t count, next; /* count up to TEMPO_SAMPLES */
	uint32_t micros[TEMPO_SAMPLES];
};

void tempo_add(struct tempo *t, int64_t nsecs);
/* The 95th percentile in nanoseconds; 0: too little is known. */
int64_t tempo_p95(const struct tempo *t);

#endif
