/* What upstream's own files share. Nobody else includes this. */
#ifndef UPSTREAM_UPSTREAM_PRIVATE_H
#define UPSTREAM_UPSTREAM_PRIVATE_H

#include "base/list.h"
#include "upstream/upstream.h"

#include <curl/curl.h>
#include <event2/event_struct.h>

#define UPSTREAM_POOL_MAX 256

/* What a call still needs from outside curl's callbacks. */
enum call_wish {
	WISH_ADD = 1,    /* hand to the multi */
	WISH_REMOVE = 2, /* cancelled: take out and recycle */
	WISH_RESUME = 4,
};

struct upstream_call {
	struct list node;   /* upstream->calls, or ->pool */
	struct list wishes; /* upstream->wishful while wish != 0 */
	struct upstream *u;
	CURL *easy;
	struct curl_slist *headers;
	const struct upstream_callbacks *callbacks; /* NULL: cancelled */
	void *arg;
	unsigned wish; /* enum call_wish */
	bool in_multi, paused;
	/* The body, sent piece after piece. */
	const struct str *pieces;
	size_t piece_count, piece_at, piece_offset;
	/* The head, read line by line. */
	struct upstream_head head;
	char content_type[128], request_id[128];
	bool head_given;
	int64_t body_bytes;
	char error[CURL_ERROR_SIZE];
};

struct upstream {
	struct event_base *base;
	struct upstream_options options;
	CURLM *multi;
	CURLSH *share;
	struct event timer;    /* curl's one timer */
	struct event deferred; /* runs the wishes */
	struct list calls, pool, wishful;
	size_t pooled;
	int depth; /* > 0: inside a curl function */
	struct upstream_stats stats;
};

/* upstream_loop.c: the multi on the event loop */
int loop_open(struct upstream *u, struct err *err);
void loop_close(struct upstream *u);
/* Puts a wish on the call; it is granted as soon as curl is not on the stack.
 */
void loop_wish(struct upstream_call *c, enum call_wish wish);

/* upstream_call.c: one easy handle */
struct upstream_call *call_new(struct upstream *u, struct err *err);
int call_set_up(struct upstream_call *c, const struct upstream_request *request,
    struct err *err);
/* Off all lists, into the pool (or freed). Must not be in the multi. */
void call_recycle(struct upstream_call *c);
void call_free(struct upstream_call *c);
/* Works out how it ended. */
void call_result(const struct upstream_call *c, CURLcode code,
    struct upstream_result *result_r);

#endif
