/* Alerts on their way out. See alerts.h. */
#include "keeper/alerts.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/jsonx.h"
#include "base/log.h"
#include "domain/ledger/alert.h"
#include "store/key.h"
#include "upstream/upstream.h"

#define MAX_OPEN       32 /* alerts in hand */
#define TRIES          7
#define POST_NSECS     (10 * NSECS_PER_SEC)
#define OLDEST_NSECS   (3600 * NSECS_PER_SEC)
#define RESETS_AT_ONCE 64
#define MAX_POSTS      64 /* webhooks of a configuration */

struct told;

/* One webhook's share of an alert. */
struct post {
	struct told *told;
	const struct config_webhook *hook;
	struct upstream_call *call; /* NULL: not under way */
	char signature[96], event[64];
	struct str body;
	bool done, failed;
	int tries, status;
	int64_t next_nsecs, deadline_nsecs; /* mono */
};

/* An alert in hand. */
struct told {
	struct list node;
	struct alerts *all;
	struct key key;
	char *text;
	char event[32];
	struct batch_job job; /* deletes the row */
	bool deleting, deleted;
	size_t post_count;
	struct post posts[];
};

struct alerts {
	struct alerts_options options;
	struct upstream *upstream;
	struct list open;
	size_t count;
	struct batch_job reset_job;
	bool resetting;
};

/* ---- posting ------------------------------------------------------------ */

static void
on_head(void *arg, const struct upstream_head *head)
{
	struct post *p = arg;

	p->status = head->status;
}

static void
on_data(void *arg, struct str bytes)
{
	(void)arg;
	(void)bytes;
}

/* "https://host:port" of an address. */
static int
origin_length(const char *url)
{
	const char *host = strstr(url, "://");

	if (host == NULL)
		return 0;
	host += 3;
	return (int)(host - url + (ptrdiff_t)strcspn(host, "/?#"));
}

static void
try_later(struct post *p, const char *why)
{
	const char *event = p->told->event;

	if (p->tries < TRIES) {
		p->next_nsecs = clock_mono_nsecs() +
				((int64_t)1 << (p->tries - 1)) * NSECS_PER_SEC;
		return;
	}
	p->done = p->failed = true;
	/* Its path may be a secret. */
	log_error("webhook at %.*s: %s was not taken after %d tries: %s",
	    origin_length(p->hook->url), p->hook->url, event, p->tries, why);
}

static void
on_done(void *arg, const struct upstream_result *result)
{
	struct post *p = arg;
	char why[64];

	p->call = NULL;
	if (result->end == UPSTREAM_DONE && p->status >= 200 &&
	    p->status <= 299) {
		p->done = true;
		return;
	}
	snprintf(why, sizeof(why), "status %d", p->status);
	try_later(p, result->end == UPSTREAM_DONE ? why : result->text);
}

static const struct upstream_callbacks post_callbacks = {
	.on_head = on_head,
	.on_data = on_data,
	.on_done = on_done,
};

static void
start_post(struct post *p)
{
	const char *headers[] = { "content-type: application/json", p->event,
		p->signature };
	struct upstream_request request = {
		.method = "POST",
		.url = p->hook->url,
		.header_count = p->signature[0] != '\0' ? 3 : 2,
		.headers = headers,
		.piece_count = 1,
		.pieces = &p->body,
		.callbacks = &post_callbacks,
		.arg = p,
	};
	struct err err;

	p->tries++;
	p->status = 0;
	p->deadline_nsecs = clock_mono_nsecs() + POST_NSECS;
	if (upstream_start(p->told->all->upstream, &request, &p->call, &err) !=
	    0)
		try_later(p, err.text);
}

static void
tick_post(struct post *p, int64_t now)
{
	if (p->done)
		return;
	if (p->call == NULL && now >= p->next_nsecs) {
		start_post(p);
	} else if (p->call != NULL && now >= p->deadline_nsecs) {
		upstream_cancel(&p->call);
		try_later(p, "no answer in time");
	}
}

/* ---- an alert ----------------------------------------------------------- */

static bool
wants(const struct config_webhook *h, const char *event)
{
	for (size_t i = 0; i < h->events.count; i++) {
		if (strcmp(h->events.items[i], event) == 0)
			return true;
	}
	return h->events.count == 0;
}

static void
log_alert(const char *event, const json_t *json, struct str text)
{
	struct str scope = jsonx_str(json, "scope");
	struct str name = jsonx_str(json, "name");

	if (str_is(jsonx_str(json, "by"), "hand")) {
		log_warn("%s by hand: deployment " STR_FMT, event,
		    STR_ARG(jsonx_str(json, "deployment")));
		return;
	}
	/* A breaker's line is written by the worker that changed it. */
	if (scope.n == 0)
		return;
	log_warn("alert %s: " STR_FMT "%s" STR_FMT ": " STR_FMT, event,
	    STR_ARG(scope), name.n > 0 ? " " : "", STR_ARG(name),
	    STR_ARG(text));
}

static void
add_post(struct told *t, const struct config_webhook *h)
{
	struct post *p = &t->posts[t->post_count++];

	p->told = t;
	p->hook = h;
	p->body = str_of(t->text);
	snprintf(p->event, sizeof(p->event), "x-tallygate-event: %s", t->event);
	if (h->secret[0] != '\0') {
		char hex[SHA256_HEX_BYTES];

		hash_hmac_hex(str_of(h->secret), p->body, hex);
		snprintf(p->signature, sizeof(p->signature),
		    "x-tallygate-signature: sha256=%s", hex);
	}
}

static void
take_on(struct alerts *a, struct str key, struct str value)
{
	const struct config *c = a->options.config;
	size_t hooks =
	    c->webhook_count < MAX_POSTS ? c->webhook_count : MAX_POSTS;
	struct told *t = xcalloc(1, sizeof(*t) + hooks * sizeof(t->posts[0]));
	json_t *json = jsonx_parse(value, NULL);
	enum alert event;

	t->all = a;
	memcpy(t->key.bytes, key.p, key.n);
	t->key.n = key.n;
	t->text = str_dup(value);
	if (json != NULL &&
	    alert_parse(jsonx_str(json, "event"), &event) == 0) {
		snprintf(t->event, sizeof(t->event), "%s", alert_name(event));
		log_alert(t->event, json, value);
		for (size_t i = 0; i < hooks; i++) {
			if (wants(&c->webhooks[i], t->event))
				add_post(t, &c->webhooks[i]);
		}
	}
	json_decref(json);
	list_append(&a->open, &t->node);
	a->count++;
}

static bool
is_in_hand(const struct alerts *a, struct str key)
{
	LIST_EACH(node, &a->open) {
		const struct told *t = LIST_OBJ(node, struct told, node);

		if (str_eq(key_str(&t->key), key))
			return true;
	}
	return false;
}

static void
take_new(struct alerts *a)
{
	struct store_cursor *c;
	struct str key, value;
	struct store_txn *t;

	if (a->count >= MAX_OPEN ||
	    store_read(a->options.store, STORE_LIVE, &t, NULL) != 0)
		return;
	c = store_cursor_open(t, STORE_ALERTS, str_make("", 0));
	while (c != NULL && a->count < MAX_OPEN &&
	       store_cursor_next(c, &key, &value) == 1) {
		if (!is_in_hand(a, key))
			take_on(a, key, value);
	}
	store_cursor_close(&c);
	store_abort(&t);
}

static int
delete_run(struct batch_job *job, struct store_txn *t, struct err *err)
{
	struct told *told = LIST_OBJ(job, struct told, job);

	if (store_del(t, STORE_ALERTS, key_str(&told->key)) != 0)
		return err_set(err, ERR_STORE, "alerts");
	return 0;
}

static void
delete_done(struct batch_job *job, const struct err *err)
{
	struct told *told = LIST_OBJ(job, struct told, job);

	told->deleting = false;
	told->deleted = err == NULL;
}

static bool
is_too_old(const struct told *t)
{
	struct str key = key_str(&t->key);
	uint64_t nsecs;

	return key_take_u64(&key, &nsecs) != 0 ||
	       clock_wall_nsecs() - (int64_t)nsecs > OLDEST_NSECS;
}

static void
close_told(struct told *t)
{
	for (size_t i = 0; i < t->post_count; i++) {
		if (t->posts[i].call != NULL)
			upstream_cancel(&t->posts[i].call);
	}
	if (t->deleting)
		batch_cancel(t->all->options.batch, &t->job);
	list_remove(&t->node);
	t->all->count--;
	free(t->text);
	free(t);
}

static void
tick_told(struct told *t, int64_t now)
{
	bool all_done = true;

	if (t->deleted) {
		close_told(t);
		return;
	}
	for (size_t i = 0; i < t->post_count; i++) {
		tick_post(&t->posts[i], now);
		all_done = all_done && t->posts[i].done;
	}
	if ((!all_done && !is_too_old(t)) || t->deleting)
		return;
	t->deleting = true;
	batch_job_init(&t->job, delete_run, delete_done);
	batch_add(t->all->options.batch, &t->job);
}

/* ---- windows that are over ---------------------------------------------- */

static int
reset_run(struct batch_job *job, struct store_txn *t, struct err *err)
{
	(void)job;
	return alert_check_resets(t, clock_wall_nsecs(), RESETS_AT_ONCE, err);
}

static void
reset_done(struct batch_job *job, const struct err *err)
{
	struct alerts *a = LIST_OBJ(job, struct alerts, reset_job);

	a->resetting = false;
	if (err != NULL)
		log_warn("alerts of ended windows: %s", err->text);
}

static void
look_for_resets(struct alerts *a)
{
	struct store_txn *t;
	bool any;

	if (a->resetting ||
	    store_read(a->options.store, STORE_LIVE, &t, NULL) != 0)
		return;
	any = alert_has_resets(t, clock_wall_nsecs());
	store_abort(&t);
	if (!any)
		return;
	a->resetting = true;
	batch_job_init(&a->reset_job, reset_run, reset_done);
	batch_add(a->options.batch, &a->reset_job);
}

/* ---- the whole ---------------------------------------------------------- */

void
alerts_tick(struct alerts *a)
{
	int64_t now = clock_mono_nsecs();

	look_for_resets(a);
	take_new(a);
	LIST_EACH_SAFE(node, &a->open)
		tick_told(LIST_OBJ(node, struct told, node), now);
}

int
alerts_new(const struct alerts_options *options, struct alerts **a_r,
    struct err *err)
{
	struct upstream_options up = {
		.connect_timeout_msecs =
		    options->config->limits.connect_timeout_msecs,
		.verify_tls = true,
	};
	struct alerts *a = xcalloc(1, sizeof(*a));

	a->options = *options;
	list_init(&a->open);
	if (upstream_new(options->base, &up, &a->upstream, err) != 0) {
		free(a);
		return -1;
	}
	*a_r = a;
	return 0;
}

void
alerts_free(struct alerts **ap)
{
	struct alerts *a = *ap;

	if (a == NULL)
		return;
	LIST_EACH_SAFE(node, &a->open)
		close_told(LIST_OBJ(node, struct told, node));
	if (a->resetting)
		batch_cancel(a->options.batch, &a->reset_job);
	upstream_free(&a->upstream);
	free(a);
	*ap = NULL;
}
