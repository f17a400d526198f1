/*
 * How many connections each worker has: memory that all workers share, so
 * that whoever has fewer takes the next one. Made by the supervisor, which
 * never looks at it; a cell belongs to the worker of that slot, and holds its
 * connections + 1, or 0 when it takes none.
 */
#ifndef IPC_LOADS_H
#define IPC_LOADS_H

#include "base/err.h"

#include <stdint.h>

#define LOADS_CELLS 256 /* workers in higher slots do without */

/* An anonymous file of LOADS_CELLS empty cells, and behind them what the
   workers measure (ipc/meters.h), whose size cannot change. The caller closes
   it. -1: ERR_IO. */
int loads_create(struct err *err) MUST_CHECK;
/* The cells; mapped until the process ends. NULL: ERR_IO. */
_Atomic uint32_t *loads_map(int fd, struct err *err) MUST_CHECK;

#endif
