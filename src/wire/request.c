/*
 * Reading a client's request: one walk over the body, then the checks of what
 * it found. See request.h; the members that mean something are listed in
 * request_keys.h.
 *
 * A fault in the JSON is reported before a fault in a value, whatever their
 * order in the body. Fails with ERR_BAD_JSON, ERR_MODEL_MISSING or
 * ERR_BAD_REQUEST; the texts are fit for the client (names and limits, never
 * its values).
 */
#include "config/config.h"
#include "wire/request_parse.h"

enum fate {
	FATE_FORWARD,
	FATE_CUT,
	FATE_PROVIDER,
	FATE_METADATA
};

struct key_row {
	const char *key;
	uint8_t length;
	uint8_t fate;
	bool prompt;
};

#define KEY_ROW(ID, key, fate, prompt, text)                                   \
	{ key, sizeof(key) - 1, FATE_##fate, prompt },
#define KEY_ROW_NONE(n)
static const struct key_row key_rows[] = { REQUEST_KEYS(KEY_ROW,
    KEY_ROW_NONE) };
#undef KEY_ROW
#undef KEY_ROW_NONE

#define KEY_LENGTH_NONE(ID, key, fate, prompt, text)
#define KEY_LENGTH(n) [n] = KEY_FIRST_##n,
static const uint8_t first_of_length[REQUEST_KEY_MAX_LENGTH + 1] = {
	REQUEST_KEYS(KEY_LENGTH_NONE, KEY_LENGTH)
};
#undef KEY_LENGTH_NONE
#undef KEY_LENGTH

#define API_NAME(NAME, word, path) word,
#define API_PATH(NAME, word, path) path,
static const char *const api_names[] = { WIRE_APIS(API_NAME) };
static const char *const api_paths[] = { WIRE_APIS(API_PATH) };
#undef API_NAME
#undef API_PATH

const char *
wire_api_name(enum wire_api api)
{
	return (unsigned)api < WIRE_API_COUNT ? api_names[api] : "?";
}

const char *
wire_api_path(enum wire_api api)
{
	return (unsigned)api < WIRE_API_COUNT ? api_paths[api] : "";
}

bool
wire_api_is_anthropic(enum wire_api api)
{
	return api == WIRE_MESSAGES || api == WIRE_COUNT;
}

bool
wire_api_is_media(enum wire_api api)
{
	return api >= WIRE_MODERATIONS && api < WIRE_API_COUNT;
}

bool
wire_api_takes_form(enum wire_api api)
{
	return api == WIRE_IMAGE_EDITS || api == WIRE_IMAGE_VARIATIONS ||
	       api == WIRE_TRANSCRIPTIONS || api == WIRE_TRANSLATIONS;
}

enum request_key
request_key_find(struct str key)
{
	size_t i;

	if (key.n == 0 || key.n > REQUEST_KEY_MAX_LENGTH)
		return KEY_UNKNOWN;
	for (i = first_of_length[key.n];
	     i < KEY_COUNT && key_rows[i].length == key.n; i++) {
		if (memcmp(key_rows[i].key, key.p, key.n) == 0)
			return (enum request_key)i;
	}
	return KEY_UNKNOWN;
}

enum request_key
request_prompt_key(enum wire_api api)
{
	switch (api) {
	case WIRE_COMPLETIONS:
	case WIRE_IMAGES:
	case WIRE_IMAGE_EDITS:
	case WIRE_IMAGE_VARIATIONS:
		return KEY_PROMPT;
	case WIRE_EMBEDDINGS:
	case WIRE_RESPONSES:
	case WIRE_MODERATIONS:
	case WIRE_RERANK:
	case WIRE_SPEECH:
	case WIRE_TRANSCRIPTIONS:
	case WIRE_TRANSLATIONS:
		return KEY_INPUT;
	case WIRE_CHAT:
	case WIRE_RESPONSE:
	case WIRE_MESSAGES:
	case WIRE_COUNT:
	case WIRE_API_COUNT:
		break;
	}
	return KEY_MESSAGES;
}

const struct wire_member *
wire_request_member(const struct wire_request *r, struct str key)
{
	for (size_t i = 0; i < r->member_count; i++) {
		if (str_eq(r->members[i].key, key))
			return &r->members[i];
	}
	return NULL;
}

int
request_bad(struct request_parse *p, enum request_key id, const char *what)
{
	*p->param_r = key_rows[id].key;
	return err_set(p->err, ERR_BAD_REQUEST, "'%s' %s", key_rows[id].key,
	    what);
}

struct skim_value
request_value(const struct request_parse *p, enum request_key id)
{
	struct skim_value none = { .type = SKIM_ABSENT };
	const struct skim_value *v;

	if (p->index[id] == 0)
		return none;
	v = &p->r->members[p->index[id] - 1].at;
	return v->type == SKIM_NULL ? none : *v;
}

struct str
request_text(struct request_parse *p, const struct skim_value *v)
{
	struct str raw = str_make(v->value.p + 1, v->value.n - 2);
	struct str text;
	struct buf b;

	if (raw.n == 0 || memchr(raw.p, '\\', raw.n) == NULL)
		return raw;
	buf_init(&b, raw.n);
	if (skim_unescape(v->value, &b) != 0)
		buf_clear(&b); /* cannot be: it never gets longer */
	text = arena_str(p->arena, buf_str(&b));
	buf_fini(&b);
	return text;
}

int
request_flag(struct request_parse *p, enum request_key id, bool *flag_r)
{
	struct skim_value v = request_value(p, id);

	if (v.type == SKIM_ABSENT)
		return 0;
	if (v.type != SKIM_TRUE && v.type != SKIM_FALSE)
		return request_bad(p, id, "must be true or false");
	*flag_r = v.type == SKIM_TRUE;
	return 0;
}

int
request_integer(struct request_parse *p, enum request_key id, int64_t least,
    int64_t most, int64_t *v_r)
{
	struct skim_value v = request_value(p, id);
	char text[96];
	int64_t n;

	if (v.type == SKIM_ABSENT)
		return 0;
	if (skim_int(&v, &n) == 0 && n >= least && n <= most) {
		*v_r = n;
		return 0;
	}
	if (most == INT64_MAX)
		snprintf(text, sizeof(text),
		    "must be an integer of at least %d", (int)least);
	else
		snprintf(text, sizeof(text), "must be an integer from %d to %d",
		    (int)least, (int)most);
	return request_bad(p, id, text);
}

/* ---- the walk ---------------------------------------------------------- */

static bool
is_mock(struct str key)
{
	return str_starts(key, "mock_");
}

static bool
is_cut(enum request_key id, struct str key)
{
	if (id != KEY_UNKNOWN)
		return key_rows[id].fate == FATE_CUT;
	return is_mock(key) || str_starts(key, "litellm_");
}

static struct wire_member *
add_member(struct request_parse *p, struct str key)
{
	struct wire_request *r = p->r;
	struct wire_member *m;
	bool borrowed = key.p >= r->body.p && key.p < r->body.p + r->body.n;

	if (r->member_count == WIRE_MAX_MEMBERS) {
		err_set(p->err, ERR_BAD_REQUEST, "more than %d members",
		    WIRE_MAX_MEMBERS);
		return NULL;
	}
	if (r->member_count == r->member_room) {
		size_t room = r->member_room == 0 ? 16 : 2 * r->member_room;

		m = arena_alloc(p->arena, room * sizeof(*m));
		if (r->member_count > 0)
			memcpy(m, r->members, r->member_count * sizeof(*m));
		r->members = m;
		r->member_room = room;
	}
	m = &r->members[r->member_count++];
	m->key = borrowed || key.n == 0 ? key : arena_str(p->arena, key);
	m->id = request_key_find(key);
	m->cut = is_cut(m->id, key);
	if (m->id == KEY_UNKNOWN) {
		r->mocked = r->mocked || is_mock(key);
		return m;
	}
	if (p->index[m->id] != 0) {
		request_bad(p, m->id, "is given twice");
		return NULL;
	}
	p->index[m->id] = (uint16_t)r->member_count;
	return m;
}

static int
read_member(struct request_parse *p, struct skim_iter *it,
    struct wire_member *m)
{
	enum request_key id = m->id;

	if (id == request_prompt_key(p->r->api))
		return prompt_walk(it, &p->size, &m->at);
	if (skim_iter_skip(it, &m->at) != 1)
		return -1;
	if (id == KEY_UNKNOWN ? !m->cut : key_rows[id].prompt)
		prompt_add_value(&p->size, &m->at);
	return 1;
}

static int
read_members(struct request_parse *p)
{
	struct skim_iter it;
	struct wire_member *m;
	struct str key;
	int r;

	skim_iter_init(&it, p->r->body);
	if (!it.is_object)
		return err_set(p->err, ERR_BAD_JSON,
		    "the body must be a JSON object");
	while ((r = skim_iter_peek(&it, &key)) == 1) {
		m = add_member(p, key);
		if (m == NULL)
			return -1;
		r = read_member(p, &it, m);
		if (r != 1)
			break;
	}
	if (r != 0 || !skim_iter_at_end(&it))
		return skim_iter_err(&it, p->err);
	return 0;
}

int
wire_request_parse(enum wire_api api, struct str body, struct arena *arena,
    struct wire_request *r, const char **param_r, struct err *err)
{
	struct request_parse p = { .r = r, .arena = arena, .err = err };

	memset(r, 0, sizeof(*r));
	p.param_r = param_r;
	*param_r = NULL;
	r->api = api;
	r->body = body;
	r->form_type = "";
	r->user = r->state_tag = str_make("", 0);
	r->previous_response = r->response_owner = str_make("", 0);
	r->n = r->outputs = 1;
	r->max_tokens = CONFIG_UNSET;
	r->num_retries = r->timeout_msecs = r->stream_timeout_msecs =
	    CONFIG_UNSET;
	r->drop_params = CONFIG_UNSET;
	if (body.n == 0)
		return err_set(err, ERR_BAD_JSON, "the body is empty");
	if (read_members(&p) != 0 || request_check(&p) != 0 ||
	    request_extras(&p) != 0)
		return -1;
	return 0;
}
