/* Records of requests. See reqlog.h. */
#include "sim/reqlog.h"

#include "base/clock.h"
#include "base/fd.h"

static const char *
outcome_name(enum outcome outcome)
{
	switch (outcome) {
	case OUTCOME_SERVED:
		return "served";
	case OUTCOME_ERROR:
		return "error";
	case OUTCOME_CUT:
		return "cut";
	case OUTCOME_STALLED:
		return "stalled";
	case OUTCOME_CLIENT_GONE:
		return "client_gone";
	}
	return "unknown";
}

void
record_text(char *out, size_t size, struct str text)
{
	size_t n = text.n < size - 1 ? text.n : size - 1;

	if (n > 0)
		memcpy(out, text.p, n);
	out[n] = '\0';
}

static void
write_name(struct jsonw *w, const char *key, const char *text)
{
	jsonw_key(w, key);
	jsonw_cstr(w, text[0] == '\0' ? NULL : text);
}

static void
write_number(struct jsonw *w, const char *key, int64_t v)
{
	jsonw_key(w, key);
	jsonw_int(w, v);
}

void
record_write(const struct record *r, struct jsonw *w)
{
	char when[CLOCK_RFC3339_BYTES];

	clock_rfc3339(r->time_nsecs, when);
	jsonw_open(w, '{');
	write_name(w, "time", when);
	write_name(w, "id", r->id);
	write_name(w, "model", r->model);
	write_name(w, "path", r->path);
	jsonw_key(w, "stream");
	jsonw_bool(w, r->stream);
	write_number(w, "status", r->status);
	write_name(w, "outcome", outcome_name(r->outcome));
	write_number(w, "prompt_tokens", r->prompt_tokens);
	write_number(w, "completion_tokens", r->completion_tokens);
	write_number(w, "cached_tokens", r->cached_tokens);
	jsonw_close(w, '}');
}

void
reqlog_add(struct reqlog *log, const struct record *r)
{
	log->rows[log->count % REQLOG_KEEP] = *r;
	log->count++;
}

void
reqlog_write(const struct reqlog *log, size_t most, struct jsonw *w)
{
	uint64_t held = log->count < REQLOG_KEEP ? log->count : REQLOG_KEEP;
	uint64_t first = log->count - (held < most ? held : most);

	jsonw_open(w, '[');
	for (uint64_t i = first; i < log->count; i++)
		record_write(&log->rows[i % REQLOG_KEEP], w);
	jsonw_close(w, ']');
}

int
reqlog_append(int fd, const struct record *r, struct err *err)
{
	static struct buf line; /* kept from record to record */
	struct jsonw w;

	if (line.max == 0)
		buf_init(&line, 4096);
	buf_clear(&line);
	jsonw_init(&w, &line);
	record_write(r, &w);
	buf_add_char(&line, '\n');
	/* One write, so that the lines of several workers do not mix. */
	if (fd_write_all(fd, line.data, line.len) != 0)
		return err_set_errno(err, ERR_IO, "request log");
	return 0;
}
