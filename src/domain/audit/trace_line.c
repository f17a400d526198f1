/* Lines of the trace file, read back. See trace_line.h. */
#include "domain/audit/trace_line.h"

#include "base/clock.h"
#include "base/hash.h"
#include "domain/routing/verdict.h"

#include <math.h>

/* The tail of every line: ,"hash":"64 digits"} */
#define HASH_KEY    ",\"hash\":\""
#define HASH_DIGITS (SHA256_HEX_BYTES - 1)
#define TAIL_BYTES  (sizeof(HASH_KEY) - 1 + HASH_DIGITS + 2)
/* Doubles below this are nearer to their own nano-dollar than to another. */
#define EXACT_NANOS (INT64_C(1) << 53)

/* ---- the chain ---------------------------------------------------------- */

struct str
trace_line_hash(struct str text)
{
	struct str tail;

	if (text.n < TAIL_BYTES)
		return str_make("", 0);
	tail = str_make(text.p + text.n - TAIL_BYTES, TAIL_BYTES);
	if (!str_starts(tail, HASH_KEY) || !str_ends(tail, "\"}"))
		return str_make("", 0);
	return str_make(tail.p + sizeof(HASH_KEY) - 1, HASH_DIGITS);
}

bool
trace_line_hash_ok(struct str text)
{
	struct str hash = trace_line_hash(text);
	char hex[SHA256_HEX_BYTES];

	if (hash.n == 0)
		return false;
	hash_sha256_hex(str_make(text.p, text.n - TAIL_BYTES), hex);
	return str_is(hash, hex);
}

/* ---- members ------------------------------------------------------------ */

/* A reader that remembers the first member it did not understand. */
struct reader {
	const json_t *obj;
	const char *bad;
};

static void
refuse(struct reader *r, const char *key)
{
	if (r->bad == NULL)
		r->bad = key;
}

static int64_t
take_int(struct reader *r, const char *key)
{
	int64_t v = 0;

	if (jsonx_int(r->obj, key, &v) < 0 || v < 0)
		refuse(r, key);
	return v;
}

/* A decimal as an integer of 10^-scale; absent and null are 0. */
static int64_t
take_decimal(struct reader *r, const char *key, double scale)
{
	const json_t *member = json_object_get(r->obj, key);
	double v = json_number_value(member), n = round(v * scale);

	if (member == NULL || json_is_null(member))
		return 0;
	if (!json_is_number(member) || !(n >= 0) || n >= (double)EXACT_NANOS ||
	    n / scale != v) {
		refuse(r, key);
		return 0;
	}
	return (int64_t)n;
}

static int64_t
take_usd(struct reader *r, const char *key)
{
	return take_decimal(r, key, 1e9);
}

static struct str
take_str(struct reader *r, const char *key)
{
	const json_t *member = json_object_get(r->obj, key);

	if (member != NULL && !json_is_null(member) && !json_is_string(member))
		refuse(r, key);
	return jsonx_str(r->obj, key);
}

static void
take_usage(struct reader *r, struct usage *u)
{
	struct str source = take_str(r, "usage_source");
	struct str tier = take_str(r, "service_tier");
	struct str size = take_str(r, "search_size");
	struct str geo = take_str(r, "geo");

	u->prompt_tokens = take_int(r, "prompt_tokens");
	u->completion_tokens = take_int(r, "completion_tokens");
	u->cached_tokens = take_int(r, "cached_tokens");
	u->cache_write_tokens = take_int(r, "cache_write_tokens");
	u->cache_write_1h_tokens = take_int(r, "cache_write_1h_tokens");
	u->reasoning_tokens = take_int(r, "reasoning_tokens");
	u->audio_input_tokens = take_int(r, "audio_input_tokens");
	u->audio_output_tokens = take_int(r, "audio_output_tokens");
	u->image_input_tokens = take_int(r, "image_input_tokens");
	u->image_output_tokens = take_int(r, "image_output_tokens");
	u->images = take_int(r, "images");
	u->image_factor = take_int(r, "image_factor");
	u->audio_millis = take_int(r, "audio_ms");
	u->characters = take_int(r, "characters");
	u->search_units = take_int(r, "search_units");
	u->searches = take_int(r, "searches");
	if (str_is(source, "provider"))
		u->source = USAGE_PROVIDER;
	else if (str_is(source, "estimated"))
		u->source = USAGE_ESTIMATED;
	else if (source.n > 0)
		refuse(r, "usage_source");
	if (tier.n > 0 && service_tier_parse(tier, &u->tier) != 0)
		refuse(r, "service_tier");
	if (size.n > 0 && search_size_parse(size, &u->search_size) != 0)
		refuse(r, "search_size");
	if (geo.n > 0 && usage_geo_parse(geo, &u->geo) != 0)
		refuse(r, "geo");
	u->fast = json_is_true(json_object_get(r->obj, "fast"));
	u->off_peak = json_is_true(json_object_get(r->obj, "off_peak"));
	u->has_reported_cost =
	    json_is_number(json_object_get(r->obj, "reported_cost_usd"));
	u->reported_cost_nanos = take_usd(r, "reported_cost_usd");
}

static const json_t *
take_list(struct reader *r, const char *key, size_t max, size_t *n_r)
{
	const json_t *list = json_object_get(r->obj, key);

	*n_r = json_array_size(list);
	if ((list != NULL && !json_is_array(list)) || *n_r > max) {
		refuse(r, key);
		*n_r = 0;
	}
	return list;
}

static void
take_scope(struct reader *r, struct hold_scope *s)
{
	enum scope_kind kind = SCOPE_GLOBAL;
	int64_t start = take_int(r, "start"), end = take_int(r, "end");

	if (scope_parse(take_str(r, "kind"), &kind) != 0)
		refuse(r, "kind");
	if (start > UINT32_MAX || end > UINT32_MAX)
		refuse(r, "start");
	s->kind = (uint8_t)kind;
	s->id = take_str(r, "id");
	s->window_start = (uint32_t)start;
	s->window_end = (uint32_t)end;
}

static void
take_attempt(struct reader *r, struct trace_attempt *a)
{
	struct str error = take_str(r, "error");
	const json_t *list;

	memset(a, 0, sizeof(*a));
	a->model = take_str(r, "model");
	a->provider = take_str(r, "provider");
	a->deployment = take_str(r, "deployment");
	take_usage(r, &a->usage);
	a->price_version = take_str(r, "price_version");
	a->cost_nanos = take_usd(r, "cost_usd");
	a->latency_micros = take_decimal(r, "latency_s", 1e6);
	a->ok = error.n == 0;
	a->cancelled = str_is(error, outcome_info(OUTCOME_CLIENT_GONE)->word) ||
		       str_is(error, outcome_info(OUTCOME_HEDGED)->word);
	a->lost = str_is(error, "lost");
	list = take_list(r, "scopes", LEDGER_MAX_CAPS, &a->scope_count);
	for (size_t i = 0; i < a->scope_count; i++) {
		struct reader entry = { json_array_get(list, i), NULL };

		take_scope(&entry, &a->scopes[i]);
		if (entry.bad != NULL)
			refuse(r, entry.bad);
	}
}

static void
take_attempts(struct reader *r, struct trace_line *l)
{
	const json_t *list =
	    take_list(r, "attempts", TRACE_MAX_ATTEMPTS, &l->attempt_count);

	for (size_t i = 0; i < l->attempt_count; i++) {
		struct reader entry = { json_array_get(list, i), NULL };

		take_attempt(&entry, &l->attempts[i]);
		if (entry.bad != NULL)
			refuse(r, entry.bad);
	}
}

static void
take_tags(struct reader *r, struct trace_line *l)
{
	size_t tags;
	const json_t *list = take_list(r, "tags", 1024, &tags);

	for (size_t i = 0; i < tags && i < ROLLUP_MAX_TAGS; i++) {
		const json_t *tag = json_array_get(list, i);

		l->names.tags[l->names.tag_count++] =
		    str_make(json_string_value(tag), json_string_length(tag));
	}
}

static void
take_chain(struct reader *r, struct str text, struct trace_line *l)
{
	l->owner = (uint64_t)take_int(r, "owner");
	l->seq = (uint64_t)take_int(r, "seq");
	l->prev = take_str(r, "prev");
	l->hash = take_str(r, "hash");
	if (l->owner == 0)
		refuse(r, "owner");
	if (l->seq == 0)
		refuse(r, "seq");
	if (l->hash.n == 0 || !str_eq(l->hash, trace_line_hash(text)))
		refuse(r, "hash");
}

/* ---- the line ----------------------------------------------------------- */

static void
take_line(struct reader *r, struct trace_line *l)
{
	struct str settled = take_str(r, "settled");

	/* Lines of before there was a `settled`. */
	if (settled.n == 0)
		settled = take_str(r, "time");
	if (clock_parse(settled, 0, &l->settled_nsecs) != 0)
		refuse(r, "settled");
	l->run_id = take_str(r, "run_id");
	l->names.group = take_str(r, "requested_model");
	l->names.key = take_str(r, "key");
	l->names.team = take_str(r, "team");
	l->names.user = take_str(r, "user");
	/* Lines of before there was one. */
	l->names.no_splits = json_object_get(r->obj, "end_user") == NULL;
	if (!l->names.no_splits)
		l->names.customer = take_str(r, "end_user");
	l->cost_nanos = take_usd(r, "cost_usd");
	l->prompt_tokens = take_int(r, "prompt_tokens");
	l->completion_tokens = take_int(r, "completion_tokens");
	l->cached_tokens = take_int(r, "cached_tokens");
	l->reasoning_tokens = take_int(r, "reasoning_tokens");
	take_tags(r, l);
	take_attempts(r, l);
}

int
trace_line_parse(struct str text, bool chained, struct trace_line *l_r,
    struct err *err)
{
	struct reader r = { 0 };

	memset(l_r, 0, sizeof(*l_r));
	l_r->json = jsonx_parse(text, err);
	if (l_r->json == NULL)
		return -1;
	r.obj = l_r->json;
	if (!json_is_object(l_r->json))
		refuse(&r, "(whole)");
	else
		take_line(&r, l_r);
	if (chained && r.bad == NULL)
		take_chain(&r, text, l_r);
	if (r.bad == NULL)
		return 0;
	trace_line_free(l_r);
	return err_set(err, ERR_BAD_REQUEST, "its member %s is not understood",
	    r.bad);
}

int
trace_line_parse_ended(struct str entries, struct trace_line *l_r,
    struct err *err)
{
	char *text =
	    xasprintf("{\"attempts\":[" STR_FMT "]}", STR_ARG(entries));
	struct reader r = { 0 };

	memset(l_r, 0, sizeof(*l_r));
	l_r->json = jsonx_parse(str_of(text), err);
	free(text);
	if (l_r->json == NULL)
		return -1;
	r.obj = l_r->json;
	take_attempts(&r, l_r);
	if (r.bad == NULL)
		return 0;
	trace_line_free(l_r);
	return err_set(err, ERR_BAD_REQUEST, "its member %s is not understood",
	    r.bad);
}

void
trace_line_free(struct trace_line *l)
{
	json_decref(l->json);
	memset(l, 0, sizeof(*l));
}

void
trace_line_charge(const struct trace_line *l, size_t i, struct charge *charge_r)
{
	const struct trace_attempt *a = &l->attempts[i];
	struct rollup_row *r = &charge_r->amounts;

	charge_r->names = l->names;
	charge_r->names.model = a->model;
	charge_r->names.provider = a->provider;
	charge_r->names.deployment = a->deployment;
	memset(r, 0, sizeof(*r));
	r->attempts = 1;
	r->failures = !a->ok && !a->cancelled;
	r->prompt_tokens = a->usage.prompt_tokens;
	r->completion_tokens = a->usage.completion_tokens;
	r->cached_tokens = a->usage.cached_tokens;
	r->reasoning_tokens = a->usage.reasoning_tokens;
	if (!l->names.no_splits)
		r->cache_write_tokens = a->usage.cache_write_tokens;
	r->cost_nanos = a->cost_nanos;
	if (i + 1 == l->attempt_count)
		rollup_row_end_request(r, &l->names);
	if (a->usage.source == USAGE_ESTIMATED)
		r->estimated_nanos = a->cost_nanos;
	if (a->ok)
		r->latency_micros = a->latency_micros;
}
