/* A ring of times and its percentile. See tempo.h. Pure. */
#include "exchange/tempo.h"

#include <stdlib.h>
#include <string.h>

void
tempo_add(struct tempo *t, int64_t nsecs)
{
	int64_t micros = nsecs / 1000;

	if (nsecs < 0)
		return;
	t->micros[t->next] =
	    micros < UINT32_MAX ? (uint32_t)micros : UINT32_MAX;
	t->next = (t->next + 1) % TEMPO_SAMPLES;
	if (t->count < TEMPO_SAMPLES)
		t->count++;
}

static int
compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

int64_t
tempo_p95(const struct tempo *t)
{
	uint32_t sorted[TEMPO_SAMPLES];

	if (t->count < TEMPO_LEAST)
		return 0;
	memcpy(sorted, t->micros, t->count * sizeof(sorted[0]));
	qsort(sorted, t->count, sizeof(sorted[0]), compare);
	/* The least time that at least 95 % of them do not exceed. */
	return (int64_t)sorted[(t->count * 95 + 99) / 100 - 1] * 1000;
}
