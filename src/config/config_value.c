/*
 * A value of the configuration → a field: one function for each type of the
 * schema (YAML 1.2 core rules, resolved by what the key wants, not by what
 * the text looks like). Stores into the target by the row's offset; every
 * refusal is a remark with file, line and key. A value whose key looks like a
 * secret's, or that came from the environment, is never repeated.
 */
#include "base/num.h"
#include "config/config_entry.h"
#include "config/config_loader.h"

#define SHOW_BYTES  64
#define MAX_PRICES  256
#define MAX_HEADERS 12 /* beside ours they must fit a request's array */

/* One value on its way into one field. */
struct put {
	struct loader *l;
	const struct config_key *row;
	const struct node *n;
	char *field; /* NULL: checked only */
	struct config_entry *entry;
};

/* What was written, for a message: quoted, cut, or withheld. */
static const char *
shown(const struct node *n, char out[SHOW_BYTES])
{
	int keep = n->text.n > 40 ? 40 : (int)n->text.n;
	const struct node *named = n;

	while (named->parent != NULL && named->parent->kind == NODE_LIST)
		named = named->parent;
	if (n->kind != NODE_SCALAR)
		snprintf(out, SHOW_BYTES, "%s", node_kind_text(n));
	else if (n->env != NULL)
		snprintf(out, SHOW_BYTES, "the value of %.40s", n->env);
	else if (config_name_is_secret(named->key) ||
		 str_starts(n->text, "sk-") || str_find(n->text, "@") >= 0)
		snprintf(out, SHOW_BYTES, "what is written");
	else
		snprintf(out, SHOW_BYTES, "\"%.*s%s\"", keep, n->text.p,
		    n->text.n > 40 ? "..." : "");
	for (char *c = out; *c != '\0'; c++) {
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	}
	return out;
}

static void
refuse(struct put *p, const char *what)
{
	char text[SHOW_BYTES];

	loader_remark(p->l, CONFIG_ERROR, p->n, "must be %s, not %s", what,
	    shown(p->n, text));
}

/* A scalar that may be read as a number: plain, from the environment, or in
   quotes where LiteLLM reads those too. */
static bool
is_number_text(struct put *p, const char *what)
{
	struct node number = *p->n;

	number.plain = true;
	number.first = NULL;
	if (node_scalar_type(&number) == SCALAR_TEXT) {
		refuse(p, what);
		return false;
	}
	if (p->n->plain)
		return true;
	if ((p->row->flags & KEY_QUOTED) == 0) {
		loader_remark(p->l, CONFIG_ERROR, p->n,
		    "must be %s: take the quotes away", what);
		return false;
	}
	loader_remark(p->l, CONFIG_WARN, p->n,
	    "a number in quotes is text in YAML; read as a number");
	return true;
}

static bool
in_range(struct put *p, int64_t v, int64_t unit, const char *unit_text)
{
	const struct config_key *row = p->row;

	if ((row->min == 0 && row->max == 0) ||
	    (v >= row->min && v <= row->max))
		return true;
	if (row->min % unit == 0)
		loader_remark(p->l, CONFIG_ERROR, p->n,
		    "must be between %lld and %lld%s",
		    (long long)(row->min / unit), (long long)(row->max / unit),
		    unit_text);
	else
		loader_remark(p->l, CONFIG_ERROR, p->n,
		    "must be between 0.%03lld and %lld%s", (long long)row->min,
		    (long long)(row->max / unit), unit_text);
	return false;
}

static void
set_int64(struct put *p, int64_t v)
{
	if (p->field != NULL)
		memcpy(p->field, &v, sizeof(v));
}

static void
set_text(struct put *p, struct str s)
{
	const char *kept;

	if (p->field == NULL)
		return;
	kept = loader_keep(p->l, s);
	memcpy(p->field, &kept, sizeof(kept));
}

static bool
is_choice(const char *choices, struct str s)
{
	struct str rest = str_of(choices);

	while (rest.n > 0) {
		if (str_eq(str_cut(&rest, '|'), s))
			return true;
	}
	return false;
}

/* ---- truth ------------------------------------------------------------- */

static int
read_bool(struct put *p, bool *v_r)
{
	static const char wanted[] = "true or false";
	struct str s = p->n->text;
	char text[SHOW_BYTES];
	bool yes, quoted;

	if (p->n->kind != NODE_SCALAR) {
		refuse(p, wanted);
		return -1;
	}
	yes = str_is_nocase(s, "true");
	if (!yes && !str_is_nocase(s, "false")) {
		if (node_is_old_bool(p->n))
			loader_remark(p->l, CONFIG_ERROR, p->n,
			    "%s is no boolean here: write true or false",
			    shown(p->n, text));
		else
			refuse(p, wanted);
		return -1;
	}
	quoted = node_scalar_type(p->n) != SCALAR_BOOL && p->n->env == NULL;
	if (quoted)
		loader_remark(p->l, CONFIG_WARN, p->n,
		    "text in YAML; read as the boolean %s",
		    yes ? "true" : "false");
	*v_r = yes;
	return 0;
}

static void
put_bool(struct put *p)
{
	bool v;

	if (read_bool(p, &v) == 0 && p->field != NULL)
		memcpy(p->field, &v, sizeof(v));
}

static void
put_tristate(struct put *p)
{
	bool v;
	int number;

	if (read_bool(p, &v) != 0 || p->field == NULL)
		return;
	number = v;
	memcpy(p->field, &number, sizeof(number));
}

/* ---- numbers ----------------------------------------------------------- */

static void
put_int(struct put *p)
{
	static const char wanted[] = "a whole number";
	int64_t v;

	if (!is_number_text(p, wanted))
		return;
	if (num_int64(p->n->text, &v) != 0)
		refuse(p, wanted);
	else if (p->row->choices != NULL &&
		 !is_choice(p->row->choices, p->n->text))
		loader_remark(p->l, CONFIG_ERROR, p->n, "must be one of %s",
		    p->row->choices);
	else if (in_range(p, v, 1, ""))
		set_int64(p, v);
}

static void
put_workers(struct put *p)
{
	if (p->n->kind == NODE_SCALAR && str_is(p->n->text, "auto"))
		set_int64(p, 0);
	else
		put_int(p);
}

static void
put_decimal(struct put *p, int scale, const char *wanted, const char *unit)
{
	int64_t v;
	bool inexact;

	if (!is_number_text(p, wanted))
		return;
	if (num_decimal(p->n->text, scale, &v, &inexact) != 0) {
		refuse(p, wanted);
		return;
	}
	if (v == 0 && (p->row->flags & KEY_ZERO_UNSET) != 0)
		return;
	if (in_range(p, v, scale == 3 ? 1000 : 1000000, unit))
		set_int64(p, v);
}

static void
put_seconds(struct put *p)
{
	put_decimal(p, 3, "a number of seconds", " seconds");
}

static void
put_weight(struct put *p)
{
	put_decimal(p, 6, "a number", "");
}

static void
put_duration(struct put *p)
{
	static const char wanted[] = "a duration such as 200ms, 30s or 5m";
	int64_t nsecs;

	if (p->n->kind != NODE_SCALAR ||
	    num_duration(p->n->text, "s", &nsecs) != 0)
		refuse(p, wanted);
	else if (in_range(p, nsecs / 1000000, 1000, " seconds"))
		set_int64(p, nsecs / 1000000);
}

static void
put_size(struct put *p)
{
	static const char wanted[] = "a size such as 64K, 256M or 1G";
	int64_t v;

	if (p->n->kind != NODE_SCALAR || num_size(p->n->text, &v) != 0)
		refuse(p, wanted);
	else if (in_range(p, v, 1, " bytes"))
		set_int64(p, v);
}

static void
put_money(struct put *p)
{
	static const char wanted[] = "an amount of USD such as 20 or 0.5";
	int64_t v;
	bool inexact;

	if (!is_number_text(p, wanted))
		return;
	if (num_decimal(p->n->text, 9, &v, &inexact) != 0 || v < 0)
		refuse(p, wanted);
	else if (inexact)
		loader_remark(p->l, CONFIG_ERROR, p->n,
		    "has digits below a nano-dollar");
	else
		set_text(p, p->n->text);
}

static void
put_period(struct put *p)
{
	static const char *const units[] = { "mo", "s", "m", "h", "d", "w" };
	struct str s = p->n->text;
	int64_t count;

	for (size_t i = 0; p->n->kind == NODE_SCALAR && i < ARRAY_LEN(units);
	     i++) {
		struct str digits = s;

		if (!str_ends(s, units[i]))
			continue;
		digits.n -= strlen(units[i]);
		if (num_int64(digits, &count) != 0 || count < 1 ||
		    count > 100000 || digits.p[0] == '+')
			break;
		set_text(p, s);
		return;
	}
	refuse(p, "a period such as 30s, 15m, 12h, 1d, 2w or 1mo");
}

static void
put_price(struct put *p)
{
	struct config_pairs *pairs = (void *)p->field;
	static const char wanted[] = "a price in USD such as 1.5e-07";
	struct config_pair pair;
	int64_t v;
	bool inexact;

	/* LiteLLM documents prices in quotes too ("3e-7" is text to it
	   anyway), so there is nothing to warn of. */
	if (p->n->kind != NODE_SCALAR ||
	    num_decimal(str_trim(p->n->text), 12, &v, &inexact) != 0 || v < 0) {
		refuse(p, wanted);
		return;
	}
	if (inexact)
		loader_remark(p->l, CONFIG_WARN, p->n,
		    "has digits below a pico-dollar; they are rounded");
	pair.key = loader_keep(p->l, p->n->key);
	pair.value = loader_keep(p->l, str_trim(p->n->text));
	pair.line = p->n->line;
	if (pairs->count >= MAX_PRICES)
		loader_remark(p->l, CONFIG_ERROR, p->n, "more than %d prices",
		    MAX_PRICES);
	else
		config_pairs_set(p->l, pairs, &pair);
}

/* ---- text -------------------------------------------------------------- */

static bool
has_controls(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
			return true;
	}
	return false;
}

static void
put_string(struct put *p)
{
	if (p->n->kind != NODE_SCALAR)
		refuse(p, "text");
	else if (has_controls(p->n->text))
		loader_remark(p->l, CONFIG_ERROR, p->n,
		    "must be one line without control characters");
	else
		set_text(p, p->n->text);
}

static void
put_secret(struct put *p)
{
	struct str s = p->n->text;

	if (p->n->kind != NODE_SCALAR) {
		refuse(p, "text");
		return;
	}
	if (str_trim(s).n != s.n) {
		loader_remark(p->l, CONFIG_WARN, p->n,
		    "blanks or line ends around it are cut off");
		s = str_trim(s);
	}
	if (has_controls(s))
		loader_remark(p->l, CONFIG_ERROR, p->n,
		    "must be one line without control characters");
	else
		set_text(p, s);
}

void
config_value_strings(struct loader *l, const struct node *n, bool one,
    struct config_strings *out)
{
	const struct node *first = n->first;
	size_t count = n->count;

	if (n->kind == NODE_SCALAR && one) {
		first = n;
		count = 1;
	} else if (!loader_is_list(l, n)) {
		return;
	}
	out->count = 0;
	out->items = arena_alloc(&l->c->arena, count * sizeof(*out->items) + 1);
	for (const struct node *c = first; c != NULL; c = c->next) {
		if (c->kind == NODE_NULL && c->env != NULL)
			loader_remark(l, CONFIG_WARN, c,
			    "%s is not set: left out of the list", c->env);
		else if (c->kind != NODE_SCALAR || has_controls(c->text))
			loader_remark(l, CONFIG_ERROR, c,
			    "must be text of one line, not %s",
			    node_kind_text(c));
		else
			out->items[out->count++] = loader_keep(l, c->text);
		if (c == n)
			break;
	}
}

static void
put_strings(struct put *p)
{
	struct config_strings unused;

	config_value_strings(p->l, p->n, (p->row->flags & KEY_ONE) != 0,
	    p->field == NULL ? &unused : (void *)p->field);
}

static bool
is_token(struct str s)
{
	static const char marks[] = "!#$%&'*+-.^_`|~";

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if ((c < 'a' || c > 'z') && (c < 'A' || c > 'Z') &&
		    (c < '0' || c > '9') && (c == '\0' || !strchr(marks, c)))
			return false;
	}
	return s.n > 0;
}

static void
put_header(struct put *p, const struct node *n)
{
	static const char *const framing[] = { "content-length",
		"transfer-encoding", "connection", "host", "upgrade" };
	struct config_pairs *pairs = (void *)p->field;
	struct config_pair pair;

	if (n->kind == NODE_NULL) {
		if (n->env != NULL)
			loader_remark(p->l, CONFIG_WARN, n,
			    "%s is not set: the header is not sent", n->env);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(framing); i++) {
		if (str_is_nocase(n->key, framing[i])) {
			loader_remark(p->l, CONFIG_ERROR, n,
			    "this header belongs to the connection and cannot "
			    "be set");
			return;
		}
	}
	if (pairs->count >= MAX_HEADERS)
		loader_remark(p->l, CONFIG_ERROR, n, "more than %d headers",
		    MAX_HEADERS);
	else if (!is_token(n->key))
		loader_remark(p->l, CONFIG_ERROR, n, "is no header name");
	else if (n->kind != NODE_SCALAR)
		loader_remark(p->l, CONFIG_ERROR, n, "must be text, not %s",
		    node_kind_text(n));
	else if (has_controls(n->text))
		loader_remark(p->l, CONFIG_ERROR, n,
		    "must be one line without control characters");
	else {
		pair.key = loader_keep(p->l, n->key);
		pair.value = loader_keep(p->l, n->text);
		pair.line = n->line;
		config_pairs_set(p->l, pairs, &pair);
	}
}

static void
put_headers(struct put *p)
{
	if (!loader_is_map(p->l, p->n))
		return;
	for (const struct node *n = p->n->first; n != NULL; n = n->next)
		put_header(p, n);
}

/* ---- choices ----------------------------------------------------------- */

static bool
check_choice(struct put *p)
{
	char text[SHOW_BYTES];

	if (p->n->kind == NODE_SCALAR && is_choice(p->row->choices, p->n->text))
		return true;
	loader_remark(p->l, CONFIG_ERROR, p->n, "must be one of %s, not %s",
	    p->row->choices, shown(p->n, text));
	return false;
}

static void
put_choice(struct put *p)
{
	if (check_choice(p))
		set_text(p, p->n->text);
}

static void
put_switch(struct put *p)
{
	struct str first = str_of(p->row->choices);
	bool v;

	if (!check_choice(p))
		return;
	v = !str_eq(str_cut(&first, '|'), p->n->text);
	memcpy(p->field, &v, sizeof(v));
}

static void
put_strategy(struct put *p)
{
	static const struct {
		const char *name;
		enum config_strategy strategy;
	} rows[] = {
		{ "simple-shuffle", STRATEGY_SIMPLE_SHUFFLE },
		{ "least-busy", STRATEGY_LEAST_BUSY },
		{ "latency-based-routing", STRATEGY_LATENCY },
		{ "usage-based-routing", STRATEGY_USAGE },
		{ "usage-based-routing-v2", STRATEGY_USAGE },
		{ "cost-based-routing", STRATEGY_COST },
		{ "provider-budget-routing", STRATEGY_SIMPLE_SHUFFLE },
	};

	if (!check_choice(p))
		return;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (str_is(p->n->text, rows[i].name))
			memcpy(p->field, &rows[i].strategy,
			    sizeof(rows[i].strategy));
	}
}

/* ---- JSON -------------------------------------------------------------- */

static void
put_json(struct put *p)
{
	const char *json;

	if (!loader_is_map(p->l, p->n))
		return;
	json = config_json_keep(p->l, p->n);
	memcpy(p->field, &json, sizeof(json));
}

static void
put_mock(struct put *p)
{
	struct config_deployment *d = &p->entry->d;

	if (p->n->kind == NODE_SCALAR) {
		d->mock_response = loader_keep(p->l, p->n->text);
		d->mock_is_json = false;
	} else if (p->n->kind == NODE_MAP) {
		d->mock_response = config_json_keep(p->l, p->n);
		d->mock_is_json = true;
	} else {
		refuse(p, "text or a map");
	}
}

static void
put_body(struct put *p)
{
	config_json_body(p->l, p->n, p->entry);
}

/* A number for the body: the text as a plain scalar, so that quotes or the
   environment do not make it a JSON string. */
static void
put_body_number(struct put *p)
{
	const char *wanted =
	    p->row->type == TYPE_BODY_INT ? "a whole number" : "a number";
	struct node number = *p->n;
	enum scalar_type type;

	number.plain = true;
	number.env = NULL;
	number.first = NULL;
	type = node_scalar_type(&number);
	if (type != SCALAR_INT &&
	    (type != SCALAR_FLOAT || p->row->type == TYPE_BODY_INT)) {
		refuse(p, wanted);
		return;
	}
	if (!p->n->plain)
		loader_remark(p->l, CONFIG_WARN, p->n,
		    "a number in quotes is text in YAML; read as a number");
	config_json_body(p->l, &number, p->entry);
}

/* ---- lists of the router ------------------------------------------------ */

static void
put_fallbacks(struct put *p)
{
	config_router_fallbacks(p->l, p->n, (void *)p->field);
}

static void
put_default_fallbacks(struct put *p)
{
	p->l->default_fallbacks = p->n;
}

static void
put_aliases(struct put *p)
{
	config_router_aliases(p->l, p->n);
}

/* Maps and lists have rows of their own: only their kind is looked at. */
static void
put_map(struct put *p)
{
	loader_is_map(p->l, p->n);
}

static void
put_list(struct put *p)
{
	loader_is_list(p->l, p->n);
}

static void
put_any(struct put *p)
{
	(void)p;
}

void
config_value_store(struct loader *l, const struct config_key *row,
    const struct node *n, void *target, struct config_entry *entry)
{
	static void (*const functions[])(struct put *) = {
		[TYPE_ANY] = put_any,
		[TYPE_MAP] = put_map,
		[TYPE_LIST] = put_list,
		[TYPE_BOOL] = put_bool,
		[TYPE_TRISTATE] = put_tristate,
		[TYPE_INT] = put_int,
		[TYPE_WORKERS] = put_workers,
		[TYPE_SECONDS] = put_seconds,
		[TYPE_DURATION] = put_duration,
		[TYPE_SIZE] = put_size,
		[TYPE_WEIGHT] = put_weight,
		[TYPE_STRING] = put_string,
		[TYPE_SECRET] = put_secret,
		[TYPE_STRINGS] = put_strings,
		[TYPE_MONEY] = put_money,
		[TYPE_PERIOD] = put_period,
		[TYPE_PRICE] = put_price,
		[TYPE_HEADERS] = put_headers,
		[TYPE_SWITCH] = put_switch,
		[TYPE_CHOICE] = put_choice,
		[TYPE_STRATEGY] = put_strategy,
		[TYPE_JSON] = put_json,
		[TYPE_MOCK] = put_mock,
		[TYPE_BODY] = put_body,
		[TYPE_BODY_INT] = put_body_number,
		[TYPE_BODY_NUMBER] = put_body_number,
		[TYPE_FALLBACKS] = put_fallbacks,
		[TYPE_DEFAULT_FALLBACKS] = put_default_fallbacks,
		[TYPE_ALIASES] = put_aliases,
	};
	struct put p = { l, row, n, NULL, entry };

	if (n->kind == NODE_NULL || (n->env != NULL && n->text.n == 0)) {
		/* A cap must not be lost by a variable that was forgotten. */
		if (n->env != NULL && row->type == TYPE_MONEY &&
		    !l->report->without_keys)
			loader_remark(l, CONFIG_ERROR, n,
			    "%s is %s: an amount of money is not left out",
			    n->env, n->kind == NODE_NULL ? "not set" : "empty");
		else if (n->env != NULL && (row->flags & KEY_ENV_QUIET) == 0)
			loader_remark(l, CONFIG_WARN, n,
			    "%s is %s: read as not given", n->env,
			    n->kind == NODE_NULL ? "not set" : "empty");
		return;
	}
	if (row->offset != CONFIG_NOWHERE)
		p.field = (char *)target + row->offset;
	functions[row->type](&p);
}
