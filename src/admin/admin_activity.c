/*
 * /user, /team, /tag, /customer /daily/activity: days of spend and tokens, the
 * newest first, a page of days at a time, each broken down by model, group,
 * provider, key and whose it was. From the splits of the roll-ups (rollup.h);
 * what these have no room for is "(other)". See admin_call.h.
 */
#include "admin/spend_report.h"
#include "admin/tally.h"
#include "base/map.h"
#include "domain/accounts/alias.h"
#include "domain/accounts/team.h"
#include "domain/ledger/money.h"

#define USUAL_PAGE 10
#define MAX_PAGE   31
#define MAX_IDS    64
#define IDS_BYTES  4096
/* Of a name's keys; the rest is together. */
#define MAX_KEYS 50
/* Of one slice; each may have so many keys. */
#define NAMES_PER_SLICE 2

/* X(NAME, "in the breakdown") */
#define BREAKDOWNS(X)                                                          \
	X(MODELS, "models")                                                    \
	X(GROUPS, "model_groups")                                              \
	X(PROVIDERS, "providers")                                              \
	X(KEYS, "api_keys")                                                    \
	X(ENTITIES, "entities")
#define BREAKDOWN_ENUM(NAME, word) BY_##NAME,
enum breakdown {
	BREAKDOWNS(BREAKDOWN_ENUM) BREAKDOWN_COUNT
};
#undef BREAKDOWN_ENUM
#define BREAKDOWN_WORD(NAME, word) word,
static const char *const breakdown_words[] = { BREAKDOWNS(BREAKDOWN_WORD) };
#undef BREAKDOWN_WORD

/* Whose activity, and where the splits have what. */
struct subject {
	enum rollup_dim splits;
	enum rollup_dim sums; /* of the whole day, by whose it was */
	enum entity_kind kind;
	int parts[BREAKDOWN_COUNT]; /* -1: not known there */
};

static const struct subject of_users = { ROLLUP_USE, ROLLUP_USER, ENTITY_USER,
	{ [BY_MODELS] = ROLLUP_PART_MODEL,
	    [BY_GROUPS] = ROLLUP_PART_GROUP,
	    [BY_PROVIDERS] = ROLLUP_PART_PROVIDER,
	    [BY_KEYS] = ROLLUP_PART_KEY,
	    [BY_ENTITIES] = ROLLUP_PART_USER } };
static const struct subject of_teams = { ROLLUP_USE, ROLLUP_TEAM, ENTITY_TEAM,
	{ [BY_MODELS] = ROLLUP_PART_MODEL,
	    [BY_GROUPS] = ROLLUP_PART_GROUP,
	    [BY_PROVIDERS] = ROLLUP_PART_PROVIDER,
	    [BY_KEYS] = ROLLUP_PART_KEY,
	    [BY_ENTITIES] = ROLLUP_PART_TEAM } };
static const struct subject of_tags = { ROLLUP_TAG_USE, ROLLUP_TAG, ENTITY_TAG,
	{ [BY_MODELS] = ROLLUP_PART_WHO_MODEL,
	    [BY_GROUPS] = -1,
	    [BY_PROVIDERS] = -1,
	    [BY_KEYS] = ROLLUP_PART_WHO_KEY,
	    [BY_ENTITIES] = ROLLUP_PART_WHO } };
static const struct subject of_customers = { ROLLUP_CUSTOMER, ROLLUP_CUSTOMER,
	ENTITY_CUSTOMER,
	{ [BY_MODELS] = ROLLUP_PART_WHO_MODEL,
	    [BY_GROUPS] = -1,
	    [BY_PROVIDERS] = -1,
	    [BY_KEYS] = ROLLUP_PART_WHO_KEY,
	    [BY_ENTITIES] = ROLLUP_PART_WHO } };

struct activity {
	struct spend_report r;
	const struct subject *of;
	struct str only[MAX_IDS], not [MAX_IDS]; /* none: all; in `ids` */
	size_t only_count, not_count;
	char ids[2][IDS_BYTES];
	char key[ACCOUNT_KEY_BYTES], model[ROLLUP_VALUE_BYTES]; /* "" any */
	size_t page, pages;
	/* Of the day; each name, and below it its keys. */
	struct tally by[BREAKDOWN_COUNT];
	struct rollup_row day, all;
	/* The day that is being written: NULL none. */
	struct buf *item;
	int writing; /* which breakdown */
	size_t cursor;
	struct map *facts; /* key → JSON: what is known of it */
};

/* ---- counting ----------------------------------------------------------- */

static bool
is_listed(const struct str *list, size_t count, struct str id)
{
	for (size_t i = 0; i < count; i++) {
		if (str_eq(list[i], id))
			return true;
	}
	return false;
}

static bool
is_asked_for(const struct activity *v, struct str id)
{
	return (v->only_count == 0 || is_listed(v->only, v->only_count, id)) &&
	       !is_listed(v->not, v->not_count, id);
}

static void
count_use(void *arg, const struct str parts[ROLLUP_MAX_PARTS],
    const struct rollup_row *sums)
{
	struct activity *v = arg;
	const int *at = v->of->parts;
	struct str who = parts[at[BY_ENTITIES]];

	/* Whose is not said: everybody's, where everybody's is asked for. */
	if (!is_asked_for(v, who) ||
	    (who.n == 0 && v->of->sums != ROLLUP_USER) ||
	    (v->key[0] != '\0' && !str_is(parts[at[BY_KEYS]], v->key)) ||
	    (v->model[0] != '\0' && !str_is(parts[at[BY_MODELS]], v->model)))
		return;
	rollup_row_add(&v->day, sums);
	for (int i = 0; i < BREAKDOWN_COUNT; i++) {
		struct tally_item *item;

		if (at[i] < 0 || parts[at[i]].n == 0)
			continue;
		item = tally_add(&v->by[i], parts[at[i]], sums);
		if (i != BY_KEYS)
			tally_add(&item->inner, parts[at[BY_KEYS]], sums);
	}
}

/* The day's sums as they are kept by themselves: exact, also where the splits
   had no room. */
static void
count_whole(const struct activity *v, struct rollup_row *whole_r)
{
	const struct rollup_result *r = &v->r.sums[0];

	memset(whole_r, 0, sizeof(*whole_r));
	for (size_t i = 0; i < r->count; i++) {
		if (v->r.dims[0] == ROLLUP_ALL ||
		    is_asked_for(v, str_of(r->rows[i].value)))
			rollup_row_add(whole_r, &r->rows[i].sums);
	}
}

/* ---- the answer --------------------------------------------------------- */

static json_t *
metrics(const struct rollup_row *r, const char *head)
{
	static const char *const names[] = { "prompt_tokens",
		"completion_tokens", "cache_read_input_tokens",
		"cache_creation_input_tokens", "total_tokens",
		"successful_requests", "failed_requests", "api_requests" };
	const int64_t values[] = { r->prompt_tokens, r->completion_tokens,
		r->cached_tokens, r->cache_write_tokens,
		r->prompt_tokens + r->completion_tokens,
		r->requests - r->failed_requests, r->failed_requests,
		r->requests };
	json_t *o = json_object();
	char name[64];

	snprintf(name, sizeof(name), "%sspend", head);
	json_object_set_new(o, name, view_usd(r->cost_nanos));
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(name, sizeof(name), "%s%s", head, names[i]);
		json_object_set_new(o, name,
		    json_integer((json_int_t)values[i]));
	}
	return o;
}

static json_t *
text_or_null(struct str s)
{
	return s.n > 0 ? json_stringn(s.p, s.n) : json_null();
}

/* What is known of a key; the same for all it is in. Borrowed. */
static json_t *
key_facts(struct admin_call *a, struct activity *v, struct str key)
{
	json_t *facts = map_find(v->facts, key), *row;

	if (facts != NULL)
		return facts;
	row = alias_row(a->txn, ENTITY_KEY, key);
	facts = json_pack("{s:o, s:o}", "key_alias",
	    text_or_null(alias_in(ENTITY_KEY, row)), "team_id",
	    text_or_null(jsonx_str(row, "team_id")));
	json_decref(row);
	map_set(v->facts, key, facts);
	return facts;
}

static json_t *
key_item(struct admin_call *a, struct activity *v, struct str key,
    const struct rollup_row *sums)
{
	return json_pack("{s:o, s:O}", "metrics", metrics(sums, ""), "metadata",
	    key_facts(a, v, key));
}

/* The dearest keys; what the others have is together under one name. */
static json_t *
key_breakdown(struct admin_call *a, struct activity *v, const struct tally *t)
{
	json_t *keys = json_object();
	size_t count;
	struct tally_pair *pairs = tally_dearest(t, &count);
	struct rollup_row rest = { 0 };

	for (size_t i = 0; i < count; i++) {
		if (i < MAX_KEYS)
			json_object_setn_new(keys, pairs[i].name.p,
			    pairs[i].name.n,
			    key_item(a, v, pairs[i].name,
				&pairs[i].item->sums));
		else
			rollup_row_add(&rest, &pairs[i].item->sums);
	}
	if (count > MAX_KEYS)
		json_object_set_new(keys, ROLLUP_OTHER,
		    json_pack("{s:o, s:{}}", "metrics", metrics(&rest, ""),
			"metadata"));
	free(pairs);
	return keys;
}

static json_t *
name_item(struct admin_call *a, struct activity *v, enum breakdown by,
    struct str name, const struct tally_item *t)
{
	json_t *meta, *row;

	if (by == BY_KEYS)
		return key_item(a, v, name, &t->sums);
	meta = json_object();
	if (by == BY_ENTITIES) {
		row = alias_row(a->txn, v->of->kind, name);
		json_object_set_new(meta,
		    v->of->kind == ENTITY_TEAM ? "team_alias" : "alias",
		    text_or_null(alias_in(v->of->kind, row)));
		json_decref(row);
	}
	return json_pack("{s:o, s:o, s:o}", "metrics", metrics(&t->sums, ""),
	    "metadata", meta, "api_key_breakdown",
	    key_breakdown(a, v, &t->inner));
}

/* "name": {...} */
static void
write_member(struct buf *out, struct str name, json_t *item)
{
	json_t *o = json_object();
	char *text;
	size_t n;

	json_object_setn_new(o, name.p, name.n, item);
	text = entity_dump(o);
	json_decref(o);
	n = text == NULL ? 0 : strlen(text);
	if (n > 2)
		buf_add(out, text + 1, n - 2); /* without its braces */
	free(text);
}

/* Some names of the breakdown under way. */
static void
write_names(struct activity *v, struct admin_call *a)
{
	struct buf *out = v->item;
	const struct tally *t = &v->by[v->writing];
	struct tally_item *item;
	struct str name;

	if (v->cursor == 0)
		buf_printf(out, ",\"%s\":{", breakdown_words[v->writing]);
	for (int i = 0; i < NAMES_PER_SLICE; i++) {
		if (tally_next(t, &v->cursor, &name, &item) != 1) {
			buf_add_char(out, '}');
			v->writing++;
			v->cursor = 0;
			return;
		}
		if (v->cursor > 1)
			buf_add_char(out, ',');
		write_member(out, name,
		    name_item(a, v, (enum breakdown)v->writing, name, item));
	}
}

static void
forget_day(struct activity *v)
{
	for (int i = 0; i < BREAKDOWN_COUNT; i++)
		tally_fini(&v->by[i]);
	memset(&v->day, 0, sizeof(v->day));
}

/* What the splits lack of the day is under one more name. */
static void
add_rest(struct activity *v)
{
	struct str other = str_of(ROLLUP_OTHER);
	struct rollup_row whole, rest;

	if (v->r.dim_count == 0)
		return;
	count_whole(v, &whole);
	rest = rollup_row_minus(&whole, &v->day);
	if (rest.attempts <= 0)
		return;
	v->day = whole;
	for (int i = 0; i < BREAKDOWN_COUNT; i++) {
		if (v->of->parts[i] >= 0 && i != BY_ENTITIES)
			tally_add(&v->by[i], other, &rest);
	}
}

/* Counts a day; its date and sums. */
static int
begin_day(struct activity *v, struct admin_call *a)
{
	json_t *date = spend_day(v->r.day_nsecs);
	char *text;

	if (rollup_each_use(a->live, v->of->splits, v->r.day_nsecs, count_use,
		v) != 0) {
		json_decref(date);
		if (!store_failed(a->live, &a->err))
			call_refuse(a, ERR_STORE, "roll-ups cannot be read");
		return -1;
	}
	add_rest(v);
	rollup_row_add(&v->all, &v->day);
	if (v->day.attempts > 0) {
		json_t *sums = metrics(&v->day, "");

		text = entity_dump(sums);
		json_decref(sums);
		v->item = spend_report_item(&v->r);
		buf_printf(v->item,
		    "{\"date\":\"%s\",\"metrics\":%s,\"breakdown\":"
		    "{\"mcp_servers\":{}",
		    json_string_value(date), text);
		free(text);
	}
	json_decref(date);
	v->writing = 0;
	return v->day.attempts > 0;
}

/* A day, in slices: counting it, then some names at a time. */
static int
make_day(struct spend_report *r, struct admin_call *a)
{
	struct activity *v = (struct activity *)r;
	int rc;

	if (v->item == NULL) {
		rc = begin_day(v, a);
		if (rc != 1)
			forget_day(v);
		return rc;
	}
	if (v->writing < BREAKDOWN_COUNT) {
		write_names(v, a);
		return 1;
	}
	buf_add_cstr(v->item, "}}");
	v->item = NULL;
	forget_day(v);
	return 0;
}

static int
close_answer(struct spend_report *r, struct admin_call *a)
{
	struct activity *v = (struct activity *)r;
	json_t *meta = metrics(&v->all, "total_");
	char *text;

	(void)a;
	/* LiteLLM calls it so. */
	json_object_set(meta, "total_tokens",
	    json_object_get(meta, "total_total_tokens"));
	json_object_del(meta, "total_total_tokens");
	json_object_set_new(meta, "page", json_integer((json_int_t)v->page));
	json_object_set_new(meta, "total_pages",
	    json_integer((json_int_t)v->pages));
	json_object_set_new(meta, "has_more", json_boolean(v->page < v->pages));
	text = entity_dump(meta);
	json_decref(meta);
	r->closing = xasprintf("],\"metadata\":%s}", text);
	free(text);
	return 0;
}

/* ---- what is asked for -------------------------------------------------- */

/* "a,b": -1 refused. */
static int
read_ids(struct admin_call *a, const char *name, char ids[IDS_BYTES],
    struct str list[MAX_IDS], size_t *count_r)
{
	struct str rest;

	*count_r = 0;
	if (call_query(a, name, ids, IDS_BYTES) < 0)
		return -1;
	rest = str_trim(str_of(ids));
	while (rest.n > 0) {
		struct str id = str_trim(str_cut(&rest, ','));

		if (*count_r == MAX_IDS) {
			a->param = name;
			return call_refuse(a, ERR_BAD_FIELD,
			    "%s takes at most %d names", name, MAX_IDS);
		}
		if (id.n > 0)
			list[(*count_r)++] = id;
	}
	return 0;
}

/* The days of this page, newest first: page 1 ends with the span. */
static void
choose_page(struct activity *v, const struct spend_span *whole, size_t size)
{
	size_t days = (size_t)((whole->until_nsecs - whole->since_nsecs) /
			       SPEND_DAY_NSECS);
	int64_t until = whole->until_nsecs -
			(int64_t)((v->page - 1) * size) * SPEND_DAY_NSECS;
	int64_t since = until - (int64_t)size * SPEND_DAY_NSECS;

	v->pages = (days + size - 1) / size;
	v->r.span.until_nsecs = until;
	v->r.span.since_nsecs =
	    since < whole->since_nsecs ? whole->since_nsecs : since;
	if (until < v->r.span.since_nsecs)
		v->r.span.until_nsecs = v->r.span.since_nsecs;
}

static void
drop_fact(void *fact)
{
	json_decref(fact);
}

static void
activity_fini(struct spend_report *r)
{
	struct activity *v = (struct activity *)r;

	forget_day(v);
	map_free_with(&v->facts, drop_fact);
}

/* 0 with an activity of everybody's; only: the query's name of the list. */
static int
begin(struct admin_call *a, const struct subject *of, const char *only,
    struct activity **v_r)
{
	struct activity *v = xcalloc(1, sizeof(*v));
	size_t size = USUAL_PAGE;
	struct spend_span whole;

	v->of = of;
	v->page = 1;
	if (spend_span_read(a, &whole) != 0 ||
	    read_ids(a, only, v->ids[0], v->only, &v->only_count) != 0 ||
	    call_key(a, str_make("", 0), v->key) < 0 ||
	    call_query(a, "model", v->model, sizeof(v->model)) < 0 ||
	    call_number(a, "page", SPEND_MAX_DAYS, &v->page) != 0 ||
	    call_number(a, "page_size", 1000, &size) != 0) {
		free(v);
		return -1;
	}
	choose_page(v, &whole, size < MAX_PAGE ? size : MAX_PAGE);
	*v_r = v;
	return 0;
}

static void
finish(struct activity *v, struct admin_job **job_r)
{
	bool everybody = v->only_count == 0 && v->not_count == 0 &&
			 v->of->sums == ROLLUP_USER;

	/* Sums by key and model are in the splits alone. */
	v->r.dim_count = v->key[0] != '\0' || v->model[0] != '\0' ? 0 : 1;
	v->r.dims[0] = everybody ? ROLLUP_ALL : v->of->sums;
	v->r.by_day = v->r.newest_first = true;
	v->facts = map_new();
	v->r.make = make_day;
	v->r.finish = close_answer;
	v->r.fini = activity_fini;
	v->r.opening = "{\"results\":[";
	*job_r = spend_report_job(&v->r);
}

int
activity_of_users(struct admin_call *a, struct admin_job **job_r)
{
	struct activity *v;

	if (begin(a, &of_users, "user_id", &v) != 0)
		return -1;
	if (!call_may_see_all(a)) {
		struct str own = a->account->user;

		/* A team's key does not reach what its user spends elsewhere.
		 */
		if (a->account->team.n > 0 || own.n == 0 ||
		    own.n >= IDS_BYTES || v->only_count > 1 ||
		    (v->only_count == 1 && !str_eq(v->only[0], own))) {
			free(v);
			return call_forbid(a, "look at this user's activity");
		}
		memcpy(v->ids[0], own.p, own.n);
		v->only[0] = str_make(v->ids[0], own.n);
		v->only_count = 1;
	}
	finish(v, job_r);
	return 0;
}

/* Who may not see all must name teams he may see. */
static int
check_teams(struct admin_call *a, const struct activity *v)
{
	for (size_t i = 0; i < v->only_count; i++) {
		json_t *row = alias_row(a->txn, ENTITY_TEAM, v->only[i]);
		bool may = row != NULL && call_may_see_team(a, row);

		json_decref(row);
		if (!may)
			return -1;
	}
	return v->only_count > 0 ? 0 : -1;
}

int
activity_of_teams(struct admin_call *a, struct admin_job **job_r)
{
	struct activity *v;

	if (begin(a, &of_teams, "team_ids", &v) != 0)
		return -1;
	if (read_ids(a, "exclude_team_ids", v->ids[1], v->not, &v->not_count) !=
	    0) {
		free(v);
		return -1;
	}
	if (!call_may_see_all(a) && check_teams(a, v) != 0) {
		free(v);
		return call_forbid(a, "look at the activity of teams that are "
				      "not named in team_ids, or not the "
				      "caller's");
	}
	finish(v, job_r);
	return 0;
}

int
activity_of_tags(struct admin_call *a, struct admin_job **job_r)
{
	struct activity *v;

	if (begin(a, &of_tags, "tags", &v) != 0)
		return -1;
	finish(v, job_r);
	return 0;
}

int
activity_of_customers(struct admin_call *a, struct admin_job **job_r)
{
	struct activity *v;

	if (begin(a, &of_customers, "end_user_ids", &v) != 0)
		return -1;
	finish(v, job_r);
	return 0;
}
