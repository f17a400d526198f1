/*
 * The path by which a test reads and scripts the simulator:
 *   GET  /control          settings and counters
 *   POST /control          {"set":{...},"times":N,"fixed_body":"...",
 *                           "reset":true|"settings"|"counters"}
 *   GET  /control/log?n=   the last records, oldest first
 *   GET  /control/last?n=  the last requests as received, oldest first
 * A POST is all or nothing and answers as GET /control.
 */
#ifndef SIM_CONTROL_H
#define SIM_CONTROL_H

#include "sim/job.h"

int control_get(struct job *job, struct problem *p) MUST_CHECK;
int control_post(struct job *job, struct problem *p) MUST_CHECK;
int control_log(struct job *job, struct problem *p) MUST_CHECK;
int control_last(struct job *job, struct problem *p) MUST_CHECK;

#endif
