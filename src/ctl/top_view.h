/* A reading of tallyctl top as lines for a terminal, and as JSON. */
#ifndef CTL_TOP_VIEW_H
#define CTL_TOP_VIEW_H

#include "ctl/top_sample.h"

#define TOP_MIN_WIDTH  60
#define TOP_MIN_HEIGHT 12

struct top_view {
	int width, height; /* height 0: as many lines as there are rows */
	enum top_sort sort;
	int64_t interval_nsecs;
	bool paused, marked; /* marked: a head line begins with TOP_HEAD */
};
#define TOP_HEAD '\1'

/* Lines of at most `width` characters, each with a newline. */
void top_view_text(const struct top_frame *f, const struct top_view *v,
    struct buf *out);
/* One object; rates are per second of the span. */
void top_view_json(const struct top_frame *f, struct buf *out);

#endif
