/*
 * One attempt: a request to one deployment and what came of it. Made by the
 * attempt step, filled by upstream's callbacks, read by judge, record and
 * settle. Lives in its exchange's arena.
 */
#ifndef EXCHANGE_ATTEMPT_H
#define EXCHANGE_ATTEMPT_H

#include "domain/routing/router.h"
#include "domain/routing/verdict.h"
#include "exchange/limiting.h"
#include "exchange/logins.h"
#include "upstream/upstream.h"
#include "wire/apierror.h"
#include "wire/dialect.h"
#include "wire/relay.h"
#include "wire/searches.h"

struct exchange;
struct holding;

/* What a report did to the deployment's breaker. */
struct report_change {
	bool changed;
	enum breaker_state state;
	int64_t open_nsecs; /* from now */
};

struct attempt {
	struct exchange *x;
	const struct candidate *candidate;
	const struct deployment *deployment;
	struct buf *out;            /* where its answer goes */
	int64_t max_tokens;         /* set by us; CONFIG_UNSET */
	int64_t paid_tokens;        /* output that its hold pays for; -1: all */
	uint64_t hold_number;       /* the hold it was made under */
	struct login_waiter waiter; /* for the deployment's keys */
	struct upstream_call *call; /* NULL before start and after the end */
	struct relay relay;
	bool relay_is_open;
	bool plain_body; /* an error answer's body is collected */
	struct buf body; /* that body */
	/* Facts from upstream. */
	bool has_head;
	struct upstream_head head; /* slices not valid after the callback */
	bool is_stream;            /* the answer came as events */
	size_t answer_bytes;       /* so many came of it */
	bool ended;                /* on_done was called */
	struct upstream_result result;
	bool relay_failed;           /* feed or finish said so */
	const struct err *relay_err; /* ... why; in the arena */
	bool timed_out;
	bool clients_timeout; /* the client asked for a shorter one than ours */
	bool cancelled;       /* by us, while it was under way */
	bool paused;
	/* Times, monotonic; 0 not yet. */
	int64_t started_nsecs, head_nsecs, first_token_nsecs, ended_nsecs;
	/* The judgement. */
	bool judged;
	enum outcome outcome;
	struct provider_error *error; /* for answers that were refusals; in the
					 arena, NULL none */
	const char *error_text;       /* one line, any failure; "" none */
	/* The money. */
	struct usage usage;
	struct searches searches; /* that the request can lead to */
	enum usage_geo geo;       /* that it is bound to */
	int64_t image_factor;
	int64_t held_nanos;
	/* The windows it was held in, where its cost is booked. */
	size_t scope_count;
	const struct hold_scope *scopes;
	int64_t cost_nanos;
	bool charged;         /* usage, cost and what follows are final */
	bool possibly_billed; /* sent, and no answer came: nobody knows */
	bool reported;        /* health has heard of it */
	struct report_change change; /* by the settlement's report */
	bool played;                 /* for the client: nobody was asked */
	bool probe;                  /* holds the breaker's ticket */
	struct limited *limited;     /* limits it was made under; NULL none */
};

/* A fresh attempt under this holding, not started; its answer goes to out. */
struct attempt *attempt_new(struct holding *h, struct buf *out);
/*
 * Sends it; or plays the failure, gives the mock_response or the estimate of a
 * count that stand for an answer. -1: it could not be sent; it is judged then,
 * as the client's fault or as ours.
 */
int attempt_begin(struct attempt *a) MUST_CHECK;
/* It has failed, and something else may follow: charged, told to the breaker
   and the log, its place under limits given back. */
void attempt_give_up(struct attempt *a);
/* Judges it so: text in one line, copied, cut when it is long. */
void attempt_set_outcome(struct attempt *a, enum outcome outcome,
    const char *text);
/* What the relay said of an answer that cannot be used. */
void attempt_relay_failed(struct attempt *a, const struct err *err);
/* The relay for a 2xx answer; for upstream's head and for mock.c. */
int attempt_open_relay(struct attempt *a, bool is_stream);
/* The answer is whole. A long plain one is looked at by the second thread. */
void attempt_finish_relay(struct attempt *a);
/* Fails as the client asked to see it (wire_request.play), without upstream;
   false: it did not, or has seen it. Nobody's breaker hears of it. */
bool attempt_play(struct attempt *a);
/* The client or the deployment wants a canned answer. */
bool attempt_is_mock(const struct attempt *a);
/* Answers from the request's mock_response, else the deployment's, without
   upstream. */
int attempt_start_mock(struct attempt *a, struct err *err) MUST_CHECK;
/* Answers /messages/count_tokens with an estimate, without upstream. */
int attempt_start_count(struct attempt *a, struct err *err) MUST_CHECK;
/* Cancels what still runs and frees what it made. Facts stay. */
void attempt_stop(struct attempt *a);
/* True when the waiting in await_head is over. */
bool attempt_is_decided(const struct attempt *a);
/* Works out outcome and error_text from the facts (idempotent). */
void attempt_judge(struct attempt *a);
/* Final usage and cost, once it has been judged and stopped (docs/budgets.md,
   "What is charged"). */
void attempt_charge(struct attempt *a);
/* Output tokens that reached the client so far, estimated. */
int64_t attempt_delivered_tokens(const struct attempt *a);
/* For health: what the breaker should hear. */
void attempt_report(const struct attempt *a, struct health_report *report_r);

#endif
