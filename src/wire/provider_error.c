/*
 * Reading a provider's refusal: whatever shape it has, out come type, code,
 * parameter, one line of text and an outcome. See apierror.h.
 *
 * Shapes: {"error":{...}} (OpenAI, Groq, Gemini), [{"error":{...}}] (Gemini),
 * {"type":"error","error":{...}} (Anthropic), {"error":"text"} (vLLM's key
 * check), the fields at the top (Mistral, old vLLM), "message" that is an
 * object with a detail list (Mistral 422), {"detail":"text"|[{loc,msg,type}]}
 * (FastAPI), {"statusCode","message"} (Azure), HTML, text, nothing.
 *
 * Nothing here fails; a body that makes no sense becomes its first line.
 */
#include "wire/apierror.h"

#include "base/num.h"
#include "wire/mask.h"
#include "wire/pick.h"

#define BODY_BYTES  (64 * 1024) /* more of an error is not looked at */
#define TEXT_BYTES  4096        /* of message that is looked at */
#define MAX_NESTING 4
#define MAX_DETAILS 3 /* entries of a FastAPI list that are shown */
#define RETRY_MSECS (86400 * INT64_C(1000)) /* the longest that is believed */

struct reading {
	struct provider_error *e;
	struct buf text;  /* the message */
	struct buf extra; /* more text to judge by, not shown */
	int body_status;  /* from the body; 0 none */
	const char *secret;
};

/* A string's meaning or a number's digits into a field, cut to fit. */
static void
set_field(const struct reading *in, const struct skim_value *v, char *field,
    size_t size)
{
	struct str text = v->value;
	struct buf b;

	buf_init(&b, TEXT_BYTES);
	if (v->type == SKIM_STRING) {
		if (skim_unescape(v->value, &b) != 0)
			buf_clear(&b);
		text = buf_str(&b);
	}
	if ((v->type == SKIM_STRING || v->type == SKIM_NUMBER) && text.n > 0)
		mask_line(text, in->secret, field, size);
	buf_fini(&b);
}

/* code: a name, or the HTTP status as a number or as digits. */
static void
read_code(struct reading *in, const struct skim_value *v)
{
	int64_t n;

	set_field(in, v, in->e->code, sizeof(in->e->code));
	if (num_int64(str_of(in->e->code), &n) == 0 && n >= 400 && n <= 599)
		in->body_status = (int)n;
}

static void
add_text(struct reading *in, const struct skim_value *v)
{
	if (in->text.len > 0)
		return;
	if (skim_unescape(v->value, &in->text) == 0)
		return;
	/* Longer than we look at: its beginning, escapes left in. */
	buf_clear(&in->text);
	buf_add(&in->text, v->value.p + 1, TEXT_BYTES / 2);
}

/* ["body", "seed"]: the last name is the parameter. */
static void
read_place(struct reading *in, const struct skim_value *v, struct buf *place)
{
	struct skim_value item;
	struct skim_iter it;
	struct str key;

	if (v->type != SKIM_ARRAY)
		return;
	skim_iter_init(&it, v->value);
	while (skim_iter_next(&it, &key, &item) == 1) {
		char name[64] = "";

		set_field(in, &item, name, sizeof(name));
		if (place->len > 0)
			buf_add_char(place, '.');
		buf_add_cstr(place, name);
		if (item.type == SKIM_STRING && in->e->param[0] == '\0' &&
		    strcmp(name, "body") != 0)
			set_field(in, &item, in->e->param,
			    sizeof(in->e->param));
	}
}

/* One {loc, msg, type} of a FastAPI list: "body.seed: text". */
static void
read_detail(struct reading *in, const struct skim_value *v)
{
	struct skim_value item;
	struct buf place, msg;
	struct skim_iter it;
	struct str key;

	if (v->type != SKIM_OBJECT)
		return;
	buf_init(&place, 256);
	buf_init(&msg, TEXT_BYTES);
	skim_iter_init(&it, v->value);
	while (skim_iter_next(&it, &key, &item) == 1) {
		if (SKIM_KEY_IS(key, "loc"))
			read_place(in, &item, &place);
		else if (SKIM_KEY_IS(key, "msg") && item.type == SKIM_STRING &&
			 skim_unescape(item.value, &msg) != 0)
			buf_clear(&msg);
		else if (SKIM_KEY_IS(key, "type") && in->e->type[0] == '\0')
			set_field(in, &item, in->e->type, sizeof(in->e->type));
	}
	if (in->text.len > 0)
		buf_add_cstr(&in->text, "; ");
	if (place.len > 0)
		buf_printf(&in->text, "%s: ", buf_cstr(&place));
	buf_add_str(&in->text, buf_str(&msg));
	buf_fini(&place);
	buf_fini(&msg);
}

static void read_object(struct reading *in, const struct skim_value *v,
    bool inner, int nesting);

/* A list: FastAPI's details, Gemini's array of one error, "errors". */
static void
read_list(struct reading *in, const struct skim_value *v, bool details,
    int nesting)
{
	struct skim_value item;
	struct skim_iter it;
	struct str key;
	int n = 0;

	skim_iter_init(&it, v->value);
	while (n++ < MAX_DETAILS && skim_iter_next(&it, &key, &item) == 1) {
		if (details && item.type == SKIM_OBJECT)
			read_detail(in, &item);
		else if (item.type == SKIM_STRING)
			add_text(in, &item);
		else
			read_object(in, &item, false, nesting + 1);
	}
}

/* A member that may be a text, a list or an object of its own. */
static void
read_nested(struct reading *in, struct str key, const struct skim_value *v,
    int nesting)
{
	bool is_error = SKIM_KEY_IS(key, "error");

	if (v->type == SKIM_STRING)
		add_text(in, v);
	else if (v->type == SKIM_ARRAY)
		read_list(in, v, SKIM_KEY_IS(key, "detail"), nesting);
	else
		read_object(in, v, is_error, nesting + 1);
}

/* "27s", "0.5s" of a google.rpc.RetryInfo. */
static void
read_retry(struct reading *in, const struct skim_value *v)
{
	struct str text = v->value;
	int64_t millis;
	bool inexact;

	if (v->type != SKIM_STRING || !str_ends(text, "s\""))
		return;
	text = str_make(text.p + 1, text.n - 3);
	if (num_decimal(text, 3, &millis, &inexact) == 0 && millis > 0 &&
	    millis <= RETRY_MSECS)
		in->e->retry_after_nsecs = millis * 1000000;
}

/* OpenRouter's metadata: the upstream's own words, to judge by. */
static void
read_metadata(struct reading *in, const struct skim_value *v)
{
	struct skim_value raw = pick_one(v, "raw");

	if (raw.type == SKIM_STRING &&
	    skim_unescape(raw.value, &in->extra) != 0)
		buf_clear(&in->extra);
}

/* Google's list of what else there is to say. */
static void
read_rpc_details(struct reading *in, const struct skim_value *v)
{
	struct skim_value item, delay;
	struct skim_iter it;
	struct str key;

	skim_iter_init(&it, v->value);
	while (skim_iter_next(&it, &key, &item) == 1) {
		delay = pick_one(&item, "retryDelay");
		read_retry(in, &delay);
	}
}

/* inner: inside of "error", whose fields win over those around it. */
static void
read_member(struct reading *in, struct str key, const struct skim_value *v,
    bool inner, int nesting)
{
	struct provider_error *e = in->e;
	int64_t n;

	if (SKIM_KEY_IS(key, "error") || SKIM_KEY_IS(key, "message") ||
	    SKIM_KEY_IS(key, "msg") || SKIM_KEY_IS(key, "detail") ||
	    SKIM_KEY_IS(key, "errors") || SKIM_KEY_IS(key, "error_message")) {
		read_nested(in, key, v, nesting);
	} else if (SKIM_KEY_IS(key, "type")) {
		if (inner || e->type[0] == '\0')
			set_field(in, v, e->type, sizeof(e->type));
	} else if (SKIM_KEY_IS(key, "code")) {
		if (inner || e->code[0] == '\0')
			read_code(in, v);
	} else if (SKIM_KEY_IS(key, "param")) {
		set_field(in, v, e->param, sizeof(e->param));
	} else if (SKIM_KEY_IS(key, "status") ||
		   SKIM_KEY_IS(key, "statusCode") ||
		   SKIM_KEY_IS(key, "raw_status_code")) {
		if (skim_int(v, &n) == 0 && n >= 400 && n <= 599)
			in->body_status = (int)n;
		else if (e->type[0] == '\0')
			set_field(in, v, e->type, sizeof(e->type));
	} else if (SKIM_KEY_IS(key, "metadata")) {
		read_metadata(in, v);
	} else if (SKIM_KEY_IS(key, "details") && v->type == SKIM_ARRAY) {
		read_rpc_details(in, v);
	}
}

static void
read_object(struct reading *in, const struct skim_value *v, bool inner,
    int nesting)
{
	struct skim_value item;
	struct skim_iter it;
	struct str key;

	if (v->type != SKIM_OBJECT || nesting > MAX_NESTING)
		return;
	skim_iter_init(&it, v->value);
	while (skim_iter_next(&it, &key, &item) == 1)
		read_member(in, key, &item, inner, nesting);
}

static bool
read_json(struct reading *in, struct str body)
{
	static const struct skim_options any = { .allow_any_top = true };
	struct skim_value v = { .value = body };

	if (skim(body, NULL, 0, &any, NULL) != 0)
		return false;
	v.type = body.p[0] == '{'   ? SKIM_OBJECT
		 : body.p[0] == '[' ? SKIM_ARRAY
				    : SKIM_STRING;
	if (v.type == SKIM_ARRAY)
		read_list(in, &v, false, 0);
	else if (v.type == SKIM_OBJECT)
		read_object(in, &v, false, 0);
	else if (body.p[0] == '"')
		add_text(in, &v);
	return true;
}

/* A proxy's page: its title says more than its markup. */
static void
read_html(struct reading *in, struct str body)
{
	ptrdiff_t start = str_find_nocase(body, "<title>"), end;
	struct str title;

	buf_add_cstr(&in->text, "an HTML page");
	if (start < 0)
		return;
	title = str_make(body.p + start + 7, body.n - (size_t)start - 7);
	end = str_find_nocase(title, "</title>");
	if (end <= 0)
		return;
	title.n = (size_t)end < 200 ? (size_t)end : 200;
	buf_add_cstr(&in->text, ": ");
	buf_add_str(&in->text, str_trim(title));
}

static void
read_body(struct reading *in, struct str body)
{
	body = str_trim(body);
	if (body.n > BODY_BYTES)
		body.n = BODY_BYTES;
	if (body.n == 0)
		return;
	if (body.p[0] == '<') {
		read_html(in, body);
		return;
	}
	if (!read_json(in, body)) {
		struct str line = str_cut(&body, '\n');

		if (line.n > TEXT_BYTES)
			line.n = TEXT_BYTES;
		buf_add_str(&in->text, line);
	}
}

void
provider_error_read(int status, struct str body, const char *secret,
    struct provider_error *e_r)
{
	struct reading in = { .e = e_r, .secret = secret };
	struct buf both;

	memset(e_r, 0, sizeof(*e_r));
	buf_init(&in.text, TEXT_BYTES);
	buf_init(&in.extra, TEXT_BYTES);
	read_body(&in, body);
	e_r->status = status >= 300 ? status : in.body_status;
	if (in.text.len == 0 && e_r->status != 0)
		buf_printf(&in.text, "HTTP status %d without a text",
		    e_r->status);
	else if (in.text.len == 0)
		buf_add_cstr(&in.text, "an error without a text");
	mask_line(buf_str(&in.text), secret, e_r->message,
	    sizeof(e_r->message));
	buf_init(&both, 2 * TEXT_BYTES + 1);
	buf_add_str(&both, buf_str(&in.text));
	buf_add_char(&both, ' ');
	buf_add_str(&both, buf_str(&in.extra));
	e_r->outcome = provider_error_class(e_r, buf_str(&both));
	buf_fini(&both);
	buf_fini(&in.text);
	buf_fini(&in.extra);
}
