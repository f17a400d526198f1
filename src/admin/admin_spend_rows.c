/*
 * /spend/logs and /spend/logs/v2: single requests, from the trace files, the
 * newest first, searched in slices (station/trace_search.h). Sums by day of
 * /spend/logs: admin_spend_days.c. See admin_call.h.
 *
 * A line is parsed only when it becomes a row of the answer.
 */
#include "admin/query.h"
#include "admin/spend_report.h"
#include "base/jsonw.h"
#include "base/num.h"
#include "domain/accounts/alias.h"
#include "domain/ledger/money.h"
#include "station/trace_search.h"

#include <strings.h>

#define USUAL_ROWS 100
#define MOST_ROWS  1000
#define USUAL_PAGE 50
/* A row is made in some 50 µs. */
#define ROWS_PER_SLICE 4
#define TEXT_BYTES     (64 * 1024 * 1024)
#define WANTED_SIZE    2048 /* of a text that is looked for */
/* Of one call; then it says where it would go on. */
#define MOST_BYTES (INT64_C(4) * 1024 * 1024 * 1024)
/* A page of what is counted: rows before it are counted, too. */
#define MOST_PAGES 100000

struct rows {
	struct admin_job job;
	struct trace_search *search;
	struct trace_wanted wanted;
	struct buf texts[TRACE_SEARCH_TEXTS];
	char model[ROLLUP_VALUE_BYTES + 3]; /* as written; "" any */
	bool failures;                      /* only what did not end well */
	bool paged;
	size_t page, size; /* not paged: size rows at most */
	uint64_t found;
	size_t rows, slice_rows;
	struct trace_place next; /* of the eldest row */
	bool more, cut;          /* there is more; MOST_BYTES were read */
	struct admin_call *a;    /* of the slice under way */
	struct buf text;
};

/* ---- a row -------------------------------------------------------------- */

static void
set_time(json_t *row, const char *name, int64_t nsecs)
{
	char text[CLOCK_RFC3339_BYTES];

	clock_rfc3339(nsecs, text);
	json_object_set_new(row, name, json_string(text));
}

/* startTime, endTime, completionStartTime. */
static void
add_times(json_t *row, const json_t *line)
{
	const json_t *ttft = json_object_get(line, "ttft_s");
	double latency = json_number_value(json_object_get(line, "latency_s"));
	int64_t start;

	if (clock_parse(jsonx_str(line, "time"), 0, &start) != 0)
		return;
	set_time(row, "startTime", start);
	set_time(row, "endTime", start + (int64_t)(latency * 1e9));
	if (json_is_number(ttft))
		set_time(row, "completionStartTime",
		    start + (int64_t)(json_number_value(ttft) * 1e9));
	else
		json_object_set_new(row, "completionStartTime", json_null());
}

static json_t *
text_or_null(struct str s)
{
	return s.n > 0 ? json_stringn(s.p, s.n) : json_null();
}

/* What went wrong, or null: in our word for it, else in the last attempt's. */
static json_t *
error_of(const json_t *line)
{
	const json_t *attempts = json_object_get(line, "attempts");
	size_t n = json_array_size(attempts);
	const json_t *last = n == 0 ? NULL : json_array_get(attempts, n - 1);
	struct str error = jsonx_str(line, "error");
	char code[24];

	if (error.n == 0)
		error = jsonx_str(last, "error");
	if (error.n == 0 || str_is(jsonx_str(line, "outcome"), "ok"))
		return json_null();
	snprintf(code, sizeof(code), "%lld",
	    (long long)json_integer_value(json_object_get(line, "status")));
	return json_pack("{s:s, s:s%, s:o, s:o}", "error_code", code,
	    "error_class", error.p, error.n, "error_message",
	    text_or_null(jsonx_str(last, "error_text")), "llm_provider",
	    text_or_null(jsonx_str(line, "provider")));
}

static json_t *
metadata_of(struct admin_call *a, const json_t *line)
{
	json_t *team = alias_row(a->txn, ENTITY_TEAM, jsonx_str(line, "team"));
	json_t *m = json_pack("{s:O?, s:O?, s:O?, s:o, s:O?, s:n, s:o}",
	    "user_api_key", json_object_get(line, "key"), "user_api_key_alias",
	    json_object_get(line, "key_alias"), "user_api_key_team_id",
	    json_object_get(line, "team"), "user_api_key_team_alias",
	    text_or_null(alias_in(ENTITY_TEAM, team)), "user_api_key_user_id",
	    json_object_get(line, "user"), "spend_logs_metadata",
	    "error_information", error_of(line));
	static const char *const usage[] = { "prompt_tokens",
		"completion_tokens", "cached_tokens", "reasoning_tokens" };
	/* As they are in the trace file. */
	static const char *const own[] = { "outcome", "status", "usage_source",
		"stream", "latency_s", "ttft_s" };
	json_t *u = json_object(), *o = json_object();

	json_decref(team);
	for (size_t i = 0; i < ARRAY_LEN(usage); i++)
		json_object_set(u, usage[i], json_object_get(line, usage[i]));
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		json_object_set(o, own[i], json_object_get(line, own[i]));
	json_object_set_new(o, "attempts",
	    json_integer((json_int_t)json_array_size(
		json_object_get(line, "attempts"))));
	json_object_set_new(m, "usage_object", u);
	json_object_set_new(m, "tallygate", o);
	return m;
}

static json_t *
row_of(struct admin_call *a, const json_t *line)
{
	static const struct {
		const char *name, *from;
	} same[] = { { "request_id", "run_id" }, { "api_key", "key" },
		{ "spend", "cost_usd" }, { "prompt_tokens", "prompt_tokens" },
		{ "completion_tokens", "completion_tokens" },
		{ "model", "model" }, { "model_id", "deployment" },
		{ "model_group", "requested_model" },
		{ "custom_llm_provider", "provider" }, { "user", "user" },
		{ "end_user", "end_user" }, { "team_id", "team" },
		{ "request_tags", "tags" } };
	static const char *const none[] = { "organization_id", "agent_id",
		"mcp_namespaced_tool_name", "requester_ip_address",
		"session_id" };
	static const char *const empty[] = { "messages", "response",
		"proxy_server_request" };
	json_t *row = json_object();
	bool ok = str_is(jsonx_str(line, "outcome"), "ok");

	for (size_t i = 0; i < ARRAY_LEN(same); i++) {
		json_t *v = json_object_get(line, same[i].from);

		json_object_set(row, same[i].name, v != NULL ? v : json_null());
	}
	json_object_set_new(row, "total_tokens",
	    json_integer(
		json_integer_value(json_object_get(line, "prompt_tokens")) +
		json_integer_value(
		    json_object_get(line, "completion_tokens"))));
	add_times(row, line);
	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		json_object_set_new(row, none[i], json_null());
	for (size_t i = 0; i < ARRAY_LEN(empty); i++)
		json_object_set_new(row, empty[i], json_object());
	json_object_set_new(row, "call_type", json_string(""));
	json_object_set_new(row, "api_base", json_string(""));
	json_object_set_new(row, "cache_hit", json_string("False"));
	json_object_set_new(row, "cache_key", json_string(""));
	json_object_set_new(row, "status",
	    json_string(ok ? "success" : "failure"));
	json_object_set_new(row, "metadata", metadata_of(a, line));
	return row;
}

static void
add_row(struct rows *r, struct str text)
{
	json_t *line = jsonx_parse(text, NULL), *row;
	char *dumped;

	/* tallyctl audit names damaged lines. */
	if (!json_is_object(line)) {
		json_decref(line);
		return;
	}
	row = row_of(r->a, line);
	dumped = entity_dump(row);
	if (dumped != NULL) {
		if (r->rows++ > 0)
			buf_add_char(&r->text, ',');
		buf_add_cstr(&r->text, dumped);
	}
	free(dumped);
	json_decref(row);
	json_decref(line);
}

/* ---- searching ---------------------------------------------------------- */

static bool
on_line(void *arg, struct str text, const struct trace_place *place)
{
	struct rows *r = arg;

	if (r->model[0] != '\0' &&
	    !str_is(trace_member(text, "model"), r->model) &&
	    !str_is(trace_member(text, "requested_model"), r->model))
		return true;
	if (r->failures && str_is(trace_member(text, "outcome"), "\"ok\""))
		return true;
	if (!r->paged && r->rows == r->size) {
		r->more = true;
		return false;
	}
	r->found++;
	if (r->paged && (r->found <= (r->page - 1) * r->size ||
			    r->found > r->page * r->size))
		return true;
	add_row(r, text);
	r->next = *place;
	return ++r->slice_rows < ROWS_PER_SLICE;
}

static int
open_search(struct rows *r, struct admin_call *a)
{
	int rc = trace_search_open(a->env->trace_path, &r->wanted, &r->search,
	    &a->err);

	if (rc < 0)
		return -1;
	r->job.pausing = rc == 1;
	return 1;
}

static int
slice(struct admin_job *job, struct admin_call *a)
{
	struct rows *r = (struct rows *)job;

	if (r->search == NULL)
		return open_search(r, a);
	if (trace_search_bytes(r->search) > MOST_BYTES) {
		r->cut = r->more = true;
		r->next = trace_search_place(r->search);
		return 0;
	}
	r->a = a;
	r->slice_rows = 0;
	switch (trace_search_step(r->search, on_line, r, &a->err)) {
	case TRACE_SEARCH_MORE:
		return 1;
	case TRACE_SEARCH_WAIT:
		job->pausing = true;
		return 1;
	case TRACE_SEARCH_STOPPED:
		return !r->more;
	case TRACE_SEARCH_END:
		return 0;
	case TRACE_SEARCH_FAILED:
		break;
	}
	return -1;
}

/* {data, total, page, page_size, total_pages} */
static void
close_page(struct rows *r)
{
	uint64_t pages = (r->found + r->size - 1) / r->size;

	buf_printf(&r->text,
	    "],\"total\":%llu,\"page\":%zu,\"page_size\":%zu,"
	    "\"total_pages\":%llu,\"complete\":%s}",
	    (unsigned long long)r->found, r->page, r->size,
	    (unsigned long long)pages, r->cut ? "false" : "true");
}

static void
reply(struct admin_job *job, struct http_call *call)
{
	struct rows *r = (struct rows *)job;
	char next[64];

	if (r->paged)
		close_page(r);
	else
		buf_add_char(&r->text, ']');
	snprintf(next, sizeof(next), "%lld-%lld", (long long)r->next.inode,
	    (long long)r->next.offset);
	if (r->more && !r->paged)
		http_add_header(call, "x-tallygate-next", next);
	if (r->text.overflowed)
		admin_error(call, ERR_INTERNAL, "the answer is too long");
	else
		http_reply_take(call, 200, "application/json", &r->text);
}

static void
rows_free(struct admin_job *job)
{
	struct rows *r = (struct rows *)job;

	trace_search_close(&r->search);
	for (size_t i = 0; i < TRACE_SEARCH_TEXTS; i++)
		buf_fini(&r->texts[i]);
	buf_fini(&r->text);
	free(r);
}

/* ---- what is asked for -------------------------------------------------- */

/* Lines with this member. */
static void
want(struct rows *r, const char *member, struct str value)
{
	struct buf *b = &r->texts[r->wanted.text_count];
	char cut[ROLLUP_VALUE_BYTES];

	buf_printf(b, "%s\"%s\":\"", strcmp(member, "run_id") == 0 ? "{" : ",",
	    member);
	/* As the trace file has it. */
	jsonw_escape(b,
	    strcmp(member, "run_id") == 0 ? value : rollup_value(value, cut));
	buf_add_char(b, '"');
	r->wanted.texts[r->wanted.text_count++] = buf_str(b);
}

/* A member that the query may name. */
static int
want_query(struct rows *r, struct admin_call *a, const char *query,
    const char *member)
{
	char text[ENTITY_ID_BYTES + 1];
	int rc = call_query(a, query, text, sizeof(text));

	if (rc == 1 && text[0] != '\0')
		want(r, member, str_of(text));
	return rc < 0 ? -1 : 0;
}

static int
want_model(struct rows *r, struct admin_call *a)
{
	char text[ROLLUP_VALUE_BYTES];
	int rc = call_query(a, "model", text, sizeof(text));
	struct buf b;

	if (rc != 1 || text[0] == '\0')
		return rc < 0 ? -1 : 0;
	buf_init(&b, 8 * ROLLUP_VALUE_BYTES);
	buf_add_char(&b, '"');
	jsonw_escape(&b, str_of(text));
	buf_add_char(&b, '"');
	snprintf(r->model, sizeof(r->model), "%s", buf_cstr(&b));
	buf_fini(&b);
	return 0;
}

/* "success" or "failure" */
static int
want_status(struct rows *r, struct admin_call *a)
{
	char text[16];
	int rc = call_query(a, "status_filter", text, sizeof(text));

	if (rc != 1 || text[0] == '\0')
		return rc < 0 ? -1 : 0;
	if (strcmp(text, "success") == 0) {
		want(r, "outcome", str_of("ok"));
		return 0;
	}
	if (strcmp(text, "failure") == 0) {
		r->failures = true;
		return 0;
	}
	a->param = "status_filter";
	return call_refuse(a, ERR_BAD_FIELD,
	    "status_filter takes success or failure");
}

/* A day as the end of a span is in it to its last moment. */
static int
want_times(struct rows *r, struct admin_call *a)
{
	struct trace_wanted *w = &r->wanted;
	char text[64];
	int64_t since, until;
	int from = call_time(a, "start_date", &since);
	int to = from < 0 ? -1 : call_time(a, "end_date", &until);

	if (to < 0)
		return -1;
	if (from == 1) {
		w->since_nsecs = since;
		clock_rfc3339(since, w->since);
	}
	if (to == 1) {
		if (call_query(a, "end_date", text, sizeof(text)) == 1 &&
		    strlen(text) == 10)
			until += SPEND_DAY_NSECS;
		clock_rfc3339(until, w->until);
	}
	return 0;
}

/* "INODE-OFFSET", as we gave it. */
static int
want_after(struct rows *r, struct admin_call *a)
{
	char text[64];
	int rc = call_query(a, "after", text, sizeof(text));
	struct str rest = str_of(text), inode;

	if (rc <= 0)
		return rc;
	inode = str_cut(&rest, '-');
	if (rest.p != NULL && num_int64(inode, &r->wanted.before.inode) == 0 &&
	    num_int64(rest, &r->wanted.before.offset) == 0 &&
	    r->wanted.before.inode > 0 && r->wanted.before.offset >= 0)
		return 0;
	a->param = "after";
	return call_refuse(a, ERR_BAD_FIELD,
	    "after takes what x-tallygate-next said");
}

static int
read_wanted(struct rows *r, struct admin_call *a, const char *key,
    const char *user)
{
	if (key[0] != '\0')
		want(r, "key", str_of(key));
	if (user[0] != '\0')
		want(r, "user", str_of(user));
	if (want_query(r, a, "request_id", "run_id") != 0 ||
	    want_query(r, a, "team_id", "team") != 0 ||
	    want_query(r, a, "end_user", "end_user") != 0 ||
	    want_query(r, a, "key_alias", "key_alias") != 0 ||
	    want_model(r, a) != 0 || want_status(r, a) != 0 ||
	    want_times(r, a) != 0)
		return -1;
	if (r->paged)
		return call_number(a, "page", MOST_PAGES, &r->page) != 0 ||
			       call_number(a, "page_size", MOST_ROWS,
				   &r->size) != 0
			   ? -1
			   : 0;
	return want_after(r, a) != 0 ||
		       call_number(a, "limit", MOST_ROWS, &r->size) != 0
		   ? -1
		   : 0;
}

static int
begin_rows(struct admin_call *a, const char *key, const char *user, bool paged,
    struct admin_job **job_r)
{
	struct rows *r = xcalloc(1, sizeof(*r));

	for (size_t i = 0; i < TRACE_SEARCH_TEXTS; i++)
		buf_init(&r->texts[i], WANTED_SIZE);
	buf_init(&r->text, TEXT_BYTES);
	r->paged = paged;
	r->page = 1;
	r->size = paged ? USUAL_PAGE : USUAL_ROWS;
	r->job.slice = slice;
	r->job.reply = reply;
	r->job.free = rows_free;
	if (read_wanted(r, a, key, user) != 0) {
		rows_free(&r->job);
		return -1;
	}
	buf_add_cstr(&r->text, paged ? "{\"data\":[" : "[");
	*job_r = &r->job;
	return 0;
}

/* ---- /spend/logs -------------------------------------------------------- */

static bool
may_see(struct admin_call *a, const char *key)
{
	json_t *row = alias_row(a->txn, ENTITY_KEY, str_of(key));
	bool may = strcmp(key, a->account->key) == 0 ||
		   (row != NULL && call_may_see_key(a, row));

	json_decref(row);
	return may;
}

/* Whose: only its own for who may not see all. */
static int
read_whose(struct admin_call *a, char key[ACCOUNT_KEY_BYTES],
    char user[ENTITY_ID_BYTES + 1])
{
	int has_key = call_key(a, str_make("", 0), key), has_user;

	user[0] = '\0';
	if (has_key < 0)
		return -1;
	has_user = call_query(a, "user_id", user, ENTITY_ID_BYTES + 1);
	if (has_user < 0)
		return -1;
	if (call_may_see_all(a))
		return 0;
	/* A team's key does not reach what its user spends elsewhere. */
	if (has_user == 1 &&
	    (a->account->team.n > 0 || !str_is(a->account->user, user)))
		return call_forbid(a, "look at this user's spend");
	if (has_key == 1 && !may_see(a, key))
		return call_forbid(a, "look at this key's spend");
	if (has_user == 0 && has_key == 0)
		snprintf(key, ACCOUNT_KEY_BYTES, "%s", a->account->key);
	return 0;
}

/* As LiteLLM decides it: days for two dates, unless rows are wanted. */
static int
wants_days(struct admin_call *a, bool *days_r)
{
	char summarize[8] = "true", id[8], date[64];
	int from = call_query(a, "start_date", date, sizeof(date));
	int to = call_query(a, "end_date", date, sizeof(date));
	int given = call_query(a, "summarize", summarize, sizeof(summarize));

	if (from < 0 || to < 0 || given < 0)
		return -1;
	*days_r =
	    from == 1 && to == 1 &&
	    query_get(http_query(a->http), "request_id", id, sizeof(id)) == 0 &&
	    strcasecmp(summarize, "false") != 0 && strcmp(summarize, "0") != 0;
	return 0;
}

int
spend_logs(struct admin_call *a, struct admin_job **job_r)
{
	char key[ACCOUNT_KEY_BYTES], user[ENTITY_ID_BYTES + 1];
	bool days;

	if (read_whose(a, key, user) != 0 || wants_days(a, &days) != 0)
		return -1;
	return days ? spend_log_days(a, key, user, job_r)
		    : begin_rows(a, key, user, false, job_r);
}

int
spend_logs_paged(struct admin_call *a, struct admin_job **job_r)
{
	char key[ACCOUNT_KEY_BYTES], user[ENTITY_ID_BYTES + 1];

	return read_whose(a, key, user) != 0
		   ? -1
		   : begin_rows(a, key, user, true, job_r);
}
