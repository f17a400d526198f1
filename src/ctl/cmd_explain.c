/*
 * tallyctl explain: where a request would go now and what it would meet there.
 * The plan, the price and the checks are the worker's own functions, asked on
 * the live state without taking anything; nobody is called.
 */
#include "base/fd.h"
#include "ctl/ctl.h"
#include "ctl/table.h"
#include "domain/accounts/access.h"
#include "domain/accounts/vkey.h"
#include "domain/routing/route_live.h"
#include "wire/pick.h"
#include "wire/quote.h"

#define MAX_BODY_BYTES (64 * 1024 * 1024)
#define MAX_OUT_BYTES  (16 * 1024 * 1024)

struct inquiry {
	struct ctl *ctl;
	struct arena arena;
	struct buf body;
	bool is_file; /* a request was given, not only a model */
	struct wire_request request;
	struct accounts *accounts;
	struct account *account;
	size_t purse_count;
	struct purse *purses[1 + WIRE_MAX_TAGS];
	struct budgets *budgets;
	struct plan plan;
	struct quote *quotes; /* of plan.candidates */
	struct health_row *health;
};

/* ---- the request -------------------------------------------------------- */

static bool
has_member(const struct skim_value *body, const char *key)
{
	return pick_one(body, key).type != SKIM_ABSENT;
}

/* What the model's first deployment serves; "chat" when nobody says. */
static const struct config_deployment *
deployment_of(const struct config *c, const struct skim_value *body)
{
	struct skim_value model = pick_one(body, "model");

	for (size_t i = 0; i < c->deployment_count; i++) {
		if (skim_string_is(&model, c->deployments[i].model_name))
			return &c->deployments[i];
	}
	return NULL;
}

/* Several APIs have an input. */
static enum wire_api
api_of_input(const struct skim_value *body, const struct config_deployment *d)
{
	const char *mode = d != NULL ? d->mode : "chat";
	const char *model = d != NULL ? d->litellm_model : "";

	if (has_member(body, "voice"))
		return WIRE_SPEECH;
	if (strcmp(mode, "moderation") == 0)
		return WIRE_MODERATIONS;
	if (strcmp(mode, "embedding") == 0 || strstr(model, "embed") != NULL ||
	    has_member(body, "encoding_format") ||
	    has_member(body, "dimensions"))
		return WIRE_EMBEDDINGS;
	return WIRE_RESPONSES;
}

/* The API that a body is for: by the member that holds its prompt, and by the
   model where that is not enough. */
static enum wire_api
api_of(const struct config *c, struct str text)
{
	struct skim_value body;

	if (text.n == 0 || skim(text, NULL, 0, NULL, NULL) != 0)
		return WIRE_CHAT;
	body = pick_root(text);
	if (has_member(&body, "messages"))
		return has_member(&body, "system") ||
			       has_member(&body, "anthropic_version")
			   ? WIRE_MESSAGES
			   : WIRE_CHAT;
	if (has_member(&body, "documents"))
		return WIRE_RERANK;
	if (has_member(&body, "input"))
		return api_of_input(&body, deployment_of(c, &body));
	if (has_member(&body, "prompt")) {
		const struct config_deployment *d = deployment_of(c, &body);

		return has_member(&body, "size") ||
			       has_member(&body, "quality") ||
			       (d != NULL &&
				   strcmp(d->mode, "image_generation") == 0)
			   ? WIRE_IMAGES
			   : WIRE_COMPLETIONS;
	}
	return WIRE_CHAT;
}

/* A chat with one empty message stands for a request that is not given. */
static void
write_body(struct inquiry *q, const char *model)
{
	struct jsonw w;

	jsonw_init(&w, &q->body);
	jsonw_open(&w, '{');
	jsonw_key(&w, "model");
	jsonw_cstr(&w, model);
	jsonw_key(&w, "messages");
	jsonw_raw(&w, str_of("[{\"role\":\"user\",\"content\":\"\"}]"));
	jsonw_close(&w, '}');
}

static int
read_request(struct inquiry *q, const char *what)
{
	const char *param;
	struct err err;

	q->is_file = str_ends(str_of(what), ".json");
	if (strcmp(what, "-") == 0) {
		what = "/dev/stdin";
		q->is_file = true;
	}
	if (!q->is_file) {
		write_body(q, what);
	} else if (file_read(what, &q->body, &err) != 0) {
		ctl_complain("%s", err.text);
		return CTL_FAILED;
	}
	if (wire_request_parse(api_of(q->ctl->config, buf_str(&q->body)),
		buf_str(&q->body), &q->arena, &q->request, &param, &err) == 0)
		return CTL_OK;
	ctl_complain("%s%s%s", q->is_file ? what : "", q->is_file ? ": " : "",
	    err.text);
	return CTL_FAILED;
}

/* The key itself, its hash or its alias; whether it would be let in is not
   asked. */
static int
find_key(struct inquiry *q, struct str key, struct err *err)
{
	unsigned char hash[SHA256_BYTES];
	struct store_txn *t;
	int rc;

	if (str_eq_secret(key, str_of(q->ctl->config->master_key))) {
		q->account = account_special("master");
		return 0;
	}
	if (q->ctl->store == NULL)
		return err_set(err, ERR_BAD_KEY, "there is no store yet");
	if (store_read(q->ctl->store, STORE_ACCOUNTS, &t, err) != 0)
		return -1;
	rc = vkey_find(t, key, hash, err);
	store_abort(&t);
	return rc == 0 ? accounts_find(q->accounts, hash, q->ctl->now_nsecs,
			     &q->account, err)
		       : -1;
}

/* What the end user's and the tags' rows allow. */
static int
find_purses(struct inquiry *q, struct err *err)
{
	for (size_t i = 0; i <= q->request.tag_count; i++) {
		bool is_tag = i < q->request.tag_count;
		int rc = accounts_purse(q->accounts,
		    is_tag ? SCOPE_TAG : SCOPE_END_USER,
		    is_tag ? q->request.tags[i] : q->request.user,
		    q->ctl->now_nsecs, &q->purses[q->purse_count], err);

		if (rc < 0)
			return -1;
		q->purse_count += (size_t)rc;
	}
	return 0;
}

static int
find_account(struct inquiry *q, const char *key)
{
	struct err err;
	int rc = 0;

	if (q->ctl->store != NULL)
		rc = accounts_new(q->ctl->config, q->ctl->store, true,
		    &q->accounts, &err);
	if (rc == 0 && key == NULL)
		q->account = account_special("master");
	else if (rc == 0)
		rc = find_key(q, str_of(key), &err);
	if (rc == 0 && q->accounts != NULL)
		rc = find_purses(q, &err);
	if (rc == 0)
		rc = access_model(q->account, q->ctl->catalog,
		    access_alias(q->account, q->request.model), &err);
	if (rc == 0) {
		q->request.model = access_alias(q->account, q->request.model);
		return CTL_OK;
	}
	ctl_complain("%s%s", key != NULL ? "--key: " : "", err.text);
	return CTL_FAILED;
}

/* ---- asking ------------------------------------------------------------- */

static void
read_health(const struct inquiry *q, struct store_txn *t, size_t i)
{
	struct health_row *row = &q->health[i];

	if (t == NULL ||
	    health_get(t, q->plan.candidates[i].deployment->id, row) < 0)
		health_row_init(row);
}

static int
ask_candidates(struct inquiry *q, struct store_txn *t, struct err *err)
{
	struct quote_state state = {
		.txn = t,
		.config = q->ctl->config,
		.budgets = q->budgets,
		.now_nsecs = q->ctl->now_nsecs,
	};
	struct budget_subject who = {
		.key = str_of(q->account->key),
		.team = q->account->team,
		.user = q->account->user,
		.end_user = q->request.user,
		.tag_count = q->request.tag_count,
		.tags = q->request.tags,
	};
	const struct allowance *all[ACCOUNT_MAX_ALLOWANCES + 1 + WIRE_MAX_TAGS];
	size_t n = q->plan.count;

	for (size_t i = 0; i < q->account->allowance_count; i++)
		all[who.allowance_count++] = q->account->allowances[i];
	for (size_t i = 0; i < q->purse_count; i++)
		all[who.allowance_count++] = &q->purses[i]->allowance;
	who.allowances = all;
	who.asked = q->request.model;
	q->quotes = arena_alloc(&q->arena, (n + 1) * sizeof(*q->quotes));
	q->health = arena_alloc(&q->arena, (n + 1) * sizeof(*q->health));
	for (size_t i = 0; i < n; i++) {
		read_health(q, t, i);
		if (quote_ask(&state, &q->request, &q->plan.candidates[i], &who,
			&q->arena, &q->quotes[i], err) != 0)
			return -1;
	}
	return 0;
}

static int
ask(struct inquiry *q)
{
	struct ctl *c = q->ctl;
	struct route_request request;
	struct route_live live;
	struct err err;
	int rc;

	quote_route_request(&q->request, &request);
	if (budgets_build(c->config, &q->budgets, &err) != 0 ||
	    (c->store != NULL &&
		budgets_refresh(q->budgets, c->store, &err) != 0)) {
		ctl_complain("%s", err.text);
		return CTL_FAILED;
	}
	/* Without a store (never started) all is as on a fresh one. */
	route_live_open(&live, c->store, c->now_nsecs);
	rc =
	    route(c->catalog, &request, &live.state, &q->arena, &q->plan, &err);
	if (rc == 0)
		rc = ask_candidates(q, live.txn, &err);
	route_live_close(&live);
	if (rc != 0)
		ctl_complain("%s", err.text);
	return rc != 0 ? CTL_FAILED : CTL_OK;
}

/* ---- for people --------------------------------------------------------- */

/* What stands in the way, or what would be changed. */
static void
say_verdict(const struct quote *q, char *out, size_t n)
{
	const struct cap *cap = &q->request.caps[0];
	char text[200];

	switch (q->verdict) {
	case QUOTE_PASSES:
		snprintf(out, n, "passes");
		return;
	case QUOTE_CLAMPED:
		snprintf(out, n, "passes with max_tokens %lld",
		    (long long)q->max_tokens);
		return;
	case QUOTE_LIMITED:
		limiter_describe(&q->take, text, sizeof(text));
		snprintf(out, n, "refused: %s", text);
		return;
	case QUOTE_UNPRICED:
		snprintf(out, n,
		    "refused: no price is known and a budget applies (%s%s%s)",
		    scope_name(cap->kind), cap->id[0] != '\0' ? " " : "",
		    cap->id);
		return;
	case QUOTE_CAPPED:
		cap = &q->request.caps[q->answer.cap_index];
		snprintf(out, n, "refused: the budget of %s%s%s",
		    scope_name(cap->kind), cap->id[0] != '\0' ? " " : "",
		    cap->id);
		return;
	}
}

/* "7 of 60", "7", "-" */
static void
use_cell(struct table *t, int64_t used, int64_t limit, bool counted)
{
	if (limit >= 0)
		table_cell(t, "%lld of %lld", (long long)used,
		    (long long)limit);
	else if (counted)
		table_cell(t, "%lld", (long long)used);
	else
		table_cell(t, "-");
}

static void
print_candidate(struct table *t, const struct inquiry *q, size_t i)
{
	const struct candidate *c = &q->plan.candidates[i];
	const struct quote *quote = &q->quotes[i];
	const struct limit_demand *d = &quote->demand;
	char text[256];

	table_cell(t, "%zu", i + 1);
	table_cell(t, "%s", c->deployment->id);
	breaker_describe(&q->health[i], q->ctl->now_nsecs, text);
	table_cell(t, "%s", text);
	use_cell(t, d->use.calls, d->parallel, d->count_calls);
	use_cell(t, d->use.requests, d->requests, d->count_minute);
	use_cell(t, d->use.tokens, d->tokens, d->count_minute);
	if (c->price->known) {
		table_cell_usd(t, quote->worst_nanos);
		table_cell_usd(t, quote->expected_nanos);
	} else {
		table_cell(t, "-");
		table_cell(t, "-");
	}
	if (quote->answer.cap_index >= 0 && quote->request.cap_count > 0 &&
	    quote->verdict != QUOTE_LIMITED)
		table_cell_usd(t, quote->answer.cap_room_nanos);
	else
		table_cell(t, "-");
	say_verdict(quote, text, sizeof(text));
	table_cell(t, "%s", text);
}

static void
print_people(const struct inquiry *q, struct buf *out)
{
	static const char *const heads[] = { "", "deployment", "breaker",
		"calls", "requests/min", "tokens/min", "at worst $",
		"expected $", "room $", "a request now" };
	struct table *t;

	plan_format(&q->plan, out);
	printf("%s", buf_cstr(out));
	if (q->plan.count == 0)
		return;
	printf("\n");
	t = table_new("rllrrrrrrl");
	for (size_t i = 0; i < ARRAY_LEN(heads); i++)
		table_cell(t, "%s", heads[i]);
	for (size_t i = 0; i < q->plan.count; i++)
		print_candidate(t, q, i);
	table_print(t);
	table_free(&t);
	if (!q->is_file)
		printf("prices are those of a chat with an empty message; "
		       "give a REQUEST.json for a true one\n");
	if (q->ctl->store == NULL)
		printf("there is no store yet: limits and budgets were not "
		       "looked at\n");
}

/* ---- for programs ------------------------------------------------------- */

static void
member_limit(struct jsonw *w, const char *key, int64_t used, int64_t limit)
{
	jsonw_key(w, key);
	jsonw_open(w, '{');
	jsonw_key(w, "used");
	jsonw_int(w, used);
	jsonw_key(w, "limit");
	if (limit >= 0)
		jsonw_int(w, limit);
	else
		jsonw_null(w);
	jsonw_close(w, '}');
}

static void
member_usd(struct jsonw *w, const char *key, bool known, int64_t nanos)
{
	jsonw_key(w, key);
	if (known)
		jsonw_decimal(w, nanos, 9);
	else
		jsonw_null(w);
}

static void
member_tightest(struct jsonw *w, const struct quote *q)
{
	const struct hold_answer *a = &q->answer;
	const struct cap *cap;

	jsonw_key(w, "tightest_cap");
	if (q->request.cap_count == 0 || a->cap_index < 0 ||
	    q->verdict == QUOTE_LIMITED || q->verdict == QUOTE_UNPRICED) {
		jsonw_null(w);
		return;
	}
	cap = &q->request.caps[a->cap_index];
	jsonw_open(w, '{');
	jsonw_key(w, "scope");
	jsonw_cstr(w, scope_name(cap->kind));
	jsonw_key(w, "id");
	jsonw_cstr(w, cap->id[0] != '\0' ? cap->id : NULL);
	member_usd(w, "max_budget_usd", true, cap->cap_nanos);
	member_usd(w, "spent_usd", true, a->cap_spent_nanos);
	member_usd(w, "held_usd", true, a->cap_held_nanos);
	member_usd(w, "room_usd", true, a->cap_room_nanos);
	jsonw_close(w, '}');
}

static void
write_quote(struct jsonw *w, const struct inquiry *q, size_t i)
{
	const struct candidate *c = &q->plan.candidates[i];
	const struct quote *quote = &q->quotes[i];
	const struct limit_demand *d = &quote->demand;
	char text[256];

	jsonw_open(w, '{');
	jsonw_key(w, "deployment");
	jsonw_cstr(w, c->deployment->id);
	breaker_describe(&q->health[i], q->ctl->now_nsecs, text);
	jsonw_key(w, "breaker");
	jsonw_cstr(w, text);
	member_limit(w, "calls", d->use.calls, d->parallel);
	member_limit(w, "requests_per_minute", d->use.requests, d->requests);
	member_limit(w, "tokens_per_minute", d->use.tokens, d->tokens);
	member_usd(w, "worst_usd", c->price->known, quote->worst_nanos);
	member_usd(w, "expected_usd", c->price->known, quote->expected_nanos);
	jsonw_key(w, "prompt_tokens_bound");
	jsonw_int(w, quote->worst.prompt.prompt_tokens);
	jsonw_key(w, "prompt_tokens_guess");
	jsonw_int(w, q->request.prompt_guess_tokens);
	jsonw_key(w, "output_tokens_limit");
	jsonw_int(w, quote->worst.limit);
	jsonw_key(w, "verdict");
	jsonw_cstr(w, quote_verdict_name(quote->verdict));
	jsonw_key(w, "max_tokens");
	if (quote->verdict == QUOTE_CLAMPED)
		jsonw_int(w, quote->max_tokens);
	else
		jsonw_null(w);
	member_tightest(w, quote);
	say_verdict(quote, text, sizeof(text));
	jsonw_key(w, "text");
	jsonw_cstr(w, text);
	jsonw_close(w, '}');
}

static void
print_json(const struct inquiry *q, struct buf *out)
{
	struct jsonw w;

	jsonw_init(&w, out);
	jsonw_open(&w, '{');
	plan_write(&q->plan, &w);
	jsonw_key(&w, "key");
	jsonw_cstr(&w, q->account->key);
	jsonw_key(&w, "quotes");
	jsonw_open(&w, '[');
	for (size_t i = 0; i < q->plan.count; i++)
		write_quote(&w, q, i);
	jsonw_close(&w, ']');
	jsonw_close(&w, '}');
	printf("%s\n", buf_cstr(out));
}

/* ---- the command -------------------------------------------------------- */

static int
answer(struct inquiry *q, const char *what, const char *key)
{
	struct buf out;
	int rc = read_request(q, what);

	if (rc == CTL_OK)
		rc = find_account(q, key);
	if (rc == CTL_OK)
		rc = ask(q);
	if (rc != CTL_OK)
		return rc;
	buf_init(&out, MAX_OUT_BYTES);
	if (q->ctl->json)
		print_json(q, &out);
	else
		print_people(q, &out);
	buf_fini(&out);
	return CTL_OK;
}

int
cmd_explain(struct ctl *c, int argc, char **argv)
{
	struct store_options options = {
		.dir = c->store_dir,
		.read_only = true,
		.must_exist = true,
	};
	struct inquiry q = { .ctl = c };
	const char *what = NULL, *key = NULL;
	int rc;

	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--key") == 0 && i + 1 < argc)
			key = argv[++i];
		else if (what == NULL &&
			 (argv[i][0] != '-' || argv[i][1] == '\0'))
			what = argv[i];
		else
			return ctl_bad_argument(argv[i],
			    ctl_find_command(cmd_explain));
	}
	if (what == NULL) {
		ctl_complain("usage: tallyctl explain [--key K] "
			     "MODEL|REQUEST.json");
		return CTL_USAGE;
	}
	rc = ctl_open_catalog(c);
	if (rc != CTL_OK)
		return rc;
	(void)!store_open(&options, &c->store, NULL);
	arena_init(&q.arena, 4096);
	buf_init(&q.body, MAX_BODY_BYTES);
	rc = answer(&q, what, key);
	for (size_t i = 0; i < q.purse_count; i++)
		purse_unref(&q.purses[i]);
	account_unref(&q.account);
	accounts_free(&q.accounts);
	budgets_free(&q.budgets);
	buf_fini(&q.body);
	arena_fini(&q.arena);
	return rc;
}
