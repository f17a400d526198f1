/* Questions and answers of logins. See login.h. */
#include "wire/login/login.h"

#include "base/clock.h"
#include "base/num.h"
#include "base/sigv4.h"
#include "wire/call_url.h"
#include "wire/mask.h"
#include "wire/pick.h"

#define FORM_TYPE     "application/x-www-form-urlencoded"
#define STS_VERSION   "2011-06-15"
#define ROLE_SECS     "3600"
#define METADATA_PATH "/latest/meta-data/iam/security-credentials/"
#define TEXT_BYTES    200 /* of a refusal's words */

void
login_begin(struct login_talk *t, const struct config_login *login)
{
	static const enum login_stage first[] = {
		[LOGIN_KEYS] = LOGIN_ROLE,
		[LOGIN_WEB_IDENTITY] = LOGIN_IDENTITY,
		[LOGIN_CONTAINER] = LOGIN_CONTAINER_KEYS,
		[LOGIN_INSTANCE] = LOGIN_METADATA_TOKEN,
		[LOGIN_AZURE] = LOGIN_ENTRA,
	};

	memset(t, 0, sizeof(*t));
	t->login = login;
	t->stage = first[login->source];
}

/* ---- questions ---------------------------------------------------------- */

struct question {
	struct arena *arena;
	struct wire_call *call;
	struct buf form;
};

static void
add_header(struct question *q, const char *name, const char *value)
{
	q->call->headers[q->call->header_count++] =
	    arena_join(q->arena, name, value);
}

static void
add_field(struct question *q, const char *name, const char *value)
{
	if (q->form.len > 0)
		buf_add_char(&q->form, '&');
	buf_printf(&q->form, "%s=%s", name, call_url_segment(value, q->arena));
}

static void
close_form(struct question *q)
{
	q->call->method = "POST";
	q->call->pieces[0] = arena_str(q->arena, buf_str(&q->form));
	q->call->piece_count = 1;
	q->call->body_bytes = q->form.len;
	add_header(q, "Content-Type: ", FORM_TYPE);
}

static void
ask_metadata(const struct login_talk *t, struct question *q)
{
	const char *path = t->stage == LOGIN_METADATA_TOKEN
			       ? "/latest/api/token"
			       : METADATA_PATH;

	q->call->url = arena_join(q->arena, t->login->url, path);
	if (t->stage == LOGIN_METADATA_TOKEN) {
		q->call->method = "PUT";
		add_header(q,
		    "X-aws-ec2-metadata-token-ttl-seconds: ", "21600");
		return;
	}
	if (t->stage == LOGIN_METADATA_KEYS)
		q->call->url = arena_join(q->arena, q->call->url,
		    call_url_segment(t->metadata_role, q->arena));
	add_header(q, "X-aws-ec2-metadata-token: ", t->metadata_token);
}

static void
add_role(const struct login_talk *t, struct question *q, const char *action)
{
	const struct config_login *l = t->login;

	add_field(q, "Action", action);
	add_field(q, "Version", STS_VERSION);
	add_field(q, "DurationSeconds", ROLE_SECS);
	add_field(q, "RoleArn", l->role_arn);
	add_field(q, "RoleSessionName",
	    l->session_name[0] == '\0' ? "tallygate" : l->session_name);
	q->call->url = l->sts_url;
}

/* "https://host/..." apart. */
static struct str
host_of(const char *url)
{
	struct str s = str_of(url);
	ptrdiff_t at = str_find(s, "://");

	s = str_make(s.p + at + 3, s.n - (size_t)at - 3);
	return str_cut(&s, '/');
}

static void
ask_role(const struct login_talk *t, int64_t now, struct question *q)
{
	const struct config_login *l = t->login;
	bool own = l->source == LOGIN_KEYS;
	struct sigv4_keys keys = {
		own ? l->access_key_id : t->keys.access_key_id,
		own ? l->secret_access_key : t->keys.secret_access_key,
		own ? l->session_token : t->keys.token,
	};
	struct sigv4_request r = { .path = str_of("/"),
		.query = str_make("", 0),
		.header_count = 2,
		.region = l->region,
		.service = "sts" };
	struct sigv4_signature s;

	add_role(t, q, "AssumeRole");
	if (l->external_id[0] != '\0')
		add_field(q, "ExternalId", l->external_id);
	close_form(q);
	r.method = q->call->method;
	r.body = q->call->pieces[0];
	r.headers[0] =
	    (struct sigv4_header){ str_of("host"), host_of(l->sts_url) };
	r.headers[1] =
	    (struct sigv4_header){ str_of("content-type"), str_of(FORM_TYPE) };
	sigv4_sign(&r, &keys, now, q->arena, &s);
	add_header(q, "X-Amz-Date: ", arena_join(q->arena, s.date, ""));
	if (keys.session_token[0] != '\0')
		add_header(q, "X-Amz-Security-Token: ", keys.session_token);
	add_header(q, "Authorization: ", s.authorization);
}

static void
ask_entra(const struct login_talk *t, const char *assertion, struct question *q)
{
	const struct config_login *l = t->login;

	add_field(q, "grant_type", "client_credentials");
	add_field(q, "client_id", l->client_id);
	add_field(q, "scope", l->scope);
	if (l->client_secret[0] != '\0') {
		add_field(q, "client_secret", l->client_secret);
	} else {
		add_field(q, "client_assertion_type",
		    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
		add_field(q, "client_assertion", assertion);
	}
	q->call->url = l->url;
	close_form(q);
}

/* Printable ASCII: it goes into a header or a form. */
static bool
is_printable(const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s < 0x20 || *s > 0x7e)
			return false;
	}
	return true;
}

int
login_ask(const struct login_talk *t, struct str token, int64_t now,
    struct arena *arena, struct wire_call *call_r, struct err *err)
{
	const struct config_login *l = t->login;
	const char *text = l->token_file[0] != '\0'
			       ? arena_strndup(arena, token.p, token.n)
			       : l->token;
	struct question q = { .arena = arena, .call = call_r };

	if (!is_printable(text) || (l->token_file[0] != '\0' && token.n == 0))
		return err_set(err, ERR_CONFIG, "%s holds no token",
		    l->token_file[0] != '\0' ? l->token_file : "the entry");
	memset(call_r, 0, sizeof(*call_r));
	call_r->method = "GET";
	buf_init(&q.form, 4 * LOGIN_TOKEN_BYTES);
	switch (t->stage) {
	case LOGIN_METADATA_TOKEN:
	case LOGIN_METADATA_ROLE:
	case LOGIN_METADATA_KEYS:
		ask_metadata(t, &q);
		break;
	case LOGIN_CONTAINER_KEYS:
		call_r->url = l->url;
		if (text[0] != '\0')
			add_header(&q, "Authorization: ", text);
		break;
	case LOGIN_IDENTITY:
		add_role(t, &q, "AssumeRoleWithWebIdentity");
		add_field(&q, "WebIdentityToken", text);
		close_form(&q);
		break;
	case LOGIN_ROLE:
		ask_role(t, now, &q);
		break;
	case LOGIN_ENTRA:
		ask_entra(t, text, &q);
		break;
	}
	add_header(&q, "User-Agent: ", "tallygate/" PACKAGE_VERSION);
	buf_fini(&q.form);
	return 0;
}

/* ---- answers ------------------------------------------------------------ */

/* The text between <name> and </name>; "" when it is not there. */
static struct str
xml_text(struct str body, const char *name)
{
	char open[64], close[64];
	ptrdiff_t at, end;

	snprintf(open, sizeof(open), "<%s>", name);
	snprintf(close, sizeof(close), "</%s>", name);
	at = str_find(body, open);
	if (at < 0)
		return str_make("", 0);
	body.p += at + (ptrdiff_t)strlen(open);
	body.n -= (size_t)at + strlen(open);
	end = str_find(body, close);
	return end < 0 ? str_make("", 0) : str_make(body.p, (size_t)end);
}

/* A member of a JSON answer, else an element of an XML one. */
static struct str
field(struct str body, const char *name, struct arena *arena)
{
	struct skim_value root, v;

	if (body.n == 0 || body.p[0] != '{')
		return xml_text(body, name);
	if (skim(body, NULL, 0, NULL, NULL) != 0)
		return str_make("", 0);
	root = pick_root(body);
	v = pick_one(&root, name);
	return v.type == SKIM_NUMBER ? v.value : pick_text(&v, arena);
}

/* Fits, and may stand in a header. */
static bool
keep(struct str s, char *out, size_t size)
{
	if (s.n == 0 || s.n >= size)
		return false;
	memcpy(out, s.p, s.n);
	out[s.n] = '\0';
	return is_printable(out) && strchr(out, ' ') == NULL;
}

static int
refused(int status, struct str body, struct arena *arena, struct err *err)
{
	static const char *const names[] = { "Message", "message",
		"error_description", "Code", "error" };
	struct str text = str_make("", 0);
	char line[TEXT_BYTES];

	for (size_t i = 0; i < ARRAY_LEN(names) && text.n == 0; i++)
		text = field(body, names[i], arena);
	mask_line(text, NULL, line, sizeof(line));
	return err_set(err,
	    status >= 400 && status < 500 && status != 429 ? ERR_UPSTREAM_AUTH
							   : ERR_UPSTREAM,
	    "status %d%s%s", status, line[0] == '\0' ? "" : ": ", line);
}

static int
unreadable(struct err *err)
{
	return err_set(err, ERR_UPSTREAM, "its answer holds no keys");
}

static int
hear_aws_keys(struct login_talk *t, struct str body, struct arena *arena,
    int64_t now, struct err *err)
{
	struct login_keys *k = &t->keys;
	struct str token = field(body, "SessionToken", arena);

	if (token.n == 0)
		token = field(body, "Token", arena);
	if (!keep(field(body, "AccessKeyId", arena), k->access_key_id,
		sizeof(k->access_key_id)) ||
	    !keep(field(body, "SecretAccessKey", arena), k->secret_access_key,
		sizeof(k->secret_access_key)) ||
	    !keep(token, k->token, sizeof(k->token)) ||
	    clock_parse(field(body, "Expiration", arena), now,
		&k->expires_nsecs) != 0)
		return unreadable(err);
	if (t->stage == LOGIN_ROLE || t->stage == LOGIN_IDENTITY ||
	    t->login->role_arn[0] == '\0')
		return 1;
	t->stage = LOGIN_ROLE;
	return 0;
}

static int
hear_entra(struct login_talk *t, struct str body, struct arena *arena,
    int64_t now, struct err *err)
{
	int64_t secs;

	if (!keep(field(body, "access_token", arena), t->keys.token,
		sizeof(t->keys.token)) ||
	    num_int64(field(body, "expires_in", arena), &secs) != 0 ||
	    secs < 1 || secs > INT64_C(10000000))
		return unreadable(err);
	t->keys.expires_nsecs = now + secs * NSECS_PER_SEC;
	return 1;
}

static int
hear(struct login_talk *t, struct str body, struct arena *arena, int64_t now,
    struct err *err)
{
	struct str line = body;

	switch (t->stage) {
	case LOGIN_METADATA_TOKEN:
		if (!keep(body, t->metadata_token, sizeof(t->metadata_token)))
			return unreadable(err);
		t->stage = LOGIN_METADATA_ROLE;
		return 0;
	case LOGIN_METADATA_ROLE:
		if (!keep(str_trim(str_cut(&line, '\n')), t->metadata_role,
			sizeof(t->metadata_role)))
			return err_set(err, ERR_UPSTREAM_AUTH,
			    "this instance has no role");
		t->stage = LOGIN_METADATA_KEYS;
		return 0;
	case LOGIN_METADATA_KEYS:
	case LOGIN_CONTAINER_KEYS:
	case LOGIN_IDENTITY:
	case LOGIN_ROLE:
		return hear_aws_keys(t, body, arena, now, err);
	case LOGIN_ENTRA:
		return hear_entra(t, body, arena, now, err);
	}
	return unreadable(err);
}

int
login_hear(struct login_talk *t, int status, struct str body, int64_t now,
    struct err *err)
{
	struct arena arena;
	int result;

	arena_init(&arena, 4096);
	body = str_trim(body);
	result = status == 200 ? hear(t, body, &arena, now, err)
			       : refused(status, body, &arena, err);
	arena_fini(&arena);
	return result;
}
