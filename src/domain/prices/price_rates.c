/*
 * Rows of rates: kinds, fallbacks, the matrix of a price, and how rows that a
 * table left out are completed. See price_rates.h, docs/prices.md ("Rows").
 * Pure arithmetic on a struct price; fails only where a tier has no room.
 */
#include "domain/prices/price_rates.h"

#include "base/hash.h"

#include <stddef.h>

struct kind_row {
	const char *name;
	size_t offset;
	enum price_kind parent;
};

#define KIND_ROW(NAME, field, parent)                                          \
	{ #field, offsetof(struct price_rates, field), PRICE_##parent },
static const struct kind_row kinds[PRICE_KIND_COUNT] = { PRICE_KINDS(
    KIND_ROW) };
#undef KIND_ROW

const char *
price_kind_name(enum price_kind kind)
{
	return kinds[kind].name;
}

int
price_kind_parse(struct str name, enum price_kind *kind_r)
{
	for (int k = 0; k < PRICE_KIND_COUNT; k++) {
		if (str_is(name, kinds[k].name)) {
			*kind_r = (enum price_kind)k;
			return 0;
		}
	}
	return -1;
}

const char *
price_service_name(enum service_tier service)
{
	return service == TIER_DEFAULT ? "" : service_tier_name(service);
}

/* ---- one row ------------------------------------------------------------ */

int64_t *
price_rate(struct price_rates *r, enum price_kind kind)
{
	return (int64_t *)(void *)((char *)r + kinds[kind].offset);
}

static int64_t
own_rate(const struct price_rates *r, enum price_kind kind)
{
	return *(const int64_t *)(const void *)((const char *)r +
						kinds[kind].offset);
}

int64_t
price_rate_of(const struct price_rates *r, enum price_kind kind)
{
	while (kind != PRICE_NONE) {
		int64_t rate = own_rate(r, kind);

		if (rate != PRICE_UNSET)
			return rate;
		kind = kinds[kind].parent;
	}
	return PRICE_UNSET;
}

void
price_rates_clear(struct price_rates *r)
{
	for (int k = 0; k < PRICE_KIND_COUNT; k++)
		*price_rate(r, (enum price_kind)k) = PRICE_UNSET;
}

bool
price_rates_absent(const struct price_rates *r)
{
	return r->input == PRICE_UNSET && r->output == PRICE_UNSET;
}

static bool
is_empty(const struct price_rates *r)
{
	for (int k = 0; k < PRICE_KIND_COUNT; k++) {
		if (own_rate(r, (enum price_kind)k) != PRICE_UNSET)
			return false;
	}
	return true;
}

/* ---- the matrix --------------------------------------------------------- */

void
price_clear(struct price *p)
{
	memset(p, 0, sizeof(*p));
	for (int s = 0; s < PRICE_SERVICES; s++)
		price_rates_clear(price_row(p, (enum service_tier)s, -1));
	p->max_input_tokens = CONFIG_UNSET;
	p->max_output_tokens = CONFIG_UNSET;
}

const struct price_rates *
price_row_const(const struct price *p, enum service_tier service, int tier)
{
	switch (service) {
	case TIER_DEFAULT:
		return tier < 0 ? &p->base : &p->tiers[tier].rates;
	case TIER_FLEX:
		return tier < 0 ? &p->flex : &p->tiers[tier].flex;
	case TIER_PRIORITY:
		return tier < 0 ? &p->priority : &p->tiers[tier].priority;
	case TIER_BATCH:
		return tier < 0 ? &p->batch : &p->tiers[tier].batch;
	case TIER_ULTRAFAST:
		return tier < 0 ? &p->ultrafast : &p->tiers[tier].ultrafast;
	}
	return &p->base;
}

struct price_rates *
price_row(struct price *p, enum service_tier service, int tier)
{
	/* The same row; p may be changed. */
	return (
	    struct price_rates *)(uintptr_t)price_row_const(p, service, tier);
}

const struct price_rates *
price_row_of(const struct price *p, enum service_tier service, int tier)
{
	const struct price_rates *r = price_row_const(p, service, tier);

	return price_rates_absent(r) ? price_row_const(p, TIER_DEFAULT, tier)
				     : r;
}

int
price_tier_of(const struct price *p, int64_t prompt_tokens)
{
	int tier = -1;

	for (size_t i = 0; i < p->tier_count; i++) {
		if (prompt_tokens > p->tiers[i].above_tokens)
			tier = (int)i;
	}
	return tier;
}

int
price_tier_add(struct price *p, int64_t above_tokens)
{
	size_t i = 0;

	while (i < p->tier_count && p->tiers[i].above_tokens < above_tokens)
		i++;
	if (i < p->tier_count && p->tiers[i].above_tokens == above_tokens)
		return (int)i;
	if (p->tier_count == PRICE_MAX_TIERS)
		return -1;
	memmove(&p->tiers[i + 1], &p->tiers[i],
	    (p->tier_count - i) * sizeof(p->tiers[0]));
	p->tier_count++;
	p->tiers[i].above_tokens = above_tokens;
	for (int s = 0; s < PRICE_SERVICES; s++)
		price_rates_clear(price_row(p, (enum service_tier)s, (int)i));
	return (int)i;
}

/* ---- completing --------------------------------------------------------- */

/* rate × to / of, rounded up; the rate itself where there is no ratio. */
static int64_t
in_ratio(int64_t rate, int64_t to, int64_t of)
{
	__int128 scaled;

	if (to <= 0 || of <= 0)
		return rate;
	scaled = ((__int128)rate * to + of - 1) / of;
	return scaled > PRICE_TOKEN_MAX_PICOS ? PRICE_TOKEN_MAX_PICOS
					      : (int64_t)scaled;
}

static int64_t
parent_rate(const struct price_rates *r, enum price_kind kind)
{
	return price_rate_of(r, kinds[kind].parent);
}

/*
 * A zero for a part of a paid prompt or answer is how the de-facto form
 * writes "no price of its own"; taken as a price it would be a free ride.
 */
static void
drop_zeros(struct price_rates *r, const struct price_rates *base)
{
	for (int i = 0; i < PRICE_KIND_COUNT; i++) {
		enum price_kind k = (enum price_kind)i;

		if (own_rate(r, k) == 0 && kinds[k].parent != PRICE_NONE &&
		    (parent_rate(r, k) > 0 || parent_rate(base, k) > 0))
			*price_rate(r, k) = PRICE_UNSET;
	}
}

/* A kind that costs what it falls back to needs no price of its own. */
static void
drop_redundant(struct price_rates *r)
{
	for (int i = PRICE_KIND_COUNT - 1; i >= 0; i--) {
		enum price_kind k = (enum price_kind)i;

		if (own_rate(r, k) != PRICE_UNSET &&
		    own_rate(r, k) == parent_rate(r, k))
			*price_rate(r, k) = PRICE_UNSET;
	}
}

/* Gives a row each kind that the reference names and it does not, in the
   ratio that the two have for the kind it would fall back to. */
static void
fill_row(struct price_rates *r, const struct price_rates *reference)
{
	for (int i = 0; i < PRICE_KIND_COUNT; i++) {
		enum price_kind k = (enum price_kind)i;
		int64_t rate = own_rate(reference, k);

		if (own_rate(r, k) == PRICE_UNSET && rate != PRICE_UNSET)
			*price_rate(r, k) = in_ratio(rate, parent_rate(r, k),
			    parent_rate(reference, k));
	}
}

/* The tier's prices for a service that states neither input nor output for
   that length. */
static void
move_row(struct price_rates *r, const struct price_rates *tier,
    const struct price_rates *base, const struct price_rates *service)
{
	for (int i = 0; i < PRICE_KIND_COUNT; i++) {
		enum price_kind k = (enum price_kind)i;

		if (own_rate(r, k) == PRICE_UNSET &&
		    own_rate(tier, k) != PRICE_UNSET)
			*price_rate(r, k) = in_ratio(own_rate(tier, k),
			    price_rate_of(service, k), price_rate_of(base, k));
	}
}

static bool
service_is_named(const struct price *p, enum service_tier service)
{
	for (int tier = -1; tier < (int)p->tier_count; tier++) {
		if (!is_empty(price_row_const(p, service, tier)))
			return true;
	}
	return false;
}

static void
fill_service(struct price *p, enum service_tier service)
{
	struct price_rates *own = price_row(p, service, -1);

	fill_row(own, &p->base);
	for (int i = 0; i < (int)p->tier_count; i++) {
		const struct price_rates *tier = &p->tiers[i].rates;
		struct price_rates *r = price_row(p, service, i);

		if (price_rates_absent(r) && !is_empty(tier))
			move_row(r, tier, &p->base, own);
		if (!is_empty(r))
			fill_row(r, is_empty(tier) ? own : tier);
	}
}

static void
each_row(struct price *p,
    void (*change)(struct price_rates *r, const struct price_rates *base))
{
	for (int s = 0; s < PRICE_SERVICES; s++)
		for (int tier = -1; tier < (int)p->tier_count; tier++)
			change(price_row(p, (enum service_tier)s, tier),
			    &p->base);
}

static void
drop_redundant_row(struct price_rates *r, const struct price_rates *base)
{
	(void)base;
	drop_redundant(r);
}

void
price_fill(struct price *p)
{
	each_row(p, drop_zeros);
	drop_redundant(&p->base);
	for (size_t i = 0; i < p->tier_count; i++) {
		if (!is_empty(&p->tiers[i].rates))
			fill_row(&p->tiers[i].rates, &p->base);
	}
	for (int s = TIER_DEFAULT + 1; s < PRICE_SERVICES; s++) {
		if (service_is_named(p, (enum service_tier)s))
			fill_service(p, (enum service_tier)s);
	}
	each_row(p, drop_redundant_row);
}

/* A row that names one side only has the other from the base. */
static void
both_sides(struct price_rates *r, const struct price_rates *base)
{
	if (is_empty(r))
		return;
	if (r->input == PRICE_UNSET)
		r->input = base->input;
	if (r->output == PRICE_UNSET)
		r->output = base->output;
}

void
price_close_gaps(struct price *p)
{
	each_row(p, both_sides);
	for (int i = 0; i < PRICE_SERVICES; i++) {
		enum service_tier s = (enum service_tier)i;

		/* A service known at some lengths only is the default's row
		   at those below. */
		if (service_is_named(p, s) &&
		    price_rates_absent(price_row(p, s, -1)))
			*price_row(p, s, -1) = p->base;
		if (price_rates_absent(price_row(p, s, -1)))
			continue;
		for (int tier = 0; tier < (int)p->tier_count; tier++) {
			if (price_rates_absent(price_row(p, s, tier)))
				*price_row(p, s, tier) =
				    *price_row(p, s, tier - 1);
		}
	}
}

void
price_add_priority(struct price *p)
{
	if (service_is_named(p, TIER_PRIORITY))
		return;
	for (int tier = -1; tier < (int)p->tier_count; tier++) {
		struct price_rates *r = price_row(p, TIER_PRIORITY, tier);

		*r = *price_row(p, TIER_DEFAULT, tier);
		for (int i = 0; i < PRICE_KIND_COUNT; i++) {
			enum price_kind k = (enum price_kind)i;

			if (own_rate(r, k) != PRICE_UNSET)
				*price_rate(r, k) =
				    in_ratio(own_rate(r, k), 2, 1);
		}
	}
}

void
price_seal(struct price *p)
{
	char hex[SHA256_HEX_BYTES];
	struct buf json;

	p->version[0] = '\0';
	if (!p->known)
		return;
	buf_init(&json, 64 * 1024);
	price_to_json(p, &json);
	hash_sha256_hex(buf_str(&json), hex);
	buf_fini(&json);
	memcpy(p->version, hex, 16);
	p->version[16] = '\0';
}
