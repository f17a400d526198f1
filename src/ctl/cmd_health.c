/* tallyctl health and breaker: the shared rows of HEALTH. */
#include "base/clock.h"
#include "base/num.h"
#include "ctl/ctl.h"
#include "ctl/table.h"
#include "domain/ledger/alert.h"
#include "domain/routing/router.h"

struct health_item {
	char *id;
	const struct deployment *deployment; /* NULL: not configured (now) */
	struct health_row row;
};

struct health_list {
	struct health_item *items;
	size_t count;
};

static void
free_list(struct health_list *l)
{
	for (size_t i = 0; i < l->count; i++)
		free(l->items[i].id);
	free(l->items);
}

static struct health_item *
add_item(struct health_list *l, struct str id, const struct deployment *d)
{
	struct health_item *item;

	l->items = xrealloc(l->items, (l->count + 1) * sizeof(*l->items));
	item = &l->items[l->count++];
	item->id = str_dup(id);
	item->deployment = d;
	health_row_init(&item->row);
	return item;
}

/* Configured deployments in their order, then rows of others. */
static int
read_list(struct ctl *c, struct health_list *l)
{
	struct store_cursor *cursor;
	struct str key, value;
	struct store_txn *t;
	int rc = 0;

	memset(l, 0, sizeof(*l));
	for (size_t i = 0;
	     c->catalog != NULL && i < c->catalog->deployment_count; i++) {
		const struct deployment *d = &c->catalog->deployments[i];

		add_item(l, str_of(d->id), d);
	}
	if (store_read(c->store, STORE_LIVE, &t, NULL) != 0)
		return -1;
	cursor = store_cursor_open(t, STORE_HEALTH, str_make("", 0));
	rc = cursor == NULL ? -1 : 0;
	while (cursor != NULL &&
	       (rc = store_cursor_next(cursor, &key, &value)) == 1) {
		struct health_item *item = NULL;

		for (size_t i = 0; i < l->count; i++) {
			if (str_is(key, l->items[i].id))
				item = &l->items[i];
		}
		if (item == NULL)
			item = add_item(l, key, NULL);
		health_row_read(value, &item->row);
	}
	store_cursor_close(&cursor);
	store_abort(&t);
	return rc < 0 ? -1 : 0;
}

static int
open_list(struct ctl *c, struct health_list *l)
{
	int rc = ctl_open_store(c, false);

	if (rc != CTL_OK)
		return rc;
	(void)!ctl_open_catalog(c); /* names are nice to have */
	if (read_list(c, l) == 0)
		return CTL_OK;
	free_list(l);
	ctl_complain("the health rows cannot be read");
	return CTL_FAILED;
}

/* "3 s ago", "never" */
#define AGE_BYTES 32
static const char *
age_text(int64_t now, int64_t then, char out[AGE_BYTES])
{
	long long secs = (long long)((now - then) / NSECS_PER_SEC);

	if (then == 0)
		return "never";
	if (secs < 120)
		snprintf(out, AGE_BYTES, "%lld s ago", secs);
	else if (secs < 7200)
		snprintf(out, AGE_BYTES, "%lld min ago", secs / 60);
	else
		snprintf(out, AGE_BYTES, "%lld h ago", secs / 3600);
	return out;
}

static void
age_cell(struct table *t, int64_t now, int64_t then)
{
	char age[AGE_BYTES];

	table_cell(t, "%s", age_text(now, then, age));
}

/* Our own last probe: "alive 3 s ago"; "" where nobody probes. */
static void
probe_cell(struct table *t, const struct health_row *r, int64_t now)
{
	char age[AGE_BYTES];

	if (r->probed_nsecs == 0)
		table_cell(t, "%s", "");
	else
		table_cell(t, "%s %s", r->probe_failed != 0 ? "down" : "alive",
		    age_text(now, r->probed_nsecs, age));
}

static void
state_cell(struct table *t, const struct health_row *r, int64_t now)
{
	if (r->state == BREAKER_OPEN && r->open_until_nsecs == BREAKER_FOREVER)
		table_cell(t, "open (by hand)");
	else if (r->state == BREAKER_OPEN && r->open_until_nsecs > now)
		table_cell(t, "open for %lld s%s",
		    (long long)((r->open_until_nsecs - now) / NSECS_PER_SEC +
				1),
		    r->forced ? " (by hand)" : "");
	else
		table_cell(t, "%s",
		    breaker_state_name((enum breaker_state)r->state));
}

/* "3 of 12 failed"; "" without a call. */
static void
recent_cell(struct table *t, const struct health_row *r, int64_t now)
{
	int64_t calls, failures;

	breaker_recent(r, now, &calls, &failures);
	if (calls > 0)
		table_cell(t, "%lld of %lld failed", (long long)failures,
		    (long long)calls);
	else
		table_cell(t, "%s", "");
}

static void
print_table(const struct ctl *c, const struct health_list *l)
{
	static const char *const heads[] = { "deployment", "model", "upstream",
		"breaker", "ok", "failed", "last minute", "latency ms",
		"ttft ms", "probe", "last failure", "last error" };
	struct table *t = table_new("llllrrrrrlll");

	for (size_t i = 0; i < ARRAY_LEN(heads); i++)
		table_cell(t, "%s", heads[i]);
	for (size_t i = 0; i < l->count; i++) {
		const struct health_item *h = &l->items[i];
		const struct deployment *d = h->deployment;

		table_cell(t, "%s", h->id);
		table_cell(t, "%s",
		    d != NULL ? d->config->model_name : "(not configured)");
		table_cell(t, "%s", d != NULL ? d->config->litellm_model : "");
		state_cell(t, &h->row, c->now_nsecs);
		table_cell_int(t, (int64_t)h->row.successes);
		table_cell_int(t, (int64_t)h->row.failures);
		recent_cell(t, &h->row, c->now_nsecs);
		table_cell(t, "%lld.%lld",
		    (long long)(h->row.latency_micros / 1000),
		    (long long)(h->row.latency_micros % 1000 / 100));
		table_cell(t, "%lld.%lld",
		    (long long)(h->row.ttft_micros / 1000),
		    (long long)(h->row.ttft_micros % 1000 / 100));
		probe_cell(t, &h->row, c->now_nsecs);
		age_cell(t, c->now_nsecs, h->row.last_failure_nsecs);
		table_cell(t, "%s", h->row.last_error);
	}
	table_print(t);
	table_free(&t);
}

static void
json_time(struct jsonw *w, const char *key, int64_t nsecs)
{
	char when[CLOCK_RFC3339_BYTES];

	jsonw_key(w, key);
	if (nsecs == 0) {
		jsonw_null(w);
		return;
	}
	clock_rfc3339(nsecs, when);
	jsonw_cstr(w, when);
}

static void
json_item(struct jsonw *w, const struct health_item *h)
{
	const struct health_row *r = &h->row;
	const struct deployment *d = h->deployment;
	int64_t calls, failures;

	jsonw_open(w, '{');
	jsonw_key(w, "deployment");
	jsonw_cstr(w, h->id);
	jsonw_key(w, "model_name");
	jsonw_cstr(w, d != NULL ? d->config->model_name : NULL);
	jsonw_key(w, "litellm_model");
	jsonw_cstr(w, d != NULL ? d->config->litellm_model : NULL);
	jsonw_key(w, "provider");
	jsonw_cstr(w, d != NULL ? d->provider : NULL);
	jsonw_key(w, "breaker");
	jsonw_cstr(w, breaker_state_name((enum breaker_state)r->state));
	json_time(w, "open_until",
	    r->state == BREAKER_OPEN ? r->open_until_nsecs : 0);
	jsonw_key(w, "successes");
	jsonw_int(w, (int64_t)r->successes);
	jsonw_key(w, "failures");
	jsonw_int(w, (int64_t)r->failures);
	jsonw_key(w, "rate_limits");
	jsonw_int(w, (int64_t)r->rate_limits);
	jsonw_key(w, "timeouts");
	jsonw_int(w, (int64_t)r->timeouts);
	jsonw_key(w, "consecutive_failures");
	jsonw_int(w, r->consecutive);
	breaker_recent(r, clock_wall_nsecs(), &calls, &failures);
	jsonw_key(w, "calls_last_minute");
	jsonw_int(w, calls);
	jsonw_key(w, "failures_last_minute");
	jsonw_int(w, failures);
	jsonw_key(w, "latency_s");
	jsonw_decimal(w, r->latency_micros, 6);
	jsonw_key(w, "ttft_s");
	jsonw_decimal(w, r->ttft_micros, 6);
	json_time(w, "last_success", r->last_success_nsecs);
	json_time(w, "last_failure", r->last_failure_nsecs);
	jsonw_key(w, "last_status");
	jsonw_int(w, r->last_status);
	jsonw_key(w, "last_error");
	jsonw_cstr(w, r->last_error);
	json_time(w, "last_probe", r->probed_nsecs);
	jsonw_key(w, "probe");
	jsonw_cstr(w, r->probed_nsecs == 0   ? NULL
		      : r->probe_failed != 0 ? "down"
					     : "alive");
	jsonw_close(w, '}');
}

static void
print_json(const struct health_list *l)
{
	struct buf b;
	struct jsonw w;

	buf_init(&b, 64 * 1024 * 1024);
	jsonw_init(&w, &b);
	jsonw_open(&w, '[');
	for (size_t i = 0; i < l->count; i++)
		json_item(&w, &l->items[i]);
	jsonw_close(&w, ']');
	printf("%s\n", buf_cstr(&b));
	buf_fini(&b);
}

static int
print_list(struct ctl *c, int argc, char **argv,
    void (*print)(const struct ctl *c, const struct health_list *l))
{
	struct health_list l;
	int rc;

	if (argc > 0)
		return ctl_bad_argument(argv[0], ctl_find_command(cmd_health));
	rc = open_list(c, &l);
	if (rc != CTL_OK)
		return rc;
	if (c->json)
		print_json(&l);
	else
		print(c, &l);
	free_list(&l);
	return CTL_OK;
}

int
cmd_health(struct ctl *c, int argc, char **argv)
{
	return print_list(c, argc, argv, print_table);
}

/* ---- breakers ----------------------------------------------------------- */

/* The share it gets while it comes back slowly; "" when that is all. */
static void
share_cell(struct table *t, const struct health_item *h, int64_t now)
{
	double share = h->deployment == NULL
			   ? 1
			   : breaker_share(&h->row, &h->deployment->rule, now);

	if (share < 1)
		table_cell(t, "%d %%", (int)(share * 100));
	else
		table_cell(t, "%s", "");
}

static void
print_breakers(const struct ctl *c, const struct health_list *l)
{
	static const char *const heads[] = { "deployment", "model", "breaker",
		"share", "trips", "opened", "last error" };
	struct table *t = table_new("lllrrll");
	char text[BREAKER_TEXT_BYTES];

	for (size_t i = 0; i < ARRAY_LEN(heads); i++)
		table_cell(t, "%s", heads[i]);
	for (size_t i = 0; i < l->count; i++) {
		const struct health_item *h = &l->items[i];

		breaker_describe(&h->row, c->now_nsecs, text);
		table_cell(t, "%s", h->id);
		table_cell(t, "%s",
		    h->deployment != NULL ? h->deployment->config->model_name
					  : "(not configured)");
		table_cell(t, "%s", text);
		share_cell(t, h, c->now_nsecs);
		table_cell_int(t, h->row.trips);
		age_cell(t, c->now_nsecs, h->row.opened_nsecs);
		table_cell(t, "%s", h->row.last_error);
	}
	table_print(t);
	table_free(&t);
}

int
cmd_breaker_list(struct ctl *c, int argc, char **argv)
{
	return print_list(c, argc, argv, print_breakers);
}

/* ---- by hand ------------------------------------------------------------ */

/* For a deployment without a cooldown. */
#define TRIP_NSECS (60 * NSECS_PER_SEC)

static void
say_state(const struct ctl *c, const char *id, const char *state)
{
	struct buf b;
	struct jsonw w;

	if (!c->json) {
		printf("%s: breaker %s\n", id, state);
		return;
	}
	buf_init(&b, 64 * 1024);
	jsonw_init(&w, &b);
	jsonw_open(&w, '{');
	jsonw_key(&w, "deployment");
	jsonw_cstr(&w, id);
	jsonw_key(&w, "breaker");
	jsonw_cstr(&w, state);
	jsonw_close(&w, '}');
	printf("%s\n", buf_cstr(&b));
	buf_fini(&b);
}

/* Reads, changes and writes one row in one transaction. */
static int
change_row(struct ctl *c, const char *id, int64_t trip_nsecs, bool trip)
{
	const struct deployment *d = catalog_find_id(c->catalog, str_of(id));
	struct health_row row;
	struct breaker_alert alert = {
		.deployment = id,
		.model = d != NULL ? d->config->model_name : NULL,
		.row = &row,
		.by_hand = true,
		.now_nsecs = c->now_nsecs,
	};
	struct store_txn *t;
	uint32_t before;
	struct err err;
	int rc;

	if (store_write(c->store, STORE_LIVE, &t, &err) != 0) {
		ctl_complain("%s", err.text);
		return CTL_FAILED;
	}
	rc = health_get(t, id, &row);
	if (rc < 0) {
		if (!store_failed(t, &err))
			err_set(&err, ERR_STORE, "the row of %s is damaged",
			    id);
		store_abort(&t);
		ctl_complain("%s", err.text);
		return CTL_FAILED;
	}
	if (rc == 0 && d == NULL) {
		store_abort(&t);
		ctl_complain("no deployment '%s' (see 'tallyctl health')", id);
		return CTL_FAILED;
	}
	before = row.state;
	if (trip && trip_nsecs < 0)
		trip_nsecs = d != NULL && d->rule.cooldown_nsecs > 0
				 ? d->rule.cooldown_nsecs
				 : TRIP_NSECS;
	if (trip)
		breaker_trip(&row, c->now_nsecs, trip_nsecs);
	else
		breaker_reset(&row);
	/* What fails here makes the commit fail, with its reason. */
	(void)!health_put(t, id, &row);
	if (row.state != before)
		(void)!alert_breaker(t, &alert, &err);
	if (store_commit(&t, &err) != 0) {
		ctl_complain("%s", err.text);
		return CTL_FAILED;
	}
	say_state(c, id, breaker_state_name((enum breaker_state)row.state));
	return CTL_OK;
}

static int
change(struct ctl *c, int argc, char **argv, bool trip)
{
	int64_t nsecs = -1; /* its cooldown */
	int rc;

	if (argc < 1 || argc > (trip ? 2 : 1)) {
		ctl_complain("usage: tallyctl breaker %s DEPLOYMENT%s",
		    trip ? "trip" : "reset", trip ? " [DURATION]" : "");
		return CTL_USAGE;
	}
	if (argc == 2 && num_duration(str_of(argv[1]), "s", &nsecs) != 0) {
		ctl_complain("'%s' is no duration (30s, 10m, 2h)", argv[1]);
		return CTL_USAGE;
	}
	rc = ctl_open_store(c, true);
	if (rc == CTL_OK)
		rc = ctl_open_catalog(c);
	return rc != CTL_OK ? rc : change_row(c, argv[0], nsecs, trip);
}

int
cmd_breaker_trip(struct ctl *c, int argc, char **argv)
{
	return change(c, argc, argv, true);
}

int
cmd_breaker_reset(struct ctl *c, int argc, char **argv)
{
	return change(c, argc, argv, false);
}
