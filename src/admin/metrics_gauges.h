/*
 * The part of /metrics that is read as it is: breakers, budgets, workers,
 * requests under way, how long they took. admin_metrics.c has what was spent.
 */
#ifndef ADMIN_METRICS_GAUGES_H
#define ADMIN_METRICS_GAUGES_H

#include "admin/admin.h"
#include "base/buf.h"

/* Each writes whole metrics; -1 with *err. live: a read transaction. */
int metrics_deployments(const struct admin_env *env, struct store_txn *live,
    struct buf *out, struct err *err) MUST_CHECK;
/* Configured budgets of one name; those of each of a scope have their figures
   in tallyctl budget list. */
int metrics_budgets(const struct admin_env *env, struct store_txn *live,
    int64_t now_nsecs, struct buf *out, struct err *err) MUST_CHECK;
int metrics_holds(struct store_txn *live, struct buf *out,
    struct err *err) MUST_CHECK;
/* From the memory that the workers share (ipc/meters.h). */
void metrics_workers(const struct admin_env *env, struct buf *out);
void metrics_times(const struct admin_env *env, struct buf *out);

/*
 * What is left of the budgets of keys, teams and users that have one, read some
 * rows at a time: begin; step until it is 0 (1: there is more, -1 with *err);
 * write. At most METRICS_MAX_CAPS of a kind.
 */
#define METRICS_MAX_CAPS 2000
struct metrics_caps;
struct metrics_caps *metrics_caps_begin(const struct admin_env *env);
int metrics_caps_step(struct metrics_caps *c, struct store_txn *accounts,
    struct store_txn *live, int64_t now_nsecs, struct err *err) MUST_CHECK;
void metrics_caps_write(const struct metrics_caps *c, int64_t now_nsecs,
    struct buf *out);
void metrics_caps_free(struct metrics_caps **c);

#endif
