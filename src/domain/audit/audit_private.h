/* What the audit's files share. Private to domain/audit*.c. */
#ifndef DOMAIN_AUDIT_PRIVATE_H
#define DOMAIN_AUDIT_PRIVATE_H

#include "base/hash.h"
#include "domain/audit/audit.h"

/* The lines' sums of one dimension. */
struct audit_sums {
	struct map *values; /* value → struct rollup_row */
	struct rollup_row total;
	bool crowded; /* too many values: only the total is compared */
};

struct audit {
	struct audit_options options;
	struct audit_counts counts;
	struct map *owners;  /* the books', or our own without books */
	struct map *windows; /* the same */
	struct map *prices; /* version → struct price; .known false: absent */
	struct audit_sums sums[ROLLUP_DIM_COUNT];
	char prev[SHA256_HEX_BYTES];
	bool has_prev;
};

/* The entry of an owner or a window, made when it is new. */
struct audit_owner *audit_owner_of(struct map *owners, uint64_t id);
struct audit_window *audit_window_of(struct map *windows,
    const struct hold_scope *scope);
void audit_window_free(void *window);

/* Counts what an attempt cost in its windows. */
void audit_add_spent(struct map *windows, const struct trace_attempt *t);

/* Hands a difference out and counts it. */
void audit_differ(struct audit *a, enum audit_kind kind, const char *where,
    const char *found, const char *right);
void audit_differ_usd(struct audit *a, enum audit_kind kind, const char *where,
    int64_t found_nanos, int64_t right_nanos);
void audit_differ_int(struct audit *a, enum audit_kind kind, const char *where,
    int64_t found, int64_t right);

/* audit_compare.c: sums against the store's. */
void audit_compare(struct audit *a);

#endif
