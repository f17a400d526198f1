/* The query of a request's address: "a=1&b=two%20words". */
#ifndef ADMIN_QUERY_H
#define ADMIN_QUERY_H

#include "base/str.h"

/*
 * The first value of this name into out, percent signs and plus signs undone,
 * NUL-terminated. 1 found ("" for a name without a value), 0 absent, -1 it is
 * longer than out, holds a NUL or a broken percent sign: a 400 for the client.
 */
int query_get(struct str query, const char *name, char *out, size_t size);

#endif
