/* Requests that are forms. See form_request.h. */
#include "wire/media/form_request.h"

#include "base/num.h"
#include "wire/media/form.h"
#include "wire/media/sound.h"

#define NAME_BYTES 64 /* of a field that means something here */

struct reading {
	struct wire_request *r;
	struct arena *arena;
	const char **param_r;
	struct err *err;
};

static int
bad(struct reading *in, const char *param, const char *what)
{
	*in->param_r = param;
	return err_set(in->err, ERR_BAD_REQUEST, "'%s' %s", param, what);
}

/* Upstream only what is no extra of LiteLLM's or ours. */
static bool
is_cut(struct str name)
{
	static const char *const names[] = { "tags", "metadata",
		"litellm_metadata", "api_key", "api_base", "base_url",
		"num_retries", "max_retries", "timeout", "stream_timeout",
		"request_timeout", "fallbacks", "drop_params", "cache",
		"caching", "no-log", "guardrails", "custom_llm_provider",
		"user_config", "extra_headers", "extra_body",
		"specific_deployment", "disable_fallbacks" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (str_is(name, names[i]))
			return true;
	}
	return str_starts(name, "mock_") || str_starts(name, "litellm_");
}

static int
take_model(struct reading *in, const struct form_part *part)
{
	struct wire_request *r = in->r;

	if (r->model.n > 0)
		return bad(in, "model", "is given twice");
	if (part->value.n == 0)
		return err_set(in->err, ERR_MODEL_MISSING, "'model' is empty");
	if (part->value.n > WIRE_MODEL_BYTES)
		return bad(in, "model", "is too long");
	for (size_t i = 0; i < part->value.n; i++) {
		unsigned char c = (unsigned char)part->value.p[i];

		if (c < 0x20 || c == 0x7f)
			return bad(in, "model",
			    "must not contain control characters");
	}
	r->model = arena_str(in->arena, part->value);
	r->model_at.type = SKIM_STRING;
	r->model_at.value = part->value;
	r->model_at.value_start = part->value_start;
	r->model_at.value_end = part->value_start + part->value.n;
	return 0;
}

static int
take_number(struct reading *in, const char *name, struct str value,
    int64_t *v_r)
{
	if (num_int64(value, v_r) != 0 || *v_r < 1 || *v_r > WIRE_MAX_N)
		return bad(in, name, "must be an integer from 1 to 128");
	return 0;
}

/* One plain field that means something here. */
static int
take_field(struct reading *in, const struct form_part *part)
{
	struct wire_request *r = in->r;

	if (str_is(part->name, "model"))
		return take_model(in, part);
	if (str_is(part->name, "n"))
		return take_number(in, "n", part->value, &r->images);
	if (str_is(part->name, "user"))
		r->user = arena_str(in->arena, part->value);
	else if (str_is(part->name, "stream"))
		r->stream = str_is_nocase(part->value, "true") ||
			    str_is(part->value, "1");
	else if (str_is(part->name, "tags") && r->tag_count < WIRE_MAX_TAGS)
		r->tags[r->tag_count++] = arena_str(in->arena, part->value);
	return 0;
}

static void
add_member(struct reading *in, const struct form *form, size_t i)
{
	const struct form_part *part = &form->parts[i];
	struct wire_member *m = &in->r->members[in->r->member_count++];

	memset(m, 0, sizeof(*m));
	m->key = part->name;
	m->id = KEY_UNKNOWN;
	m->cut = is_cut(part->name);
	m->at.type = SKIM_STRING;
	m->at.value = part->value;
	m->at.key_start = part->start;
	m->at.value_start = part->value_start;
	m->at.value_end =
	    i + 1 < form->part_count ? form->parts[i + 1].start : form->end;
}

/* What may be billed: the text, pictures in, pictures out, seconds. */
static void
take_sizes(struct reading *in, size_t text_bytes, size_t file_bytes,
    size_t files)
{
	struct wire_request *r = in->r;
	bool pictures =
	    r->api == WIRE_IMAGE_EDITS || r->api == WIRE_IMAGE_VARIATIONS;

	r->prompt_bound_tokens = (int64_t)text_bytes;
	r->prompt_guess_tokens = 1 + (int64_t)text_bytes / 4;
	r->n = r->images < 1 ? 1 : r->images;
	r->images = 0;
	r->outputs = 0;
	if (pictures) {
		r->images = r->n;
		r->image_output = true;
		r->image_bound_tokens = WIRE_TOKENS_PER_IMAGE * (int64_t)files;
		r->prompt_bound_tokens += r->image_bound_tokens;
		r->extra_output_tokens = WIRE_TOKENS_PER_IMAGE * r->images;
	} else {
		r->seconds_bound =
		    1 + (int64_t)file_bytes / FORM_BYTES_PER_SECOND;
		if (r->sound_millis > 1000 * r->seconds_bound)
			r->sound_millis = 1000 * r->seconds_bound;
		r->audio_bound_tokens =
		    WIRE_TOKENS_PER_SECOND * r->seconds_bound;
		r->prompt_bound_tokens += r->audio_bound_tokens;
		r->extra_output_tokens =
		    WIRE_TOKENS_PER_SECOND * r->seconds_bound;
	}
}

static int
take_parts(struct reading *in, const struct form *form)
{
	size_t text_bytes = 0, file_bytes = 0, files = 0;

	for (size_t i = 0; i < form->part_count; i++) {
		const struct form_part *part = &form->parts[i];

		add_member(in, form, i);
		if (part->filename.p != NULL) {
			file_bytes += part->value.n;
			files++;
			if (str_is(part->name, "file"))
				in->r->sound_millis = sound_millis(part->value);
			continue;
		}
		text_bytes += part->value.n;
		if (part->name.n <= NAME_BYTES && take_field(in, part) != 0)
			return -1;
	}
	take_sizes(in, text_bytes, file_bytes, files);
	if (in->r->model.n > 0)
		return 0;
	*in->param_r = "model";
	return err_set(in->err, ERR_MODEL_MISSING, "'model' is missing");
}

int
form_request_parse(enum wire_api api, struct str content_type, struct str body,
    struct arena *arena, struct wire_request *r, const char **param_r,
    struct err *err)
{
	struct reading in = { r, arena, param_r, err };
	struct form *form;
	const char *quote;

	memset(r, 0, sizeof(*r));
	*param_r = NULL;
	r->api = api;
	r->body = body;
	r->user = str_make("", 0);
	r->max_tokens = r->num_retries = r->timeout_msecs =
	    r->stream_timeout_msecs = CONFIG_UNSET;
	r->drop_params = CONFIG_UNSET;
	form = arena_alloc(arena, sizeof(*form));
	if (form_read(content_type, body, form, err) != 0)
		return -1;
	quote = strpbrk(form->boundary, "(),/:=?") != NULL ? "\"" : "";
	r->form_type =
	    arena_printf(arena, "multipart/form-data; boundary=%s%s%s", quote,
		form->boundary, quote);
	r->members = arena_alloc(arena, form->part_count * sizeof(*r->members));
	r->member_room = form->part_count;
	return take_parts(&in, form);
}

/* ---- upstream ----------------------------------------------------------- */

/* As one piece with the one before where they stand side by side. */
static void
put(struct wire_call *call, struct str s)
{
	struct str *last =
	    call->piece_count > 0 ? &call->pieces[call->piece_count - 1] : NULL;

	if (s.n == 0)
		return;
	if (last != NULL && last->p + last->n == s.p)
		last->n += s.n;
	else if (call->piece_count < WIRE_MAX_PIECES)
		call->pieces[call->piece_count++] = s;
	call->body_bytes += s.n;
}

static void
put_span(const struct wire_request *r, struct wire_call *call, size_t from,
    size_t to)
{
	put(call, str_make(r->body.p + from, to - from));
}

/* Runs of parts that stay: as many pieces as gaps between them, which are few;
   beyond the room for pieces an extra goes upstream. */
void
form_request_write(const struct wire_request *r,
    const struct wire_choice *choice, struct wire_call *call_r)
{
	const char *model = choice->upstream_model != NULL
				? choice->upstream_model
				: choice->deployment->upstream_model;
	size_t end = 0;

	call_r->piece_count = 0;
	call_r->body_bytes = 0;
	for (size_t i = 0; i < r->member_count; i++) {
		const struct wire_member *m = &r->members[i];

		end = m->at.value_end;
		if (m->cut && call_r->piece_count < WIRE_MAX_PIECES - 4)
			continue;
		if (m->at.value_start != r->model_at.value_start) {
			put_span(r, call_r, m->at.key_start, m->at.value_end);
			continue;
		}
		put_span(r, call_r, m->at.key_start, m->at.value_start);
		put(call_r, str_of(model));
		put_span(r, call_r, r->model_at.value_end, m->at.value_end);
	}
	put_span(r, call_r, end, r->body.n);
	call_r->max_tokens = CONFIG_UNSET;
}
