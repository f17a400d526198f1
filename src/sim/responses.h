/*
 * The paths of the Responses API: a new one, and what is kept of earlier ones
 * (kept.h).
 *
 *   GET    /v1/responses/{id}
 *   DELETE /v1/responses/{id}
 *   GET    /v1/responses/{id}/input_items
 *   POST   /v1/responses/{id}/cancel      400: none is under way here
 */
#ifndef SIM_RESPONSES_H
#define SIM_RESPONSES_H

#include "sim/job.h"

/* Before an answer is made: the conversation that the request goes on with.
   0, or -1 and *p: there is none of that id. */
int responses_go_on(struct job *job, struct problem *p) MUST_CHECK;
/* Behind it: the answer is kept, unless the request says otherwise. */
void responses_keep(struct job *job);

int responses_get(struct job *job, struct problem *p);
int responses_delete(struct job *job, struct problem *p);
int responses_cancel(struct job *job, struct problem *p);

#endif
