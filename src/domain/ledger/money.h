/*
 * Money: int64 nano-dollars (1e-9 USD), prices int64 pico-dollars (1e-12 USD)
 * per token. Products are taken in 128 bits and rounded once per attempt,
 * half up. Nothing here wraps: an overflow saturates at MONEY_MAX, which no
 * budget admits.
 */
#ifndef DOMAIN_MONEY_H
#define DOMAIN_MONEY_H

#include "base/num.h"
#include "base/str.h"

#include <stdint.h>

#define MONEY_MAX        NUM_SUM_MAX
#define NANOS_PER_USD    INT64_C(1000000000)
#define PICOS_PER_NANO   1000
#define MONEY_TEXT_BYTES 32

/* "12.5" → nano-dollars; -1 when it is no decimal, negative, too large, or
   has digits below a nano-dollar. */
int money_parse(struct str s, int64_t *nanos_r) MUST_CHECK;
/* Exact decimal USD: "0.000123". Returns its length. */
size_t money_format(int64_t nanos, char out[MONEY_TEXT_BYTES]);
/* Saturating sum. */
static inline int64_t
money_add(int64_t a, int64_t b)
{
	return num_sum(a, b);
}
/* Σ in pico-dollars → nano-dollars, half up, saturating. */
int64_t money_from_picos(__int128 picos);

#endif
