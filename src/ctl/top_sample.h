/*
 * What tallyctl top shows, read from the store (and the end of the trace file,
 * for how long requests took): rates between two readings, by model, key and
 * deployment; breakers, calls under way, workers, and the budgets with the
 * least room. Nothing is written and nobody is asked, so it can be watched with
 * the gateway busy or stopped.
 */
#ifndef CTL_TOP_SAMPLE_H
#define CTL_TOP_SAMPLE_H

#include "ctl/budget_lines.h"
#include "ctl/recent_times.h"
#include "domain/ledger/rollup.h"
#include "domain/routing/breaker.h"

/* X(NAME, dimension, "word", "plural") */
/* clang-format off */
#define TOP_LISTS(X) \
X(MODELS,      GROUP,      "model",      "models") \
X(KEYS,        KEY,        "key",        "keys")   \
X(DEPLOYMENTS, DEPLOYMENT, "deployment", "deployments")
/* clang-format on */
#define TOP_LIST_ENUM(NAME, dim, word, plural) TOP_##NAME,
enum top_list_kind {
	TOP_LISTS(TOP_LIST_ENUM) TOP_LIST_COUNT
};
#undef TOP_LIST_ENUM

struct top_item {
	char *id;               /* owned */
	char *name;             /* for people: alias, "id (model)"; owned */
	struct rollup_row now;  /* between the two readings */
	struct rollup_row hour; /* since top_frame.since_nsecs */
	int64_t under_way;
	bool has_health; /* deployments that were asked once */
	struct health_row health;
};

struct top_list {
	struct top_item *items;
	size_t count;
};

enum top_sort {
	TOP_BY_SPEND,
	TOP_BY_REQUESTS,
	TOP_BY_TOKENS,
	TOP_BY_ERRORS,
	TOP_BY_LATENCY,
	TOP_SORT_COUNT
};
const char *top_sort_name(enum top_sort sort);
int top_sort_parse(struct str word, enum top_sort *sort_r) MUST_CHECK;

/* One reading, and what has changed since the one before. */
struct top_frame {
	int64_t at_nsecs;    /* wall */
	int64_t since_nsecs; /* wall: where `hour` begins */
	int64_t span_nsecs;  /* between the readings; 0: it is the first */
	int64_t workers;     /* alive */
	int64_t under_way, waiting;
	struct rollup_row now, hour; /* of all */
	struct recent_times times;   /* of the last minute's requests */
	struct top_list lists[TOP_LIST_COUNT];
	/* Least room first, by share; NULL: no configuration is known. */
	const struct budget_lines *budgets;
};

struct top;
/* The store is open in c; the configuration is wanted, not needed. */
struct top *top_open(struct ctl *c);
void top_close(struct top **t);
/* The next reading: borrowed until the one after it. NULL: *err, ERR_STORE. */
const struct top_frame *top_read(struct top *t, struct err *err);
/* Orders the lists of the last reading. */
void top_sort(struct top *t, enum top_sort sort);
/* Mean seconds of the calls that succeeded between the readings, in
   microseconds; 0 none. */
int64_t top_latency_micros(const struct rollup_row *row);

#endif
