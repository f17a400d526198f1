/*
 * The router's strategies: in which order the members that may be asked are
 * tried. Each gives a pick a rank, a key and a reason; one sort does the rest.
 * All of them order the whole list, so that the next one is ready when the
 * first fails. Random numbers come from the caller.
 *
 * Before the strategy comes `order`: lower ones first, those without one last.
 * Within the same order, a deployment whose breaker wants a probe comes first
 * (or it would never come back), one that came back a moment ago is held back
 * for the part of the requests that it should not get yet.
 */
#include "domain/routing/router_private.h"

#include "base/num.h"

#include <math.h>

/* Answers are compared at this many tokens when none are asked for. */
#define COST_OUTPUT_TOKENS 1024

/* ---- simple-shuffle ----------------------------------------------------- */

enum weight_kind {
	BY_WEIGHT,
	BY_RPM,
	BY_TPM,
	BY_NOTHING
};

static const struct {
	const char *word;
	int scale; /* decimals of the number */
} weight_kinds[] = { { "weight", 6 }, { "rpm", 0 }, { "tpm", 0 } };

static int64_t
weight_of(const struct pick *p, enum weight_kind kind)
{
	const struct config_deployment *d = p->deployment->config;
	int64_t w = 0;

	switch (kind) {
	case BY_WEIGHT:
		w = d->weight_micros;
		break;
	case BY_RPM:
		w = d->rpm;
		break;
	case BY_TPM:
		w = d->tpm;
		break;
	case BY_NOTHING:
		return 1;
	}
	return w > 0 ? w : 0;
}

/* The first of weight, rpm, tpm that the FIRST pick has, as LiteLLM. */
static enum weight_kind
kind_of(struct pick **picks)
{
	const struct config_deployment *d = picks[0]->deployment->config;

	return d->weight_micros >= 0 ? BY_WEIGHT
	       : d->rpm >= 0         ? BY_RPM
	       : d->tpm >= 0         ? BY_TPM
				     : BY_NOTHING;
}

/*
 * A weighted random permutation: ascending by -ln(u) / weight (Efraimidis and
 * Spirakis), so that the first place falls by weight, the second by weight
 * among the rest, and so on. Without a weight: behind all that have one.
 */
static void
order_shuffle(struct pick **picks, size_t count)
{
	enum weight_kind kind = kind_of(picks);
	char mine[NUM_TEXT_BYTES], all[NUM_TEXT_BYTES];
	double sum = 0;

	if (count == 1) {
		snprintf(picks[0]->reason, sizeof(picks[0]->reason),
		    "the only one");
		return;
	}
	for (size_t i = 0; i < count; i++)
		sum += (double)weight_of(picks[i], kind);
	if (sum <= 0)
		kind = BY_NOTHING;
	if (kind != BY_NOTHING)
		num_format((int64_t)fmin(sum, 9e18), weight_kinds[kind].scale,
		    all);
	for (size_t i = 0; i < count; i++) {
		struct pick *p = picks[i];
		int64_t w = weight_of(p, kind);

		p->rank = w == 0;
		p->key = w == 0 ? p->tie : -log1p(-p->tie) / (double)w;
		if (kind == BY_NOTHING) {
			snprintf(p->reason, sizeof(p->reason),
			    "1 of %zu at random", count);
			continue;
		}
		num_format(w, weight_kinds[kind].scale, mine);
		snprintf(p->reason, sizeof(p->reason), "%s %s of %s",
		    weight_kinds[kind].word, mine, all);
	}
}

/* ---- least-busy, usage -------------------------------------------------- */

static void
order_least_busy(struct pick **picks, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct pick *p = picks[i];

		p->key = (double)p->use.calls;
		snprintf(p->reason, sizeof(p->reason), "%lld call%s under way",
		    (long long)p->use.calls, p->use.calls == 1 ? "" : "s");
	}
}

static void
order_usage(struct pick **picks, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct pick *p = picks[i];

		p->key = (double)p->use.tokens;
		snprintf(p->reason, sizeof(p->reason),
		    "%lld tokens in this minute", (long long)p->use.tokens);
	}
}

/* ---- latency ------------------------------------------------------------ */

/* Nanoseconds to the first token, or per token; 0: not known, or too old. */
static int64_t
latency_of(const struct routing *r, const struct group_strategy *s,
    const struct pick *p)
{
	int64_t age = r->state->now_nsecs - p->sampled_nsecs;

	if (p->sampled_nsecs == 0 || age > s->latency_ttl_nsecs)
		return 0;
	return r->request->stream ? p->ttft_micros * 1000 : p->per_token_nanos;
}

static void
order_latency(const struct routing *r, const struct group_strategy *s,
    struct pick **picks, size_t count)
{
	const char *what =
	    r->request->stream ? "to the first token" : "per token";
	int64_t lowest = INT64_MAX;
	double bound;

	for (size_t i = 0; i < count; i++) {
		int64_t v = latency_of(r, s, picks[i]);

		if (v > 0 && v < lowest)
			lowest = v;
	}
	bound = (double)lowest * (1 + s->latency_buffer);
	for (size_t i = 0; i < count; i++) {
		struct pick *p = picks[i];
		int64_t v = latency_of(r, s, p);

		p->key = 0; /* ranks 0 and 1: by the tie, at random */
		if (v <= 0) {
			p->rank = 0;
			snprintf(p->reason, sizeof(p->reason),
			    "no latency known yet");
			continue;
		}
		p->rank = (double)v <= bound ? 1 : 2;
		if (p->rank == 2)
			p->key = (double)v;
		snprintf(p->reason, sizeof(p->reason),
		    "%.3f ms %s, lowest %.3f", (double)v / 1e6, what,
		    (double)lowest / 1e6);
	}
}

/* ---- cost --------------------------------------------------------------- */

int64_t
route_expected_nanos(const struct route_request *q, const struct price *price,
    int64_t max_output_tokens)
{
	int64_t prompt =
	    q->prompt_guess > 0 ? q->prompt_guess : q->prompt_bound;
	struct usage usage = {
		.source = USAGE_ESTIMATED,
		.tier = q->tier,
		.prompt_tokens = prompt > 0 ? prompt : 0,
		.completion_tokens =
		    q->max_output > 0 ? q->max_output : COST_OUTPUT_TOKENS,
	};

	if (max_output_tokens > 0 &&
	    usage.completion_tokens > max_output_tokens)
		usage.completion_tokens = max_output_tokens;
	return price_cost_nanos(price, &usage);
}

static void
order_cost(const struct routing *r, struct pick **picks, size_t count)
{
	char usd[NUM_TEXT_BYTES];

	for (size_t i = 0; i < count; i++) {
		struct pick *p = picks[i];
		int64_t nanos;

		if (!p->price->known) {
			p->rank = 1;
			snprintf(p->reason, sizeof(p->reason),
			    "its price is not known");
			continue;
		}
		nanos = route_expected_nanos(r->request, p->price,
		    p->max_output_tokens);
		p->key = (double)nanos;
		num_format(nanos, 9, usd);
		snprintf(p->reason, sizeof(p->reason),
		    "%s USD for this request", usd);
	}
}

/* ---- all together ------------------------------------------------------- */

/* Behind the strategy's words: what else moved it. */
static void
say_more(struct pick *p)
{
	char text[ROUTE_REASON_BYTES];

	if (p->probe)
		snprintf(text, sizeof(text), "probe for its breaker, %.90s",
		    p->reason);
	else if (p->held_back)
		snprintf(text, sizeof(text),
		    "%.80s, held back: %d %% of its share", p->reason,
		    (int)(p->share * 100));
	else
		return;
	memcpy(p->reason, text, sizeof(text));
}

static void
order_tier(const struct routing *r, const struct group_strategy *s,
    struct pick **picks, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		picks[i]->tie = r->state->random(r->state->arg);
		picks[i]->held_back =
		    picks[i]->share < 1 && count > 1 &&
		    r->state->random(r->state->arg) >= picks[i]->share;
	}
	switch (s->name) {
	case STRATEGY_SIMPLE_SHUFFLE:
		order_shuffle(picks, count);
		break;
	case STRATEGY_LEAST_BUSY:
		order_least_busy(picks, count);
		break;
	case STRATEGY_LATENCY:
		order_latency(r, s, picks, count);
		break;
	case STRATEGY_USAGE:
		order_usage(picks, count);
		break;
	case STRATEGY_COST:
		order_cost(r, picks, count);
		break;
	}
	for (size_t i = 0; i < count; i++)
		say_more(picks[i]);
}

static int
compare(double a, double b)
{
	return a < b ? -1 : a > b;
}

/* By `order`, then as the file has them. */
static int
compare_orders(const void *va, const void *vb)
{
	const struct pick *a = *(struct pick *const *)va;
	const struct pick *b = *(struct pick *const *)vb;

	if (a->order != b->order)
		return a->order < b->order ? -1 : 1;
	return a->deployment->index < b->deployment->index ? -1 : 1;
}

/* Every field in turn; the deployment's place last, so that nothing is left to
   the sort. */
static int
compare_picks(const void *va, const void *vb)
{
	const struct pick *a = *(struct pick *const *)va;
	const struct pick *b = *(struct pick *const *)vb;

	if (a->order != b->order)
		return a->order < b->order ? -1 : 1;
	if (a->probe != b->probe)
		return a->probe ? -1 : 1;
	if (a->held_back != b->held_back)
		return a->held_back ? 1 : -1;
	if (a->rank != b->rank)
		return a->rank - b->rank;
	if (a->key < b->key || a->key > b->key)
		return compare(a->key, b->key);
	if (a->tie < b->tie || a->tie > b->tie)
		return compare(a->tie, b->tie);
	return a->deployment->index < b->deployment->index ? -1 : 1;
}

void
strategy_order(const struct routing *r, const struct group_strategy *s,
    struct pick **picks, size_t count)
{
	/* The strategy looks at those of one order only. */
	qsort(picks, count, sizeof(*picks), compare_orders);
	for (size_t i = 0, n; i < count; i += n) {
		for (n = 1; i + n < count; n++) {
			if (picks[i + n]->order != picks[i]->order)
				break;
		}
		order_tier(r, s, picks + i, n);
	}
	qsort(picks, count, sizeof(*picks), compare_picks);
}
