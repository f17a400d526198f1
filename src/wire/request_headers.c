/*
 * What a request's headers say to the gateway: LiteLLM's x-litellm-... of
 * section 4.4 of the notes. A header overrules the body (section 1.7).
 */
#include "base/num.h"
#include "config/config.h"
#include "wire/request.h"

#define MAX_RETRIES 1000

static int
bad_header(const char *name, const char *what, const char **param_r,
    struct err *err)
{
	*param_r = name;
	return err_set(err, ERR_BAD_REQUEST, "header %s %s", name, what);
}

/* Seconds, also with a fraction, as in the body. */
static int
take_seconds(struct str v, int64_t *msecs_r)
{
	bool inexact;
	int64_t msecs;

	if (v.n == 0)
		return 0;
	if (num_decimal(v, 3, &msecs, &inexact) != 0 || msecs < 0)
		return -1;
	*msecs_r = msecs == 0 ? 1 : msecs;
	return 0;
}

static int
take_tags(struct wire_request *r, struct str list)
{
	while (list.n > 0) {
		struct str tag = str_trim(str_cut(&list, ','));

		if (tag.n == 0)
			continue;
		if (r->tag_count == WIRE_MAX_TAGS)
			return -1;
		r->tags[r->tag_count++] = tag;
	}
	return 0;
}

int
wire_request_headers(struct wire_request *r,
    struct str (*header)(const void *arg, const char *name), const void *arg,
    const char **param_r, struct err *err)
{
	static const char retries[] = "x-litellm-num-retries",
			  timeout[] = "x-litellm-timeout",
			  stream[] = "x-litellm-stream-timeout",
			  tags[] = "x-litellm-tags";
	struct str v = header(arg, retries);
	int64_t n;

	if (v.n > 0) {
		if (num_int64(v, &n) != 0 || n < 0 || n > MAX_RETRIES)
			return bad_header(retries,
			    "must be an integer from 0 to 1000", param_r, err);
		r->num_retries = n;
	}
	if (take_seconds(header(arg, timeout), &r->timeout_msecs) != 0)
		return bad_header(timeout, "must be a number of seconds",
		    param_r, err);
	if (take_seconds(header(arg, stream), &r->stream_timeout_msecs) != 0)
		return bad_header(stream, "must be a number of seconds",
		    param_r, err);
	if (take_tags(r, header(arg, tags)) != 0)
		return bad_header(tags,
		    "and the body have more tags than the 8 allowed", param_r,
		    err);
	return 0;
}
