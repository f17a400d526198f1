/*
 * Telling the shared health how attempts ended. See report.h. Owns one small
 * job per failure until the turn transaction has run.
 */
#include "exchange/report.h"

#include "base/clock.h"
#include "base/log.h"
#include "domain/ledger/alert.h"

/* A failure's report to the shared health; lives until the batch has run. */
struct report_job {
	struct batch_job job;
	struct exchange_env *env;
	const struct deployment *deployment;
	struct health_report report;
	struct report_change change;
	bool enter; /* takes the breaker's ticket first, if there is one */
	char error[96];
	void (*done)(void *arg); /* NULL: nobody waits */
	void *arg;
};

int
report_change_alert(const struct deployment *d, const struct health_row *row,
    int64_t now_nsecs, struct store_txn *t, struct err *err)
{
	struct breaker_alert alert = {
		.deployment = d->id,
		.model = d->config->model_name,
		.row = row,
		.now_nsecs = now_nsecs,
	};

	return alert_breaker(t, &alert, err);
}

/* One report, in the caller's transaction. enter: see struct report_job. */
static int
apply(const struct exchange_env *env, const struct deployment *d,
    struct health_report *report, bool enter, struct store_txn *t,
    struct report_change *change_r, struct err *err)
{
	struct breaker_rule rule;
	struct health_row row;

	route_breaker_rule(env->catalog, d, &rule);
	if (health_get(t, d->id, &row) < 0)
		return err_set(err, ERR_STORE, "health row");
	if (enter && breaker_enter(&row, &rule, env->owner->id,
			 report->now_nsecs) == BREAKER_PROBE)
		report->probe_owner = env->owner->id;
	change_r->changed = breaker_report(&row, &rule, report);
	change_r->state = (enum breaker_state)row.state;
	change_r->open_nsecs = row.open_until_nsecs - report->now_nsecs;
	if (health_put(t, d->id, &row) != 0)
		return err_set(err, ERR_STORE, "health row");
	return change_r->changed
		   ? report_change_alert(d, &row, report->now_nsecs, t, err)
		   : 0;
}

void
report_log_change(const struct deployment *d,
    const struct report_change *change, const char *error)
{
	if (!change->changed)
		return;
	if (change->state == BREAKER_OPEN)
		log_warn("breaker open for %lld s: deployment %s (%s): %s",
		    (long long)(change->open_nsecs / NSECS_PER_SEC), d->id,
		    d->config->litellm_model, error);
	else
		log_info("breaker %s: deployment %s (%s)",
		    breaker_state_name(change->state), d->id,
		    d->config->litellm_model);
}

/* ---- at once ------------------------------------------------------------ */

static int
report_run(struct batch_job *job, struct store_txn *t, struct err *err)
{
	struct report_job *r = LIST_OBJ(job, struct report_job, job);

	return apply(r->env, r->deployment, &r->report, r->enter, t, &r->change,
	    err);
}

static void
report_done(struct batch_job *job, const struct err *err)
{
	struct report_job *r = LIST_OBJ(job, struct report_job, job);

	if (err == NULL)
		report_log_change(r->deployment, &r->change, r->error);
	if (r->done != NULL)
		r->done(r->arg);
	free(r);
}

static struct report_job *
queue(struct exchange_env *env, const struct deployment *d,
    const struct health_report *report)
{
	struct report_job *r = xcalloc(1, sizeof(*r));

	r->report = *report;
	snprintf(r->error, sizeof(r->error), "%.*s", (int)sizeof(r->error) - 1,
	    report->error == NULL ? "" : report->error);
	r->report.error = r->error;
	r->env = env;
	r->deployment = d;
	batch_job_init(&r->job, report_run, report_done);
	batch_add(env->batch, &r->job);
	return r;
}

static void
log_failure(const struct exchange *x, const struct attempt *a)
{
	if (a->outcome == OUTCOME_AUTH)
		log_warn("deployment %s (%s): the provider refuses our "
			 "credentials (status %d): check its api_key",
		    a->deployment->id, a->deployment->config->litellm_model,
		    a->has_head ? a->head.status : 0);
	else
		log_debug("%s: attempt %zu at %s: %s: %s", x->request_id,
		    x->attempt_count, a->deployment->id,
		    outcome_info(a->outcome)->word, a->error_text);
}

void
report_failure(struct exchange *x, struct attempt *a)
{
	struct health_report report;

	log_failure(x, a);
	attempt_report(a, &report);
	queue(x->env, a->deployment, &report);
	a->reported = true;
}

void
report_probe(struct exchange_env *env, const struct deployment *d,
    const struct health_report *report, void (*done)(void *arg), void *arg)
{
	struct report_job *r = queue(env, d, report);

	r->enter = report->event != HEALTH_NEUTRAL;
	r->done = done;
	r->arg = arg;
}

/* ---- with the settlement ------------------------------------------------ */

int
report_rest(struct exchange *x, struct store_txn *t, struct err *err)
{
	for (size_t i = 0; i < x->attempt_count; i++) {
		struct attempt *a = x->attempts[i];
		struct health_report report;

		if (a->reported)
			continue;
		attempt_report(a, &report);
		if (apply(x->env, a->deployment, &report, false, t, &a->change,
			err) != 0)
			return -1;
	}
	return 0;
}

void
report_rest_done(const struct exchange *x)
{
	for (size_t i = 0; i < x->attempt_count; i++) {
		const struct attempt *a = x->attempts[i];

		if (!a->reported)
			report_log_change(a->deployment, &a->change,
			    a->error_text);
	}
}
