/*
 * What an attempt cost, what it can cost at most, and how many tokens an
 * amount pays for. Pure; sums in 128 bits, which no 64-bit count of tokens at
 * PRICE_TOKEN_MAX_PICOS can fill; one rounding, half up; saturates at
 * MONEY_MAX. Formula: docs/prices.md, "Kinds of tokens".
 */
#include "domain/prices/price_rates.h"

static int64_t
at_least_0(int64_t v)
{
	return v > 0 ? v : 0;
}

/* A kind without any rate in its row (output of an embedding) is free. */
static __int128
rate_of(const struct price_rates *r, enum price_kind kind)
{
	return at_least_0(price_rate_of(r, kind));
}

static __int128
input_picos(const struct price_rates *r, const struct usage *u)
{
	int64_t cached = at_least_0(u->cached_tokens);
	int64_t write = at_least_0(u->cache_write_tokens);
	int64_t long_write = at_least_0(u->cache_write_1h_tokens);
	int64_t audio = at_least_0(u->audio_input_tokens);
	int64_t image = at_least_0(u->image_input_tokens);
	__int128 text;

	if (long_write > write)
		long_write = write;
	/* The parts may overlap (cached audio): the rest is never below 0. */
	text = (__int128)at_least_0(u->prompt_tokens) - cached - write - audio -
	       image;
	if (text < 0)
		text = 0;
	return text * rate_of(r, PRICE_INPUT) +
	       cached * rate_of(r, PRICE_CACHED_INPUT) +
	       (write - long_write) * rate_of(r, PRICE_CACHE_WRITE) +
	       long_write * rate_of(r, PRICE_CACHE_WRITE_1H) +
	       audio * rate_of(r, PRICE_AUDIO_INPUT) +
	       image * rate_of(r, PRICE_IMAGE_INPUT);
}

/* The operator's own price is that of any picture. */
static __int128
image_picos(const struct price *p, int64_t factor)
{
	return (__int128)p->units.image *
	       (factor > 1 && !p->custom ? factor : 1);
}

/* A rerank of many documents, or of long ones, counts as several queries. */
static __int128
request_picos(const struct price *p, int64_t units)
{
	return (__int128)p->units.request * (units > 1 ? units : 1);
}

static __int128
unit_picos(const struct price *p, const struct usage *u)
{
	/* Seconds in milliseconds: exact, and no rounding of its own. */
	return request_picos(p, u->search_units) +
	       (__int128)at_least_0(u->images) *
		   image_picos(p, u->image_factor) +
	       (__int128)at_least_0(u->audio_millis) * p->units.second / 1000 +
	       (__int128)at_least_0(u->characters) * p->units.character +
	       (__int128)at_least_0(u->searches) *
		   p->units.search[u->search_size];
}

static __int128
output_picos(const struct price_rates *r, const struct usage *u)
{
	int64_t reasoning = at_least_0(u->reasoning_tokens);
	int64_t audio = at_least_0(u->audio_output_tokens);
	int64_t image = at_least_0(u->image_output_tokens);
	__int128 text = (__int128)at_least_0(u->completion_tokens) - reasoning -
			audio - image;

	if (text < 0)
		text = 0;
	return text * rate_of(r, PRICE_OUTPUT) +
	       reasoning * rate_of(r, PRICE_REASONING) +
	       audio * rate_of(r, PRICE_AUDIO_OUTPUT) +
	       image * rate_of(r, PRICE_IMAGE_OUTPUT);
}

/* ---- factors ------------------------------------------------------------ */

#define MILLIONTHS 1000000
/* Above it an amount is MONEY_MAX with any factor, and none is needed. */
#define FULL ((__int128)1 << 90)

/* The product of those that apply, in millionths. */
static __int128
factor_of(const struct price *p, bool fast, enum usage_geo geo)
{
	const struct price_factors *f = &p->factors;
	int64_t speed = fast ? f->fast : 0, place = 0;

	if (geo == GEO_US)
		place = f->geo_us;
	else if (geo == GEO_EU)
		place = f->geo_eu;
	return (__int128)(speed > 0 ? speed : 1000) *
	       (place > 0 ? place : 1000);
}

static __int128
times(__int128 picos, __int128 factor)
{
	return picos >= FULL ? picos : picos * factor / MILLIONTHS;
}

/* The largest amount that is at most room, once it is multiplied. */
static __int128
room_before(__int128 room, __int128 factor)
{
	return room < 0 ? -1 : ((room + 1) * MILLIONTHS - 1) / factor;
}

static __int128
off_peak(const struct price *p, const struct usage *u, __int128 picos)
{
	return u->off_peak && p->factors.off_peak > 0
		   ? picos * p->factors.off_peak / 1000
		   : picos;
}

/* ---- afterwards --------------------------------------------------------- */

int64_t
price_cost_nanos(const struct price *p, const struct usage *u)
{
	const struct price_rates *r;
	__int128 tokens;

	if (u->source == USAGE_NONE)
		return 0;
	if (u->has_reported_cost && !p->custom) {
		int64_t cost = at_least_0(u->reported_cost_nanos);

		return cost < MONEY_MAX ? cost : MONEY_MAX;
	}
	if (!p->known)
		return 0;
	r = price_row_of(p, u->tier, price_tier_of(p, u->prompt_tokens));
	tokens = times(input_picos(r, u) + output_picos(r, u),
	    factor_of(p, u->fast, u->geo));
	return money_from_picos(unit_picos(p, u) + off_peak(p, u, tokens));
}

/* ---- before the answer -------------------------------------------------- */

/* One row that an attempt could be charged by. */
struct reach {
	const struct price_rates *row;
	int64_t prompt_tokens; /* the longest prompt it applies to */
};

#define MAX_REACH (2 * (PRICE_MAX_TIERS + 1))

/* All rows within reach: both services, and every length up to the bound. */
static size_t
list_reach(const struct price *p, const struct price_bound *b,
    struct reach out[MAX_REACH])
{
	enum service_tier services[2] = { TIER_DEFAULT, b->tier };
	size_t n = 0, service_count = b->tier == TIER_DEFAULT ? 1 : 2;
	int64_t prompt =
	    at_least_0(b->prompt_tokens) + at_least_0(b->result_tokens);

	for (size_t s = 0; s < service_count; s++) {
		int last = price_tier_of(p, prompt);

		for (int tier = -1; tier <= last; tier++) {
			out[n].row = price_row_of(p, services[s], tier);
			out[n].prompt_tokens =
			    tier == last ? prompt
					 : p->tiers[tier + 1].above_tokens;
			n++;
		}
	}
	return n;
}

static __int128
dearer(__int128 a, __int128 b)
{
	return a > b ? a : b;
}

static int64_t
lesser(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* The dearest a prompt of this row can be. */
static __int128
prompt_picos(const struct reach *reach, const struct price_bound *b)
{
	const struct price_rates *r = reach->row;
	__int128 text =
	    dearer(rate_of(r, PRICE_INPUT), rate_of(r, PRICE_CACHED_INPUT));
	int64_t n = reach->prompt_tokens;

	if (!b->no_cache_write)
		text = dearer(text, rate_of(r, PRICE_CACHE_WRITE));
	if (!b->no_cache_write && !b->no_cache_write_1h)
		text = dearer(text, rate_of(r, PRICE_CACHE_WRITE_1H));
	return n * text +
	       lesser(at_least_0(b->audio_tokens), n) *
		   dearer(rate_of(r, PRICE_AUDIO_INPUT) - text, 0) +
	       lesser(at_least_0(b->image_tokens), n) *
		   dearer(rate_of(r, PRICE_IMAGE_INPUT) - text, 0);
}

static __int128
output_rate(const struct reach *reach, const struct price_bound *b)
{
	const struct price_rates *r = reach->row;
	__int128 rate =
	    dearer(rate_of(r, PRICE_OUTPUT), rate_of(r, PRICE_REASONING));

	if (b->audio_output)
		rate = dearer(rate, rate_of(r, PRICE_AUDIO_OUTPUT));
	return b->image_output ? dearer(rate, rate_of(r, PRICE_IMAGE_OUTPUT))
			       : rate;
}

static __int128
unit_bound(const struct price *p, const struct price_bound *b)
{
	return request_picos(p, b->search_units) +
	       (__int128)at_least_0(b->images) *
		   image_picos(p, b->image_factor) +
	       (__int128)at_least_0(b->seconds) * p->units.second +
	       (__int128)at_least_0(b->characters) * p->units.character +
	       (__int128)at_least_0(b->searches) *
		   p->units.search[b->search_size];
}

int64_t
price_bound_nanos(const struct price *p, const struct price_bound *b)
{
	struct reach reach[MAX_REACH];
	__int128 worst = 0;
	size_t n;

	if (!p->known)
		return 0;
	n = list_reach(p, b, reach);
	for (size_t i = 0; i < n; i++)
		worst = dearer(worst,
		    prompt_picos(&reach[i], b) + at_least_0(b->output_tokens) *
						     output_rate(&reach[i], b));
	return money_from_picos(
	    unit_bound(p, b) + times(worst, factor_of(p, b->fast, b->geo)));
}

int64_t
price_bound_tokens(const struct price *p, const struct price_bound *b,
    int64_t room_nanos)
{
	struct reach reach[MAX_REACH];
	int64_t least = INT64_MAX;
	__int128 room;
	size_t n;

	if (!p->known || room_nanos < 0)
		return -1;
	/* A saturated bound is MONEY_MAX: no room pays for it. */
	if (room_nanos >= MONEY_MAX)
		room_nanos = MONEY_MAX - 1;
	/* All that rounds down to the room. */
	room = (__int128)room_nanos * PICOS_PER_NANO + PICOS_PER_NANO / 2 - 1 -
	       unit_bound(p, b);
	room = room_before(room, factor_of(p, b->fast, b->geo));
	n = list_reach(p, b, reach);
	for (size_t i = 0; i < n; i++) {
		__int128 left = room - prompt_picos(&reach[i], b);
		__int128 rate = output_rate(&reach[i], b);

		if (left < 0)
			return -1;
		if (rate > 0 && left / rate < least)
			least = (int64_t)(left / rate);
	}
	return least;
}

static struct price_bound
text_bound(int64_t prompt_tokens, int64_t output_tokens)
{
	struct price_bound b = {
		.tier = TIER_DEFAULT,
		.prompt_tokens = prompt_tokens,
		.output_tokens = output_tokens,
	};

	return b;
}

int64_t
price_worst_nanos(const struct price *p, int64_t prompt_bound,
    int64_t output_bound)
{
	struct price_bound b = text_bound(prompt_bound, output_bound);

	return price_bound_nanos(p, &b);
}

int64_t
price_affordable_tokens(const struct price *p, int64_t prompt_bound,
    int64_t room_nanos)
{
	struct price_bound b = text_bound(prompt_bound, 0);

	return price_bound_tokens(p, &b, room_nanos);
}
