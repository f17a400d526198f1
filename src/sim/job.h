/*
 * A request being answered: everything made for it, from its first byte to
 * its line in the log. A connection owns one and uses it again for the next
 * request.
 */
#ifndef SIM_JOB_H
#define SIM_JOB_H

#include "sim/request.h"
#include "sim/sim.h"
#include "sim/talk.h"

struct job {
	struct sim *sim;
	const struct request *req;
	struct arena arena;
	struct chat chat;
	struct answer answer;
	struct talk talk;
	struct reply reply;
	struct record record;
	struct counters *model; /* of its model; NULL until that is known */
	enum dialect dialect;   /* of its answer and errors */
	bool counted;           /* it is in the counters: an API request */
	bool ended;
	uint64_t number; /* of the answer; ids are made from it */
	char id[ANSWER_ID_BYTES];
};

void job_init(struct job *job, struct sim *sim);
void job_fini(struct job *job);
/*
 * Answers `req`: job->reply is ready to be stepped. The request's bytes must
 * stand until job_end().
 */
void job_begin(struct job *job, const struct request *req);
/* Bytes that are no request: the reply tells why and closes. */
void job_refuse(struct job *job, const struct err *err);
/*
 * The answer's last bytes are about to go, or the client is gone: counts and
 * logs it. Once per request; later calls do nothing.
 */
void job_end(struct job *job, enum outcome outcome);
/* Frees what the request needed; the job is ready for the next one. */
void job_clear(struct job *job);

/* ---- for the handlers in routes.c and control.c ------------------------ */

/* The reply is this problem. */
void job_fail(struct job *job, const struct problem *p);
/*
 * The request's model (job->chat.model) is known: counts it. -1 and 404 when
 * --models has it not.
 */
int job_set_model(struct job *job, struct problem *p) MUST_CHECK;
/* Parses the body into job->chat: root, model, and the settings in x_sim. */
int job_read_body(struct job *job, struct problem *p) MUST_CHECK;
/* The same for Converse, whose model stands in the path; 403 for a wrong
   signature. */
int job_read_converse(struct job *job, struct problem *p) MUST_CHECK;

#endif
