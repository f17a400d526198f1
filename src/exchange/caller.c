/* Who asks, and whether he may. See caller.h. */
#include "exchange/caller.h"

#include "domain/accounts/access.h"
#include "exchange/question.h"
#include "wire/responses/response_id.h"

static struct str
header_of(const void *call, const char *name)
{
	return http_header(call, name);
}

int
caller_identify(struct exchange *x, struct err *err)
{
	const char *own = x->env->config->key_header;
	struct account *account;

	if (x->question != NULL) {
		account_unref(&x->account);
		x->account = account_special(x->question->caller);
		return 0;
	}
	if (accounts_authenticate(x->env->accounts,
		account_presented(header_of, x->call, own),
		x->started_wall_nsecs, &account, err) != 0) {
		/* Why a key is not known is not said. */
		if (err->code != ERR_BLOCKED_KEY)
			err->text[0] = '\0';
		return -1;
	}
	account_unref(&x->account);
	x->account = account;
	return access_route(account, http_path(x->call), true, false, err);
}

/* ---- models ------------------------------------------------------------- */

/* The groups that a client's own list of fallbacks names. */
static int
check_fallbacks(const struct exchange *x, const struct wire_names *names,
    struct err *err)
{
	for (size_t i = 0; i < names->count; i++) {
		if (access_model(x->account, x->env->catalog, names->items[i],
			err) != 0)
			return -1;
	}
	return 0;
}

static int
check_models(struct exchange *x, const char **param_r, struct err *err)
{
	struct wire_request *r = &x->request;

	r->model = access_alias(x->account, r->model);
	*param_r = "model";
	if (access_model(x->account, x->env->catalog, r->model, err) != 0)
		return -1;
	*param_r = "fallbacks";
	if (check_fallbacks(x, &r->fallbacks, err) != 0 ||
	    check_fallbacks(x, &r->context_fallbacks, err) != 0)
		return -1;
	return check_fallbacks(x, &r->policy_fallbacks, err);
}

/* ---- responses that are kept -------------------------------------------- */

/* A response belongs to the key it was made for; the administrator may read
   all. Who else asks is told what is told of one that never was. */
static int
check_response(const struct exchange *x, struct err *err)
{
	const struct wire_request *r = &x->request;
	struct response_name name = { r->previous_response, r->state_tag,
		r->response_owner };

	if (r->previous_response.n == 0 || x->account->is_admin ||
	    response_id_is_of(&name, x->seal))
		return 0;
	return err_set(err, ERR_NO_RESPONSE, "this key has no response '%.*s'",
	    name.own.n > 100 ? 100 : (int)name.own.n, name.own.p);
}

static int
open_responses(struct exchange *x, const char **param_r, struct err *err)
{
	unsigned char seal[SHA256_BYTES];

	if (x->api != WIRE_RESPONSES && x->api != WIRE_RESPONSE)
		return 0;
	if (!x->account->is_unlimited) {
		if (accounts_seal(x->env->accounts, x->account, seal, err) != 0)
			return -1;
		x->seal = arena_str(&x->arena,
		    str_make((const char *)seal, sizeof(seal)));
	}
	*param_r = x->api == WIRE_RESPONSES ? "previous_response_id" : NULL;
	return check_response(x, err);
}

/* ---- what the operator wants of a request ------------------------------- */

/* A header names the end user before the body does. The first two are LiteLLM's
   (notes on it, section 4.4). */
static void
name_end_user(struct exchange *x)
{
	static const char *const usual[] = { "x-litellm-customer-id",
		"x-litellm-end-user-id" };
	const struct config *c = x->env->config;
	size_t own = c->user_headers.count, n = ARRAY_LEN(usual) + own + 1;

	for (size_t i = 0; x->call != NULL && i < n; i++) {
		const char *name =
		    i < ARRAY_LEN(usual) ? usual[i]
		    : i < n - 1 ? c->user_headers.items[i - ARRAY_LEN(usual)]
				: c->user_header;
		struct str v = name[0] != '\0'
				   ? str_trim(http_header(x->call, name))
				   : str_make("", 0);

		if (v.n == 0)
			continue;
		x->request.user = arena_str(&x->arena, v);
		return;
	}
}

static int
check_wanted(struct exchange *x, const char **param_r, struct err *err)
{
	const struct config *c = x->env->config;

	name_end_user(x);
	if (x->question != NULL || x->api == WIRE_RESPONSE)
		return 0;
	*param_r = "user";
	if (c->enforce_user && x->request.user.n == 0)
		return err_set(err, ERR_BAD_REQUEST,
		    "'user' param not passed in: "
		    "general_settings.enforce_user_param wants an end user");
	*param_r = "metadata";
	if (c->reject_tags && x->request.tag_count > 0)
		return err_set(err, ERR_BAD_REQUEST,
		    "tags are not allowed in a request "
		    "(general_settings.reject_clientside_metadata_tags); they "
		    "come from the key and its team");
	return 0;
}

/* ---- end user and tags -------------------------------------------------- */

/* The tags of key and team count like the request's own. */
static void
add_tags(struct exchange *x)
{
	struct wire_request *r = &x->request;

	for (size_t i = 0; i < x->account->tag_count; i++) {
		if (r->tag_count < WIRE_MAX_TAGS)
			r->tags[r->tag_count++] = x->account->tags[i];
	}
}

static int
open_purse(struct exchange *x, enum scope_kind kind, struct str id,
    struct err *err)
{
	struct purse **p = &x->purses[x->purse_count];
	int rc = accounts_purse(x->env->accounts, kind, id,
	    x->started_wall_nsecs, p, err);

	if (rc < 0)
		return -1;
	x->purse_count += (size_t)rc;
	if (rc == 1 && (*p)->allowance.blocked)
		return err_set(err, ERR_FORBIDDEN,
		    "User blocked from making LLM API Calls. User=" STR_FMT,
		    STR_ARG(id));
	return 0;
}

/* A tag that came before: it counts once. */
static bool
is_repeated(const struct wire_request *r, size_t i)
{
	for (size_t k = 0; k < i; k++) {
		if (str_eq(r->tags[k], r->tags[i]))
			return true;
	}
	return false;
}

/* What the rows of the end user and of the tags allow. */
static int
open_purses(struct exchange *x, const char **param_r, struct err *err)
{
	*param_r = "user";
	if (open_purse(x, SCOPE_END_USER, x->request.user, err) != 0)
		return -1;
	*param_r = NULL;
	for (size_t i = 0; i < x->request.tag_count; i++) {
		if (!is_repeated(&x->request, i) &&
		    open_purse(x, SCOPE_TAG, x->request.tags[i], err) != 0)
			return -1;
	}
	return 0;
}

int
caller_check(struct exchange *x, const char **param_r, struct err *err)
{
	if (check_wanted(x, param_r, err) != 0 ||
	    check_models(x, param_r, err) != 0 ||
	    open_responses(x, param_r, err) != 0)
		return -1;
	add_tags(x);
	return open_purses(x, param_r, err);
}
