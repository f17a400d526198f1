/* The table of paths and who answers them. */
#ifndef SIM_ROUTES_H
#define SIM_ROUTES_H

#include "sim/job.h"

struct route {
	const char *method;
	const char *path; /* with '*' at its end: what begins so */
	/* Fills job->reply; 0, or -1 and *p. */
	int (*handle)(struct job *job, struct problem *p);
	bool api; /* counted, logged, and subject to faults */
	/* Errors and answers have Anthropic's shape, whatever --dialect. */
	bool anthropic;
};

/*
 * The route of a request; NULL and *p with 404 or 405 when there is none.
 * *anthropic_r: the path is one of Anthropic's.
 */
const struct route *routes_find(const struct request *req, bool *anthropic_r,
    struct problem *p);

#endif
