/* The life of a relay: its private part comes and goes with it. See relay.h. */
#include "wire/relay.h"

int
relay_open(struct relay *r, const struct relay_ops *ops,
    const struct relay_options *options, struct err *err)
{
	memset(r, 0, sizeof(*r));
	r->ops = ops;
	r->options = *options;
	r->state = xcalloc(1, ops->state_bytes);
	if (ops->start(r, err) == 0)
		return 0;
	free(r->state);
	r->state = NULL;
	return -1;
}

void
relay_close(struct relay *r)
{
	if (r->state == NULL)
		return;
	r->ops->stop(r);
	free(r->state);
	r->state = NULL;
}

/* Bytes of text per token that no text keeps up for long, and what a run of
   blanks or dashes may add to that. */
#define MOST_BYTES_PER_TOKEN 8
#define LONG_RUN_BYTES       256

int64_t
relay_least_tokens(int64_t text_bytes)
{
	return text_bytes <= LONG_RUN_BYTES
		   ? 0
		   : (text_bytes - LONG_RUN_BYTES) / MOST_BYTES_PER_TOKEN;
}
