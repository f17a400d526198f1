/* AWS signatures. See sigv4.h. */
#include "base/sigv4.h"

#include "base/buf.h"
#include "base/clock.h"

#include <time.h>

#define CANONICAL_BYTES (256 * 1024)

struct signing {
	const struct sigv4_request *r;
	size_t count;
	struct sigv4_header headers[SIGV4_MAX_HEADERS]; /* sorted */
	struct buf names;                               /* host;x-amz-date */
};

static int
compare(struct str a, struct str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int order = n == 0 ? 0 : memcmp(a.p, b.p, n);

	if (order != 0)
		return order;
	return a.n < b.n ? -1 : a.n > b.n;
}

/* In the order of the names; of one name in the order they came. */
static void
add_header(struct signing *s, const char *name, struct str value)
{
	struct sigv4_header h = { str_of(name), value };
	size_t i = s->count++;

	if (s->count > SIGV4_MAX_HEADERS)
		abort();
	for (; i > 0 && compare(h.name, s->headers[i - 1].name) < 0; i--)
		s->headers[i] = s->headers[i - 1];
	s->headers[i] = h;
}

/* Blanks at the ends go, and of several inside one stays. */
static void
add_trimmed(struct str value, struct buf *out)
{
	bool blank = false;

	value = str_trim(value);
	for (size_t i = 0; i < value.n; i++) {
		if (!blank || value.p[i] != ' ')
			buf_add_char(out, value.p[i]);
		blank = value.p[i] == ' ';
	}
}

static void
add_headers(struct signing *s, struct buf *out)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct sigv4_header *h = &s->headers[i];
		bool again = i > 0 && str_eq(h->name, h[-1].name);

		if (again) {
			buf_add_char(out, ',');
		} else {
			if (i > 0)
				buf_add_char(out, '\n');
			buf_add_str(out, h->name);
			buf_add_char(out, ':');
			if (s->names.len > 0)
				buf_add_char(&s->names, ';');
			buf_add_str(&s->names, h->name);
		}
		add_trimmed(h->value, out);
	}
	buf_add_cstr(out, "\n");
}

static bool
is_unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' ||
	       c == '~';
}

static void
add_path(struct str path, struct buf *out)
{
	if (path.n == 0)
		buf_add_char(out, '/');
	for (size_t i = 0; i < path.n; i++) {
		if (is_unreserved(path.p[i]) || path.p[i] == '/')
			buf_add_char(out, path.p[i]);
		else
			buf_printf(out, "%%%02X", (unsigned char)path.p[i]);
	}
}

#define MAX_QUERY 32

/* The parameters in the order of their names and values. */
static void
add_query(struct str query, struct buf *out)
{
	struct str parts[MAX_QUERY], part;
	size_t n = 0, i;

	while (query.n > 0 && n < MAX_QUERY) {
		part = str_cut(&query, '&');
		for (i = n++; i > 0 && compare(part, parts[i - 1]) < 0; i--)
			parts[i] = parts[i - 1];
		parts[i] = part;
	}
	for (i = 0; i < n; i++) {
		if (i > 0)
			buf_add_char(out, '&');
		buf_add_str(out, parts[i]);
		if (memchr(parts[i].p, '=', parts[i].n) == NULL)
			buf_add_char(out, '=');
	}
}

/* The request as both sides write it, hashed. */
static void
hash_request(struct signing *s, char hex_r[SHA256_HEX_BYTES])
{
	char body[SHA256_HEX_BYTES];
	struct buf text;

	buf_init(&text, CANONICAL_BYTES);
	buf_printf(&text, "%s\n", s->r->method);
	add_path(s->r->path, &text);
	buf_add_char(&text, '\n');
	add_query(s->r->query, &text);
	buf_add_char(&text, '\n');
	add_headers(s, &text);
	buf_add_char(&text, '\n');
	buf_add_str(&text, buf_str(&s->names));
	buf_add_char(&text, '\n');
	hash_sha256_hex(s->r->body, body);
	buf_add_cstr(&text, body);
	hash_sha256_hex(buf_str(&text), hex_r);
	buf_fini(&text);
}

/* The key of one day, region and service. */
static void
derive_key(const struct sigv4_keys *keys, const char *day,
    const struct sigv4_request *r, unsigned char key[SHA256_BYTES])
{
	const char *const steps[] = { day, r->region, r->service,
		"aws4_request" };
	size_t n = strlen(keys->secret_access_key) + 4;
	char *first = xmalloc(n + 1);
	struct str at;

	memcpy(first, "AWS4", 4);
	memcpy(first + 4, keys->secret_access_key, n - 4);
	at = str_make(first, n);
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		hash_hmac(at, str_of(steps[i]), key);
		at = str_make((const char *)key, SHA256_BYTES);
	}
	explicit_bzero(first, n);
	free(first);
}

void
sigv4_sign(const struct sigv4_request *r, const struct sigv4_keys *keys,
    int64_t now_nsecs, struct arena *arena, struct sigv4_signature *s_r)
{
	time_t secs = (time_t)(now_nsecs / NSECS_PER_SEC);
	char day[9], hex[SHA256_HEX_BYTES], signature[SHA256_HEX_BYTES];
	unsigned char key[SHA256_BYTES];
	struct signing s = { .r = r };
	const char *scope, *text;
	struct tm tm;

	gmtime_r(&secs, &tm);
	strftime(s_r->date, sizeof(s_r->date), "%Y%m%dT%H%M%SZ", &tm);
	strftime(day, sizeof(day), "%Y%m%d", &tm);
	buf_init(&s.names, 4096);
	for (size_t i = 0; i < r->header_count; i++)
		add_header(&s,
		    arena_strndup(arena, r->headers[i].name.p,
			r->headers[i].name.n),
		    r->headers[i].value);
	add_header(&s, "x-amz-date", str_of(s_r->date));
	if (keys->session_token[0] != '\0')
		add_header(&s, "x-amz-security-token",
		    str_of(keys->session_token));
	hash_request(&s, hex);
	scope = arena_printf(arena, "%s/%s/%s/aws4_request", day, r->region,
	    r->service);
	text = arena_printf(arena, "AWS4-HMAC-SHA256\n%s\n%s\n%s", s_r->date,
	    scope, hex);
	derive_key(keys, day, r, key);
	hash_hmac_hex(str_make((const char *)key, sizeof(key)), str_of(text),
	    signature);
	explicit_bzero(key, sizeof(key));
	s_r->authorization = arena_printf(arena,
	    "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, "
	    "Signature=%s",
	    keys->access_key_id, scope, buf_cstr(&s.names), signature);
	buf_fini(&s.names);
}
