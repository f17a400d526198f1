/* Server-sent events, incrementally. See sse.h. */
#include "wire/sse.h"

#include <stdint.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define NAME_BYTES 256         /* longer event names are cut off: unknown */
#define KEEP_BYTES (16 * 1024) /* buffers above this are given back */

static int too_large(const struct sse_reader *r, struct err *err)
    __attribute__((cold));

void
sse_reader_init(struct sse_reader *r, size_t max_event_bytes)
{
	memset(r, 0, sizeof(*r));
	r->max_event_bytes = max_event_bytes;
	buf_init(&r->line, max_event_bytes);
	buf_init(&r->data, max_event_bytes);
	buf_init(&r->name, NAME_BYTES);
}

void
sse_reader_fini(struct sse_reader *r)
{
	buf_fini(&r->line);
	buf_fini(&r->data);
	buf_fini(&r->name);
}

void
sse_reader_reset(struct sse_reader *r)
{
	size_t max = r->max_event_bytes;

	sse_reader_fini(r);
	sse_reader_init(r, max);
}

/* Empties a buffer; one huge event does not keep its memory for the rest of a
   long stream. */
static void
empty(struct buf *b)
{
	if (b->size > KEEP_BYTES)
		buf_fini(b);
	buf_clear(b);
}

static void
clear_event(struct sse_reader *r)
{
	empty(&r->data);
	empty(&r->name);
	r->any_data = r->many_lines = r->any_comment = false;
	r->clear_next = false;
}

static int
too_large(const struct sse_reader *r, struct err *err)
{
	return err_set(err, ERR_UPSTREAM_FORMAT,
	    "an event is larger than %zu bytes", r->max_event_bytes);
}

/* Bytes before the first CR or LF; s.n when there is none. */
static size_t
line_length(struct str s)
{
	size_t i = 0;

#if defined(__SSE2__)
	for (; i + 16 <= s.n; i += 16) {
		__m128i v =
		    _mm_loadu_si128((const __m128i *)(const void *)(s.p + i));
		unsigned mask = (unsigned)_mm_movemask_epi8(
		    _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('\n')),
			_mm_cmpeq_epi8(v, _mm_set1_epi8('\r'))));

		if (mask != 0)
			return i + (size_t)__builtin_ctz(mask);
	}
#endif
	while (i < s.n && s.p[i] != '\n' && s.p[i] != '\r')
		i++;
	return i;
}

/* The part of a line that is a field's value: one blank after the colon does
   not belong to it. False when the line is another field. */
static bool
field_value(struct str line, const char *name, struct str *value_r)
{
	size_t n = strlen(name);

	if (line.n < n || memcmp(line.p, name, n) != 0)
		return false;
	if (line.n > n && line.p[n] != ':')
		return false;
	n += line.n > n;
	n += line.n > n && line.p[n] == ' ';
	*value_r = str_make(line.p + n, line.n - n);
	return true;
}

/* The value of one more data line. *direct stands for the event's data as long
   as it is one line that need not be copied. */
static int
add_data(struct sse_reader *r, struct str value, bool borrowed,
    struct str *direct)
{
	if (!r->any_data && !borrowed) {
		r->any_data = true;
		*direct = value;
		return 0;
	}
	if (direct->p != NULL && buf_add_str(&r->data, *direct) != 0)
		return -1;
	direct->p = NULL;
	if (r->any_data) {
		r->many_lines = true;
		if (buf_add_char(&r->data, '\n') != 0)
			return -1;
	}
	r->any_data = true;
	return buf_add_str(&r->data, value);
}

static int
take_line(struct sse_reader *r, struct str line, bool borrowed,
    struct str *direct)
{
	struct str value;

	if (line.p[0] == ':') {
		r->any_comment = true;
		return 0;
	}
	if (field_value(line, "data", &value))
		return add_data(r, value, borrowed, direct);
	if (field_value(line, "event", &value)) {
		buf_clear(&r->name);
		if (value.n > NAME_BYTES)
			value.n = NAME_BYTES;
		buf_add_str(&r->name, value);
	}
	return 0;
}

/* A blank line: 1 when an event ends here. */
static int
end_event(struct sse_reader *r, struct str direct, struct sse_event *event_r)
{
	if (!r->any_data && !r->any_comment) {
		clear_event(r);
		return 0;
	}
	event_r->name = buf_str(&r->name);
	event_r->data = direct.p != NULL ? direct : buf_str(&r->data);
	event_r->many_lines = r->many_lines;
	event_r->comment_only = !r->any_data;
	r->clear_next = true;
	return 1;
}

static struct str
without_bom(struct sse_reader *r, struct str line)
{
	if (!r->started && str_starts(line, "\xef\xbb\xbf")) {
		line.p += 3;
		line.n -= 3;
	}
	r->started = true;
	return line;
}

/* Cuts a line off *input: 1 with it, 0 when it has no end yet (kept), -1 too
   long. *borrowed_r: it stands in r->line. */
static int
next_line(struct sse_reader *r, struct str *input, struct str *line_r,
    bool *borrowed_r)
{
	struct str part;

	if (r->skip_lf && input->p[0] == '\n') {
		input->p++;
		input->n--;
	}
	r->skip_lf = false;
	part = str_make(input->p, line_length(*input));
	*borrowed_r = r->line.len > 0;
	if (part.n == input->n) {
		*input = str_make("", 0);
		return buf_add_str(&r->line, part);
	}
	r->skip_lf = part.p[part.n] == '\r';
	input->p += part.n + 1;
	input->n -= part.n + 1;
	if (*borrowed_r) {
		if (buf_add_str(&r->line, part) != 0)
			return -1;
		part = buf_str(&r->line);
	}
	*line_r = without_bom(r, part);
	return 1;
}

int
sse_next(struct sse_reader *r, struct str *input, struct sse_event *event_r,
    struct err *err)
{
	struct str direct = { NULL, 0 }, line;
	bool borrowed;

	if (r->clear_next)
		clear_event(r);
	while (input->n > 0) {
		int got = next_line(r, input, &line, &borrowed);

		if (got < 0)
			return too_large(r, err);
		if (got == 0)
			break;
		if (line.n > 0)
			got = take_line(r, line, borrowed, &direct);
		else
			got = end_event(r, direct, event_r);
		if (borrowed)
			empty(&r->line);
		if (got == 1)
			return 1;
		if (got < 0 || r->data.len + direct.n > r->max_event_bytes)
			return too_large(r, err);
	}
	if (direct.p != NULL && buf_add_str(&r->data, direct) != 0)
		return too_large(r, err);
	return r->line.len + r->data.len > r->max_event_bytes
		   ? too_large(r, err)
		   : 0;
}

int
sse_finish(struct sse_reader *r, struct sse_event *event_r)
{
	struct str direct = { NULL, 0 };

	if (r->clear_next)
		clear_event(r);
	if (r->line.len > 0) {
		struct str line = without_bom(r, buf_str(&r->line));

		if (line.n > 0 && take_line(r, line, true, &direct) != 0)
			return 0;
		buf_clear(&r->line);
	}
	if (!r->any_data)
		return 0;
	return end_event(r, direct, event_r);
}

void
sse_one_line(struct buf *out, size_t from)
{
	while (from < out->len) {
		from +=
		    line_length(str_make(out->data + from, out->len - from));
		if (from < out->len)
			out->data[from++] = ' ';
	}
}

int
sse_write(struct buf *out, struct str name, struct str data)
{
	size_t before = out->len;
	int r = 0;

	if (name.n > 0) {
		r |= buf_add_cstr(out, "event: ");
		r |= buf_add_str(out, name);
		r |= buf_add_char(out, '\n');
	}
	do {
		size_t n = line_length(data);
		size_t ends = 0;

		r |= buf_add_cstr(out, "data: ");
		r |= buf_add(out, data.p, n);
		r |= buf_add_char(out, '\n');
		if (n < data.n)
			ends = data.p[n] == '\r' && n + 1 < data.n &&
				       data.p[n + 1] == '\n'
				   ? 2
				   : 1;
		data.p += n + ends;
		data.n -= n + ends;
	} while (data.n > 0);
	r |= buf_add_char(out, '\n');
	if (r != 0)
		out->len = before;
	return r == 0 ? 0 : -1;
}
