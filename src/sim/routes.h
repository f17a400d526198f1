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
	/* The dialect of its errors and answers; -1: as --dialect says. */
	int dialect;
};

/*
 * The route of a request; NULL and *p with 404 or 405 when there is none.
 * *dialect is set when the path is one dialect's own.
 */
const struct route *routes_find(const struct request *req,
    enum dialect *dialect, struct problem *p);

#endif
