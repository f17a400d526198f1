/* A caller of upstream for the tests: one call, what it was told, and what its
   callbacks do. */
#ifndef TESTS_UNIT_UPSTREAM_FIXTURE_H
#define TESTS_UNIT_UPSTREAM_FIXTURE_H

#include "unit.h"

#include "base/buf.h"
#include "upstream/upstream.h"

struct watch {
	struct event_base *base;
	struct upstream *u;
	struct upstream_call *call;
	struct upstream_head head;
	char content_type[64], request_id[64];
	struct upstream_result result;
	struct buf body;
	int heads, datas, dones;
	/* What callbacks do. */
	bool pause_at_head, pause_once, cancel_on_data;
	struct watch *next; /* started on its next_url when this one is done
			       or cancelled */
	const char *next_url;
	/* What is sent; POST and a small body if not set. */
	const char *method;
	const struct str *pieces;
	size_t piece_count;
};

/* With options of its own (NULL: plain ones), or on another's loop. */
void watch_open(struct watch *w, const struct upstream_options *options);
void watch_open_beside(struct watch *w, const struct watch *other);
/* The one that was opened first, last. */
void watch_close(struct watch *w);
void watch_close_beside(struct watch *w);
/* Starts a call. Nothing may be told before it returns. */
void watch_start(struct watch *w, const char *url);
/* Runs the loop until the flag rises, ten seconds at most. */
void watch_run_until(struct watch *w, const int *flag);
/* A call from start to end. */
void watch_call(struct watch *w, const char *url);

#endif
