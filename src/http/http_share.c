/* Sharing connections with other processes. See http_share.h. */
#include "http/http_share.h"

#include "base/clock.h"

#include <stdatomic.h>

/* So many more than another are let pass: the one who is awake takes it. */
#define MARGIN 2
/* The others had this long to take a connection and did not: they are dead,
   stopped or stuck. */
#define PATIENCE_NSECS (20 * NSECS_PER_MSEC)
/* Then they are not waited for again for this long. */
#define INSIST_NSECS NSECS_PER_SEC
/* Not asked for longer than this: it is another connection. */
#define LAPSE_NSECS (5 * NSECS_PER_MSEC)

#define NOBODY UINT32_MAX

void
http_share_init(struct http_share *s, const struct http_options *o)
{
	s->cells = o->load_self < o->load_count ? o->loads : NULL;
	s->count = o->load_count;
	s->self = o->load_self;
	http_share_tell(s, 0);
}

void
http_share_tell(struct http_share *s, size_t connections)
{
	if (s->cells != NULL)
		atomic_store_explicit(&s->cells[s->self],
		    (uint32_t)connections + 1, memory_order_relaxed);
}

void
http_share_leave(struct http_share *s)
{
	if (s->cells != NULL)
		atomic_store_explicit(&s->cells[s->self], 0,
		    memory_order_relaxed);
	s->cells = NULL;
}

static uint32_t
least_of_others(const struct http_share *s)
{
	uint32_t least = NOBODY;

	for (size_t i = 0; i < s->count; i++) {
		uint32_t cell =
		    atomic_load_explicit(&s->cells[i], memory_order_relaxed);

		if (i != s->self && cell != 0 && cell - 1 < least)
			least = cell - 1;
	}
	return least;
}

bool
http_share_is_ours(struct http_share *s, size_t connections, int64_t now_nsecs)
{
	uint32_t least;

	if (s->cells == NULL || now_nsecs < s->insist_until_nsecs)
		return true;
	least = least_of_others(s);
	if (least == NOBODY || connections < (size_t)least + MARGIN)
		return true;
	if (least != s->seen || now_nsecs - s->asked_nsecs > LAPSE_NSECS) {
		s->seen = least;
		s->since_nsecs = now_nsecs;
	}
	s->asked_nsecs = now_nsecs;
	if (now_nsecs - s->since_nsecs < PATIENCE_NSECS)
		return false;
	s->insist_until_nsecs = now_nsecs + INSIST_NSECS;
	return true;
}
