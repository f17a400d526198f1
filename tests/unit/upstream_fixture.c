/* A caller of upstream for the tests. See upstream_fixture.h. */
#include "upstream_fixture.h"

#include "base/clock.h"

#include <event2/event.h>

static void
on_unpause(evutil_socket_t fd, short what, void *arg)
{
	struct watch *w = arg;

	(void)fd;
	(void)what;
	upstream_resume(w->call);
}

static void
pause_for_a_while(struct watch *w)
{
	struct timeval tv = { 0, 50000 };

	upstream_pause(w->call);
	event_base_once(w->base, -1, EV_TIMEOUT, on_unpause, w, &tv);
}

static void
on_head(void *arg, const struct upstream_head *head)
{
	struct watch *w = arg;

	w->head = *head;
	w->heads++;
	snprintf(w->content_type, sizeof(w->content_type), STR_FMT,
	    STR_ARG(head->content_type));
	snprintf(w->request_id, sizeof(w->request_id), STR_FMT,
	    STR_ARG(head->request_id));
	if (w->pause_at_head)
		pause_for_a_while(w);
}

static void
on_data(void *arg, struct str bytes)
{
	struct watch *w = arg;

	w->datas++;
	buf_add_str(&w->body, bytes);
	if (w->cancel_on_data) {
		upstream_cancel(&w->call);
		if (w->next != NULL)
			watch_start(w->next, w->next_url);
	} else if (w->pause_once) {
		w->pause_once = false;
		pause_for_a_while(w);
	}
}

static void
on_done(void *arg, const struct upstream_result *result)
{
	struct watch *w = arg;

	w->result = *result;
	w->call = NULL;
	w->dones++;
	if (w->next != NULL)
		watch_start(w->next, w->next_url);
}

static const struct upstream_callbacks callbacks = { on_head, on_data,
	on_done };

void
watch_open(struct watch *w, const struct upstream_options *options)
{
	struct upstream_options plain = { .connect_timeout_msecs = 2000,
		.verify_tls = true };
	struct err err;

	memset(w, 0, sizeof(*w));
	buf_init(&w->body, 32 * 1024 * 1024);
	w->base = event_base_new();
	assert_int_equal(upstream_new(w->base,
			     options != NULL ? options : &plain, &w->u, &err),
	    0);
}

void
watch_open_beside(struct watch *w, const struct watch *other)
{
	memset(w, 0, sizeof(*w));
	buf_init(&w->body, 32 * 1024 * 1024);
	w->base = other->base;
	w->u = other->u;
}

void
watch_close(struct watch *w)
{
	upstream_free(&w->u);
	event_base_free(w->base);
	buf_fini(&w->body);
}

void
watch_close_beside(struct watch *w)
{
	buf_fini(&w->body);
}

void
watch_start(struct watch *w, const char *url)
{
	static const char *const headers[] = { "Content-Type: a/b",
		"X-One: 1" };
	static const struct str pieces[] = { STR_LIT("{\"model\":"),
		STR_LIT("\"m\""), STR_LIT(",\"x\":1}") };
	struct upstream_request request = {
		.method = w->method != NULL ? w->method : "POST",
		.url = url,
		.header_count = 2,
		.headers = headers,
		.piece_count = w->pieces != NULL ? w->piece_count : 3,
		.pieces = w->pieces != NULL ? w->pieces : pieces,
		.callbacks = &callbacks,
		.arg = w,
	};
	struct err err;

	if (w->method != NULL && strcmp(w->method, "POST") != 0)
		request.piece_count = 0;
	w->heads = w->datas = w->dones = 0;
	buf_clear(&w->body);
	assert_int_equal(upstream_start(w->u, &request, &w->call, &err), 0);
	assert_int_equal(w->heads + w->datas + w->dones, 0);
}

void
watch_run_until(struct watch *w, const int *flag)
{
	int64_t deadline = clock_mono_nsecs() + 10 * NSECS_PER_SEC;

	while (*flag == 0 && clock_mono_nsecs() < deadline)
		event_base_loop(w->base, EVLOOP_ONCE);
	assert_int_not_equal(*flag, 0);
}

void
watch_call(struct watch *w, const char *url)
{
	watch_start(w, url);
	watch_run_until(w, &w->dones);
}
