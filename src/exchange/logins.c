/* Asking for keys that expire. See logins.h. */
#include "exchange/logins.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"

#include <event2/event.h>
#include <event2/event_struct.h>

#define DEADLINE_SECS 10
#define EARLY_NSECS   (300 * NSECS_PER_SEC) /* renewed before they expire */
#define LATE_NSECS    (15 * NSECS_PER_SEC)  /* no longer given out */
#define FIRST_PAUSE   NSECS_PER_SEC
#define LAST_PAUSE    (60 * NSECS_PER_SEC)

struct login {
	const struct config_login *config;
	struct logins *all;
	bool has_keys;
	struct login_keys keys;
	/* One under way. */
	struct login_talk *talk; /* NULL: none */
	struct upstream_call *call;
	struct arena arena;
	struct wire_call wire;
	struct buf answer;
	int status;
	struct event deadline;
	struct list waiters;
	/* The last failure. */
	struct err failure;
	int64_t pause_nsecs, again_nsecs; /* mono; 0 none */
};

struct logins {
	struct event_base *base;
	struct upstream *upstream;
	size_t count;
	struct login *logins;
};

/* ---- the end of one ----------------------------------------------------- */

static void
stop_talk(struct login *l)
{
	if (l->call != NULL)
		upstream_cancel(&l->call);
	event_del(&l->deadline);
	if (l->talk != NULL)
		explicit_bzero(l->talk, sizeof(*l->talk));
	free(l->talk);
	l->talk = NULL;
	if (l->answer.data != NULL)
		explicit_bzero(l->answer.data, l->answer.len);
	buf_fini(&l->answer);
	arena_fini(&l->arena);
}

/* Those who come while these are called belong to the next one. */
static void
tell_waiters(struct login *l)
{
	struct list told, *n;

	list_init(&told);
	list_move_all(&told, &l->waiters);
	while ((n = list_shift(&told)) != NULL) {
		struct login_waiter *w = LIST_OBJ(n, struct login_waiter, node);

		w->on_ready(w->arg);
	}
}

static void
succeed(struct login *l)
{
	char text[512];

	config_login_text(l->config, text, sizeof(text));
	if (!l->has_keys || l->pause_nsecs > 0)
		log_info("logged in as %s", text);
	l->keys = l->talk->keys;
	l->has_keys = true;
	l->pause_nsecs = l->again_nsecs = 0;
	stop_talk(l);
	tell_waiters(l);
}

static void
fail(struct login *l, const struct err *err)
{
	char text[512];

	config_login_text(l->config, text, sizeof(text));
	err_set(&l->failure, err->code, "login as %s: %s", text, err->text);
	if (l->failure.code != ERR_UPSTREAM_AUTH)
		l->failure.code = ERR_UPSTREAM_CONNECT;
	l->pause_nsecs = l->pause_nsecs == 0 ? FIRST_PAUSE : 2 * l->pause_nsecs;
	if (l->pause_nsecs > LAST_PAUSE)
		l->pause_nsecs = LAST_PAUSE;
	l->again_nsecs = clock_mono_nsecs() + l->pause_nsecs;
	log_warn("%s; asked again in %lld s at the earliest", l->failure.text,
	    (long long)(l->pause_nsecs / NSECS_PER_SEC));
	stop_talk(l);
	tell_waiters(l);
}

/* ---- asking ------------------------------------------------------------- */

static void ask(struct login *l);

static void
on_head(void *arg, const struct upstream_head *head)
{
	struct login *l = arg;

	l->status = head->status;
}

static void
on_data(void *arg, struct str bytes)
{
	struct login *l = arg;

	/* Too much is noticed when it is read. */
	(void)buf_add_str(&l->answer, bytes);
}

static void
on_done(void *arg, const struct upstream_result *result)
{
	struct login *l = arg;
	struct err err;
	int heard;

	l->call = NULL;
	if (result->end != UPSTREAM_DONE || l->answer.overflowed) {
		err_set(&err, ERR_UPSTREAM, "%s",
		    l->answer.overflowed ? "its answer is too long"
					 : result->text);
		fail(l, &err);
		return;
	}
	heard = login_hear(l->talk, l->status, buf_str(&l->answer),
	    clock_wall_nsecs(), &err);
	if (heard < 0)
		fail(l, &err);
	else if (heard == 1)
		succeed(l);
	else
		ask(l);
}

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct login *l = arg;
	struct err err;

	(void)fd;
	(void)what;
	err_set(&err, ERR_UPSTREAM, "no answer within %d s", DEADLINE_SECS);
	fail(l, &err);
}

/* A token's file: a few kilobytes, written by the platform beside us. */
static int
read_token(const struct config_login *c, struct buf *text, struct err *err)
{
	buf_init(text, LOGIN_TOKEN_BYTES);
	return c->token_file[0] == '\0' ? 0
					: file_read(c->token_file, text, err);
}

static int
start(struct login *l, struct err *err)
{
	static const struct upstream_callbacks callbacks = {
		.on_head = on_head,
		.on_data = on_data,
		.on_done = on_done,
	};
	struct upstream_request request;
	struct buf token;
	int rc;

	arena_reset(&l->arena);
	buf_clear(&l->answer);
	l->status = 0;
	rc = read_token(l->config, &token, err);
	if (rc == 0)
		rc = login_ask(l->talk, str_trim(buf_str(&token)),
		    clock_wall_nsecs(), &l->arena, &l->wire, err);
	buf_fini(&token);
	if (rc != 0)
		return -1;
	request = (struct upstream_request){
		.method = l->wire.method,
		.url = l->wire.url,
		.header_count = l->wire.header_count,
		.headers = l->wire.headers,
		.piece_count = l->wire.piece_count,
		.pieces = l->wire.pieces,
		.callbacks = &callbacks,
		.arg = l,
	};
	return upstream_start(l->all->upstream, &request, &l->call, err);
}

static void
ask(struct login *l)
{
	struct err err;

	if (start(l, &err) != 0)
		fail(l, &err);
}

static void
begin(struct login *l)
{
	static const struct timeval deadline = { DEADLINE_SECS, 0 };

	l->talk = xcalloc(1, sizeof(*l->talk));
	arena_init(&l->arena, 8192);
	buf_init(&l->answer, LOGIN_ANSWER_BYTES);
	login_begin(l->talk, l->config);
	evtimer_add(&l->deadline, &deadline);
	ask(l);
}

/* ---- for the others ------------------------------------------------------ */

static struct login *
find(const struct logins *all, const struct config_login *config)
{
	for (size_t i = 0; i < all->count; i++) {
		if (config_login_eq(all->logins[i].config, config))
			return &all->logins[i];
	}
	return NULL;
}

static void
add(struct logins *all, const struct config_login *config)
{
	struct login *l = &all->logins[all->count++];

	l->config = config;
	l->all = all;
	list_init(&l->waiters);
	evtimer_assign(&l->deadline, all->base, on_deadline, l);
}

struct logins *
logins_new(struct event_base *base, struct upstream *u,
    const struct config *config)
{
	struct logins *all = xcalloc(1, sizeof(*all));

	all->base = base;
	all->upstream = u;
	all->logins =
	    xcalloc(config->deployment_count + 1, sizeof(*all->logins));
	for (size_t i = 0; i < config->deployment_count; i++) {
		const struct config_login *c = config->deployments[i].login;

		if (c != NULL && find(all, c) == NULL)
			add(all, c);
	}
	if (all->count == 0)
		logins_free(&all);
	return all;
}

void
logins_free(struct logins **lp)
{
	struct logins *all = *lp;

	if (all == NULL)
		return;
	*lp = NULL;
	for (size_t i = 0; i < all->count; i++) {
		stop_talk(&all->logins[i]);
		explicit_bzero(&all->logins[i].keys,
		    sizeof(all->logins[i].keys));
	}
	free(all->logins);
	free(all);
}

int
logins_get(struct logins *all, const struct config_login *config,
    struct login_waiter *w, const struct login_keys **keys_r, struct err *err)
{
	struct login *l = all == NULL ? NULL : find(all, config);
	int64_t now = clock_wall_nsecs(), left;
	bool may_ask;

	if (l == NULL)
		return err_set(err, ERR_INTERNAL, "a login without its row");
	left = l->has_keys ? l->keys.expires_nsecs - now : 0;
	may_ask = l->talk == NULL && clock_mono_nsecs() >= l->again_nsecs;
	if (left < EARLY_NSECS && may_ask)
		begin(l);
	/* begin() may have failed at once, and changes no keys. */
	if (left > LATE_NSECS) {
		*keys_r = &l->keys;
		return 1;
	}
	if (l->talk == NULL) {
		*err = l->failure;
		return -1;
	}
	list_append(&l->waiters, &w->node);
	return 0;
}

void
logins_forget(struct login_waiter *w)
{
	if (w->node.next != NULL)
		list_remove(&w->node);
}

const char *
logins_token(const struct logins *all, const struct config_login *config)
{
	const struct login *l =
	    all == NULL || config == NULL ? NULL : find(all, config);

	return l != NULL && l->has_keys ? l->keys.token : NULL;
}
