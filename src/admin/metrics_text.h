/* Prometheus' text format, version 0.0.4: metrics with their help and type,
   each with all its samples behind it. */
#ifndef ADMIN_METRICS_TEXT_H
#define ADMIN_METRICS_TEXT_H

#include "base/buf.h"

/* "# HELP ...", "# TYPE ...": once per metric, before its samples. */
void metrics_head(struct buf *out, const char *name, const char *type,
    const char *help);
/* name="value", the value escaped; what stands around it is the caller's. */
void metrics_label(struct buf *out, const char *name, struct str value);
/* A blank, v / 10^decimals exactly, the line's end. */
void metrics_value(struct buf *out, int64_t v, int decimals);
/* A metric without labels, whole. */
void metrics_single(struct buf *out, const char *name, const char *type,
    const char *help, int64_t v);

#endif
