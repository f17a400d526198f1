/*
 * Telling the shared health how attempts ended. See report.h. Owns one small
 * job per failure until the turn transaction has run.
 */
#include "exchange/report.h"

#include "base/clock.h"
#include "base/log.h"
#include "domain/alert.h"

/* A failure's report to the shared health; lives until the batch has run. */
struct report_job {
	struct batch_job job;
	struct exchange_env *env;
	const struct deployment *deployment;
	struct health_report report;
	char error[96];
	bool changed;
	enum breaker_state state;
	int64_t open_nsecs;
};

static int
report_run(struct batch_job *job, struct store_txn *t, struct err *err)
{
	struct report_job *r = LIST_OBJ(job, struct report_job, job);
	struct breaker_rule rule;
	struct health_row row;

	route_breaker_rule(r->env->catalog, r->deployment, &rule);
	if (health_get(t, r->deployment->id, &row) < 0)
		return err_set(err, ERR_STORE, "health row");
	r->changed = breaker_report(&row, &rule, &r->report);
	r->state = (enum breaker_state)row.state;
	r->open_nsecs = row.open_until_nsecs - r->report.now_nsecs;
	if (health_put(t, r->deployment->id, &row) != 0)
		return err_set(err, ERR_STORE, "health row");
	if (!r->changed || r->state != BREAKER_OPEN)
		return 0;
	return alert_breaker_open(t, r->deployment->id,
	    r->deployment->config->model_name, r->error, r->report.now_nsecs,
	    err);
}

static void
report_done(struct batch_job *job, const struct err *err)
{
	struct report_job *r = LIST_OBJ(job, struct report_job, job);

	/* The one who tripped it says so: once on the host. */
	if (err == NULL && r->changed && r->state == BREAKER_OPEN)
		log_warn("breaker open for %lld s: deployment %s (%s): %s",
		    (long long)(r->open_nsecs / NSECS_PER_SEC),
		    r->deployment->id, r->deployment->config->litellm_model,
		    r->error);
	else if (err == NULL && r->changed)
		log_info("breaker %s: deployment %s (%s)",
		    breaker_state_name(r->state), r->deployment->id,
		    r->deployment->config->litellm_model);
	free(r);
}

void
report_failure(struct exchange *x, struct attempt *a)
{
	struct report_job *r = xcalloc(1, sizeof(*r));

	attempt_report(a, &r->report);
	snprintf(r->error, sizeof(r->error), "%.*s", (int)sizeof(r->error) - 1,
	    a->error_text);
	r->report.error = r->error;
	r->env = x->env;
	r->deployment = a->deployment;
	batch_job_init(&r->job, report_run, report_done);
	batch_add(x->env->batch, &r->job);
	a->reported = true;
}

void
report_closed(const struct exchange *x)
{
	for (size_t i = 0; i < x->attempt_count; i++) {
		const struct deployment *d = x->attempts[i]->deployment;

		if (x->attempts[i]->breaker_closed)
			log_info("breaker closed: deployment %s (%s)", d->id,
			    d->config->litellm_model);
	}
}

int
report_rest(struct exchange *x, struct store_txn *t, struct err *err)
{
	for (size_t i = 0; i < x->attempt_count; i++) {
		struct attempt *a = x->attempts[i];
		struct health_report report;
		struct breaker_rule rule;
		struct health_row row;

		if (a->reported)
			continue;
		attempt_report(a, &report);
		route_breaker_rule(x->env->catalog, a->deployment, &rule);
		if (health_get(t, a->deployment->id, &row) < 0)
			return err_set(err, ERR_STORE, "health row");
		a->breaker_closed = breaker_report(&row, &rule, &report) &&
				    row.state == BREAKER_CLOSED;
		if (health_put(t, a->deployment->id, &row) != 0)
			return err_set(err, ERR_STORE, "health row");
	}
	return 0;
}
