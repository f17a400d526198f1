/* The last requests as received. See recent.h. */
#include "sim/recent.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/map.h"

/* Headers whose values nobody may read in full. */
static const char *const secrets[] = { "authorization", "x-api-key", "api-key",
	"proxy-authorization", "cookie", "x-goog-api-key" };

static bool
is_secret(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
		if (str_is_nocase(name, secrets[i]))
			return true;
	}
	return false;
}

/*
 * Stars over all but the last four bytes; over all when that would leave half
 * of a short one. The scheme word ("Bearer ") is no secret and stays.
 */
static void
mask(char *p, size_t n)
{
	char *blank = memchr(p, ' ', n);
	size_t show;

	if (blank != NULL && blank - p < 10) {
		n -= (size_t)(blank - p) + 1;
		p = blank + 1;
	}
	show = n >= 8 ? 4 : 0;
	memset(p, '*', n - show);
}

static void
mask_secrets(struct recent_row *row, const struct request *r)
{
	for (size_t i = 0; i < r->header_count; i++) {
		const struct request_header *h = &r->headers[i];
		size_t at = (size_t)(h->value.p - r->head.p), n = h->value.n;

		if (!is_secret(h->name) || at >= row->head_bytes)
			continue;
		/* A value that runs past what is kept shows nothing. */
		if (at + n > row->head_bytes)
			memset(row->head + at, '*', row->head_bytes - at);
		else
			mask(row->head + at, n);
	}
}

void
recent_add(struct recent *recent, const struct request *r,
    int64_t now_wall_nsecs)
{
	struct recent_row *row = &recent->rows[recent->count % RECENT_KEEP];

	row->time_nsecs = now_wall_nsecs;
	row->head_bytes =
	    r->head.n < RECENT_HEAD_BYTES ? r->head.n : RECENT_HEAD_BYTES;
	row->body_bytes =
	    r->body.n < RECENT_BODY_BYTES ? r->body.n : RECENT_BODY_BYTES;
	row->body_total = r->body.n;
	memcpy(row->head, r->head.p, row->head_bytes);
	if (row->body_bytes > 0)
		memcpy(row->body, r->body.p, row->body_bytes);
	mask_secrets(row, r);
	recent->count++;
}

static struct str
cut_line(struct str *rest)
{
	struct str line = str_cut(rest, '\n');

	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	return line;
}

/* One header into the map of name → text (heap), joined when repeated. */
static void
add_header(struct map *headers, struct str line)
{
	struct str name = str_cut(&line, ':'), value = str_trim(line);
	char *key = str_dup(name), *old, *text;

	for (char *p = key; *p != '\0'; p++) {
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	}
	old = map_find(headers, str_of(key));
	text = old == NULL ? str_dup(value)
			   : xasprintf("%s, " STR_FMT, old, STR_ARG(value));
	map_set(headers, str_of(key), text);
	free(old);
	free(key);
}

static void
write_headers(struct str head, struct jsonw *w)
{
	struct map *headers = map_new();
	size_t cursor = 0;
	struct str name;
	void *value;

	while (head.n > 0)
		add_header(headers, cut_line(&head));
	jsonw_open(w, '{');
	while (map_next(headers, &cursor, &name, &value)) {
		jsonw_str(w, name);
		buf_add_char(w->out, ':');
		w->comma = false;
		jsonw_cstr(w, value);
		free(value);
	}
	jsonw_close(w, '}');
	map_free(&headers);
}

static void
write_row(const struct recent_row *row, struct jsonw *w)
{
	struct str head = str_make(row->head, row->head_bytes);
	struct str body = str_make(row->body, row->body_bytes);
	struct str rest = head, line = cut_line(&rest);
	char when[CLOCK_RFC3339_BYTES], digest[SHA256_HEX_BYTES];

	clock_rfc3339(row->time_nsecs, when);
	jsonw_open(w, '{');
	jsonw_key(w, "time");
	jsonw_cstr(w, when);
	jsonw_key(w, "method");
	jsonw_str(w, str_cut(&line, ' '));
	jsonw_key(w, "path");
	jsonw_str(w, str_cut(&line, ' '));
	jsonw_key(w, "headers");
	write_headers(rest, w);
	jsonw_key(w, "head");
	jsonw_str(w, head);
	jsonw_key(w, "body");
	jsonw_str(w, body);
	jsonw_key(w, "body_bytes");
	jsonw_int(w, (int64_t)row->body_total);
	jsonw_key(w, "body_sha256");
	hash_sha256_hex(body, digest);
	jsonw_cstr(w, row->body_bytes == row->body_total ? digest : NULL);
	jsonw_close(w, '}');
}

void
recent_write(const struct recent *recent, size_t most, struct jsonw *w)
{
	uint64_t held =
	    recent->count < RECENT_KEEP ? recent->count : RECENT_KEEP;
	uint64_t first = recent->count - (held < most ? held : most);

	jsonw_open(w, '[');
	for (uint64_t i = first; i < recent->count; i++)
		write_row(&recent->rows[i % RECENT_KEEP], w);
	jsonw_close(w, ']');
}
