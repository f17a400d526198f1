/* Facts and endings that all relays share. See relay_note.h. */
#include "wire/relay_note.h"

#include "base/jsonw.h"
#include "wire/apierror.h"
#include "wire/mask.h"

#include <stdarg.h>

int
relay_malformed(struct relay *r, struct err *err, const char *fmt, ...)
{
	char text[sizeof(r->facts.error_text)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	r->facts.malformed = true;
	mask_line(str_of(text), NULL, r->facts.error_text,
	    sizeof(r->facts.error_text));
	return err_set(err, ERR_UPSTREAM_FORMAT, "%s", r->facts.error_text);
}

int
relay_error(struct relay *r, struct str body, int status, struct err *err)
{
	struct relay_facts *f = &r->facts;
	struct provider_error e;

	provider_error_read(status, body, NULL, &e);
	f->error_event = true;
	f->error_status = e.status != 0 ? e.status : status;
	f->error_outcome = e.outcome;
	snprintf(f->error_text, sizeof(f->error_text), "%.*s",
	    (int)sizeof(f->error_text) - 1, e.message);
	return err_set(err, ERR_UPSTREAM, "in its answer: %s", e.message);
}

int64_t
relay_guess(int64_t text_bytes, int64_t deltas)
{
	int64_t guess = (text_bytes + 3) / 4;

	return deltas > guess ? deltas : guess;
}

struct usage
relay_known_usage(const struct relay *r)
{
	struct usage u = r->facts.usage;

	if (u.prompt_tokens == 0)
		u.prompt_tokens = r->options.request->prompt_guess_tokens;
	if (u.source != USAGE_PROVIDER &&
	    u.completion_tokens < r->facts.output_guess_tokens)
		u.completion_tokens = r->facts.output_guess_tokens;
	return u;
}

void
relay_copy_string(const struct skim_value *v, char *field, size_t size)
{
	struct buf b;
	size_t n;

	if (v->type != SKIM_STRING)
		return;
	n = v->value.n - 2;
	/* Without escapes it has no control characters and is valid UTF-8. */
	if (n < size && memchr(v->value.p, '\\', v->value.n) == NULL) {
		memcpy(field, v->value.p + 1, n);
		field[n] = '\0';
		return;
	}
	buf_init(&b, 4096);
	if (skim_unescape(v->value, &b) == 0)
		mask_line(buf_str(&b), NULL, field, size);
	buf_fini(&b);
}

void
relay_fail_event(const struct relay *r, enum err_code code, const char *text,
    struct buf *out)
{
	struct arena arena;
	struct api_error e;

	arena_init(&arena, 1024);
	api_error_from(code, text, NULL, &arena, &e);
	api_error_write_event(r->options.request->api, &e, out);
	arena_fini(&arena);
}

void
relay_keep_alive(struct relay *r, struct buf *out)
{
	(void)r;
	buf_add_cstr(out, ": keep-alive\n\n");
}

int
relay_check_room(const struct buf *out, struct err *err)
{
	if (!out->overflowed)
		return 0;
	return err_set(err, ERR_OVERLOADED,
	    "no room for more of the answer (%zu bytes)", out->max);
}

void
relay_quote_model(const struct relay *r, struct buf *quoted)
{
	struct str name = str_of(r->options.client_model);

	buf_init(quoted, 6 * name.n + 2);
	buf_add_char(quoted, '"');
	jsonw_escape(quoted, name);
	buf_add_char(quoted, '"');
}
