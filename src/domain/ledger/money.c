/* Money: exact sums that saturate. See money.h. */
#include "domain/ledger/money.h"

int
money_parse(struct str s, int64_t *nanos_r)
{
	bool inexact;
	int64_t v;

	if (s.n == 0 || s.p[0] == '-' || num_decimal(s, 9, &v, &inexact) != 0 ||
	    inexact || v >= MONEY_MAX)
		return -1;
	*nanos_r = v;
	return 0;
}

size_t
money_format(int64_t nanos, char out[MONEY_TEXT_BYTES])
{
	_Static_assert(MONEY_TEXT_BYTES >= NUM_TEXT_BYTES, "room for a number");
	return num_format(nanos, 9, out);
}

static int64_t
saturated(__int128 nanos)
{
	if (nanos > MONEY_MAX)
		return MONEY_MAX;
	if (nanos < -MONEY_MAX)
		return -MONEY_MAX;
	return (int64_t)nanos;
}

int64_t
money_from_picos(__int128 picos)
{
	__int128 nanos, rest;

	/* Half up means up: -0.5 becomes 0, as 0.5 becomes 1. */
	nanos = picos / PICOS_PER_NANO;
	rest = picos - nanos * PICOS_PER_NANO;
	if (rest < 0) {
		rest += PICOS_PER_NANO;
		nanos--;
	}
	if (rest >= PICOS_PER_NANO / 2)
		nanos++;
	return saturated(nanos);
}
