/*
 * An exchange: one client request from its first byte to its ledger line.
 * START READING at the step table in exchange.c; docs/REQUEST.md.
 *
 * Rules:
 * - exchange_move() is the only writer of x->step; exchange_end() (inside the
 *   end step) the only way out.
 * - Callbacks of http, upstream, batch and timers note a fact in the exchange
 *   and call exchange_resume(). They decide nothing.
 * - While an errand is out (errand.h: long bodies) no step runs.
 * - After reserve every way out passes settle: money that was held is booked
 *   or released before the client gets the last byte of its answer
 *   (docs/decisions/0002).
 */
#ifndef EXCHANGE_EXCHANGE_H
#define EXCHANGE_EXCHANGE_H

#include "base/arena.h"
#include "base/list.h"
#include "domain/accounts/accounts.h"
#include "domain/ledger/budgets.h"
#include "domain/ledger/ledger.h"
#include "domain/prices/price_book.h"
#include "domain/routing/router.h"
#include "domain/routing/verdict.h"
#include "exchange/attempt.h"
#include "exchange/errand.h"
#include "exchange/holding.h"
#include "exchange/quota.h"
#include "exchange/reserving.h"
#include "http/http.h"
#include "store/batch.h"
#include "upstream/upstream.h"
#include "wire/apierror.h"
#include "wire/request.h"

#include <event2/event_struct.h>

/* What an exchange waits for while it is parked in a step. */
enum step_wait {
	WAITS_NOTHING,
	WAITS_STORE,    /* the turn transaction */
	WAITS_UPSTREAM, /* head, data or end of an attempt */
	WAITS_TIMER,    /* a pause before the next attempt */
	WAITS_THREAD,   /* a long body, read by the second thread (errand.h) */
};

/* Where it goes when the client leaves while it is in a step. */
enum step_gone {
	GONE_RECORD,
	GONE_STAYS
};

/*
 * X(NAME, "word", waits for, if the client leaves, "what happens")
 * The order is the order in time. The table in docs/REQUEST.md is made of this
 * one; step_run_NAME() runs a step.
 */
/* clang-format off */
#define STEPS(X) \
X(ACCEPT,       "accept",       NOTHING,  RECORD, "a whole HTTP request is here; it gets its id and its clock") \
X(AUTHENTICATE, "authenticate", NOTHING,  RECORD, "the presented key becomes an account") \
X(PARSE,        "parse",        THREAD,   RECORD, "one strict pass over the body notes what routing and price need; a long one is read by the worker's second thread") \
X(PLAN,         "plan",         NOTHING,  RECORD, "the router orders the candidates from the catalog and the shared state") \
X(ADMIT,        "admit",        NOTHING,  RECORD, "limits and sizes; the worst price is worked out") \
X(RESERVE,      "reserve",      STORE,    RECORD, "the worst price is held in every capped scope; the deployment's limits and a half-open breaker's ticket are taken") \
X(ATTEMPT,      "attempt",      TIMER,    RECORD, "the next candidate is asked, after a pause if the verdict says so") \
X(AWAIT_HEAD,   "await_head",   UPSTREAM, RECORD, "waiting for the first token of a stream, or for a whole plain answer") \
X(JUDGE,        "judge",        NOTHING,  RECORD, "relay, next attempt, fallback group, or fail") \
X(RELAY,        "relay",        UPSTREAM, RECORD, "stream events pass to the client as they come") \
X(RECORD,       "record",       NOTHING,  STAYS,  "usage and cost are final; the trace line is written out") \
X(SETTLE,       "settle",       STORE,    STAYS,  "hold, charge, roll-ups, health and trace line change in one transaction") \
X(FLUSH,        "flush",        NOTHING,  STAYS,  "the client gets the answer, or the last of it") \
X(END,          "end",          NOTHING,  STAYS,  "everything is given back")
/* clang-format on */
#define STEP_ENUM(NAME, word, waits, gone, help) STEP_##NAME,
enum step {
	STEPS(STEP_ENUM) STEP_COUNT
};
#undef STEP_ENUM

enum step_result {
	STEP_MORE, /* moved on: run the next one */
	STEP_PARK, /* waits: a callback will resume it */
	STEP_DONE, /* the exchange is gone */
};

/* How the whole exchange ended: the trace's `outcome`. */
enum exchange_outcome {
	EXCHANGE_OK,
	EXCHANGE_CUT,
	EXCHANGE_CLIENT_GONE,
	EXCHANGE_REFUSED,
	EXCHANGE_FAILED,
};
const char *exchange_outcome_name(enum exchange_outcome outcome);

struct meters;

/* What the exchanges of one worker share. All borrowed but the pool. */
struct exchange_env {
	struct event_base *base;
	const struct config *config;
	const struct catalog *catalog;
	struct accounts *accounts;
	struct budgets *budgets;   /* refreshed before it is asked */
	struct price_book *prices; /* what may be charged by is entered */
	struct store *store;
	struct batch *batch;
	struct owner *owner;
	struct upstream *upstream;
	struct logins *logins;   /* owned; NULL: no deployment has one */
	struct offload *offload; /* owned; the second thread */
	struct tempos *tempos;   /* by deployment; NULL: no group hedges */
	struct meters *meters;   /* what all workers measure; NULL: nothing */
	uint64_t next_number;    /* of holds, per owner */
	uint32_t *asking;        /* holds queued, by deployment->index; owned */
	/* Called after a settlement: there is something in the outbox. */
	void (*on_settled)(void *arg);
	void *arg;
	bool draining;
	/* durability: power: an answer's last byte waits until its record is
	   synced on file; the logger has acknowledged all up to on_file. */
	bool power;
	uint64_t on_file;
	struct list by_step[STEP_COUNT]; /* a state is a list */
	size_t step_counts[STEP_COUNT];
	size_t active;
	uint64_t finished;
	struct list pool; /* ended exchanges kept for reuse */
	size_t pooled;
};

#define EXCHANGE_MAX_ATTEMPTS 16
#define REQUEST_ID_BYTES      72
#define RECORD_MAX_BYTES      (30 * 1024) /* < RECORD_LINE_BYTES */

struct exchange {
	struct exchange_env *env;
	struct list node; /* on env->by_step[step], or env->pool */
	struct arena arena;
	enum step step;
	bool running, again;    /* the driver's: see exchange_resume */
	struct errands errands; /* while one is out it stands still */

	/* accept */
	struct http_call *call; /* NULL once answered or gone */
	const struct exchange_question *question; /* NULL: a client's */
	enum wire_api api;
	char request_id[REQUEST_ID_BYTES];
	int64_t started_nsecs; /* mono */
	int64_t started_wall_nsecs;
	/* authenticate */
	struct account *account; /* an owner of it; never NULL: nobody's */
	/* parse */
	struct reading *reading; /* of a long body; NULL none */
	struct wire_request request;
	bool parsed;
	/* Of the key, in ids of responses (accounts_seal); "" nobody's. */
	struct str seal;
	size_t purse_count;
	struct purse *purses[1 + WIRE_MAX_TAGS]; /* end user, tags; owned */
	const char *asked; /* the client's name for the model; "" before */
	/* plan */
	struct plan *plan;       /* in the arena; NULL before */
	size_t next_candidate;   /* into plan->candidates */
	uint32_t group_attempts; /* in the current group */
	/* admit, reserve */
	struct holding holding; /* for the next candidate, or the current one */
	struct reserving reserving;
	struct quota quota;  /* of the caller */
	struct hedge *hedge; /* hedge.h; in the arena; NULL none */
	/* relay: what is noted with the hold while a stream runs */
	struct batch_job progress_job;
	int64_t progress_nsecs;  /* mono, of the last note */
	int64_t progress_tokens; /* as of then */
	int64_t progress_nanos;
	/* attempt, await_head, judge, relay */
	size_t attempt_count;
	struct attempt *attempts[EXCHANGE_MAX_ATTEMPTS];
	struct attempt *current; /* attempts[attempt_count - 1] or NULL */
	int64_t pause_nsecs;     /* before the next attempt */
	struct event timer;
	bool timer_fired;
	int64_t idle_until_nsecs; /* mono: the provider may be silent so long */
	struct buf out;           /* bytes for the client, not yet given */
	bool streaming;           /* http_start was called */
	bool client_has_bytes;
	bool client_full; /* above the high water */
	bool client_gone;
	/* record, settle, flush */
	enum exchange_outcome outcome;
	enum err_code error;      /* NONE when OK */
	int error_status;         /* what the client gets; 0: from the list */
	const char *error_detail; /* in the arena; may be NULL */
	const char *error_param;
	const char *error_type, *error_code; /* a provider's own; or NULL */
	int64_t retry_after_nsecs;           /* for the client; 0 none */
	int64_t cost_nanos;
	int64_t ended_nsecs; /* mono, when the answer was complete */
	struct buf record;
	struct batch_job settle_job;
	struct settlement settlement;
	bool settle_waiting, settled;
	bool file_waiting; /* settled; its record is not on file yet */
	bool flushed;
};

/* The fields in front of by_step are the caller's and set before. */
void exchange_env_init(struct exchange_env *env);
void exchange_env_fini(struct exchange_env *env); /* none may be active */

/* A request for one of the LLM APIs is here: takes the call over. */
void exchange_begin(struct exchange_env *env, struct http_call *call,
    enum wire_api api);
/* Runs steps until it has to wait. Safe to call from any callback. */
void exchange_resume(struct exchange *x);
/* The only writer of x->step. */
void exchange_move(struct exchange *x, enum step step);

/* The records of this worker up to seq are on file: who waited goes on. */
void exchange_on_file(struct exchange_env *env, uint64_t seq);

/* Arms the one timer of the exchange (0 = disarms). */
void exchange_timer(struct exchange *x, int64_t nsecs);

/*
 * Ends the work with an error for the client: notes it and moves to record.
 * detail (may be NULL) goes behind the public text.
 */
enum step_result exchange_refuse(struct exchange *x, enum err_code code,
    const char *detail, const char *param);

/* The steps, by file: steps_admit.c, steps_route.c, steps_relay.c,
   steps_finish.c. */
#define STEP_PROTOTYPE(NAME, word, waits, gone, help)                          \
	enum step_result step_run_##NAME(struct exchange *x);
STEPS(STEP_PROTOTYPE)
#undef STEP_PROTOTYPE

#endif
