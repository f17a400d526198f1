/*
 * Checking what an operator sends, field by field, and the exact reading of
 * money. See entity.h.
 */
#include "domain/accounts/entity.h"

#include "base/clock.h"
#include "base/num.h"
#include "domain/ledger/money.h"
#include "domain/ledger/window.h"

#define USD_DECIMALS 9

int
entity_money(const json_t *value, int64_t *nanos_r)
{
	char text[NUM_TEXT_BYTES];
	bool inexact = false;
	struct str s;

	if (value == NULL || json_is_null(value))
		return 0;
	if (json_is_string(value)) {
		s = str_of(json_string_value(value));
	} else if (json_is_integer(value)) {
		snprintf(text, sizeof(text), "%lld",
		    (long long)json_integer_value(value));
		s = str_of(text);
	} else if (json_is_real(value)) {
		/* Fifteen digits are what a double keeps of a decimal. */
		snprintf(text, sizeof(text), "%.15g", json_real_value(value));
		s = str_of(text);
	} else {
		return -1;
	}
	if (num_decimal(s, USD_DECIMALS, nanos_r, &inexact) != 0 || inexact ||
	    *nanos_r > MONEY_MAX || *nanos_r < -MONEY_MAX)
		return -1;
	return 1;
}

json_t *
entity_usd(int64_t nanos)
{
	char text[NUM_TEXT_BYTES];

	if (nanos % NANOS_PER_USD == 0)
		return json_integer(nanos / NANOS_PER_USD);
	num_format(nanos, USD_DECIMALS, text);
	return json_real(strtod(text, NULL));
}

/* ---- one value ---------------------------------------------------------- */

static struct str
text_of(const json_t *v)
{
	return str_make(json_string_value(v), json_string_length(v));
}

/* Texts are kept as such: what stands behind a NUL would be lost. */
static bool
is_text(const json_t *v, size_t most)
{
	struct str s = text_of(v);

	return json_is_string(v) && s.n <= most &&
	       memchr(s.p, '\0', s.n) == NULL;
}

static bool
is_window(const json_t *v)
{
	struct window_rule rule;

	return json_is_string(v) &&
	       window_parse(text_of(v), NULL, &rule, NULL) == 0;
}

static bool
is_amount(const json_t *v)
{
	int64_t nanos;

	return entity_money(v, &nanos) == 1 && nanos >= 0;
}

static bool
is_count(const json_t *v)
{
	return json_is_integer(v) && json_integer_value(v) >= 0;
}

static bool
is_names(const json_t *v)
{
	if (!json_is_array(v) || json_array_size(v) > ENTITY_MAX_NAMES)
		return false;
	for (size_t i = 0; i < json_array_size(v); i++) {
		if (!is_text(json_array_get(v, i), ENTITY_ID_BYTES))
			return false;
	}
	return true;
}

/* A list of {budget_duration, max_budget}. */
static bool
is_windows(const json_t *v)
{
	if (!json_is_array(v) || json_array_size(v) > ENTITY_MAX_WINDOWS)
		return false;
	for (size_t i = 0; i < json_array_size(v); i++) {
		const json_t *w = json_array_get(v, i);

		if (!is_window(json_object_get(w, "budget_duration")) ||
		    !is_amount(json_object_get(w, "max_budget")))
			return false;
	}
	return true;
}

/* One model's cap: an amount, {budget_limit, time_period} or {max_budget,
   budget_duration}. */
static bool
is_model_amount(const json_t *v)
{
	const json_t *amount, *period;

	if (!json_is_object(v))
		return is_amount(v);
	amount = json_object_get(v, "budget_limit");
	if (amount == NULL)
		amount = json_object_get(v, "max_budget");
	period = json_object_get(v, "time_period");
	if (period == NULL)
		period = json_object_get(v, "budget_duration");
	return is_amount(amount) &&
	       (period == NULL || json_is_null(period) || is_window(period));
}

static bool
is_map(const json_t *v, bool (*is_value)(const json_t *))
{
	const char *name;
	json_t *value;

	if (!json_is_object(v) || json_object_size(v) > ENTITY_MAX_MODELS)
		return false;
	json_object_foreach(jsonx_iterable(v), name, value) {
		if (!is_value(value) || strlen(name) > ENTITY_ID_BYTES)
			return false;
	}
	return true;
}

static bool
is_name(const json_t *v)
{
	return is_text(v, ENTITY_ID_BYTES) && json_string_length(v) > 0;
}

static bool
is_age(const json_t *v)
{
	int64_t nsecs;

	return json_is_string(v) &&
	       num_duration(text_of(v), NULL, &nsecs) == 0 && nsecs >= 0;
}

static bool
is_time(const json_t *v)
{
	int64_t nsecs;

	/* No ages ("2h"): a row is read at another time. */
	return json_is_string(v) && str_find(text_of(v), "-") == 4 &&
	       clock_parse(text_of(v), 0, &nsecs) == 0;
}

static bool
is_policy(const json_t *v)
{
	struct str s;

	if (!json_is_string(v))
		return false;
	s = text_of(v);
	return str_is(s, "clamp") || str_is(s, "refuse") ||
	       (str_starts(s, "downgrade:") && s.n > strlen("downgrade:"));
}

static bool
is_role(const json_t *v)
{
	static const char *const roles[] = { "proxy_admin",
		"proxy_admin_viewer", "internal_user", "internal_user_viewer",
		"team", "customer" };

	for (size_t i = 0; json_is_string(v) && i < ARRAY_LEN(roles); i++) {
		if (str_is(text_of(v), roles[i]))
			return true;
	}
	return false;
}

static bool
is_members(const json_t *v)
{
	if (!json_is_array(v) || json_array_size(v) > ENTITY_MAX_NAMES)
		return false;
	for (size_t i = 0; i < json_array_size(v); i++) {
		const json_t *m = json_array_get(v, i);
		const json_t *role = json_object_get(m, "role");

		if (!is_name(json_object_get(m, "user_id")) ||
		    (role != NULL && !str_is(text_of(role), "admin") &&
			!str_is(text_of(role), "user")) ||
		    entity_check(ENTITY_MEMBER, m, NULL, NULL) != 0)
			return false;
	}
	return true;
}

static bool
is_of_type(enum field_type type, const json_t *v)
{
	switch (type) {
	case FIELD_TEXT:
		return is_text(v, 4 * ENTITY_ID_BYTES);
	case FIELD_MONEY:
		return is_amount(v);
	case FIELD_COUNT:
		return is_count(v);
	case FIELD_BOOL:
		return json_is_boolean(v);
	case FIELD_NAMES:
		return is_names(v);
	case FIELD_OBJECT:
		return json_is_object(v);
	case FIELD_WINDOW:
		return is_window(v);
	case FIELD_AGE:
		return is_age(v);
	case FIELD_TIME:
		return is_time(v);
	case FIELD_WINDOWS:
		return is_windows(v);
	case FIELD_MODEL_MONEY:
		return is_map(v, is_model_amount);
	case FIELD_MODEL_COUNT:
		return is_map(v, is_count);
	case FIELD_ALIASES:
		return is_map(v, is_name);
	case FIELD_POLICY:
		return is_policy(v);
	case FIELD_ROLE:
		return is_role(v);
	case FIELD_MEMBERS:
		return is_members(v);
	case FIELD_ANY:
	case FIELD_TYPE_COUNT:
		break;
	}
	return true;
}

/* ---- a body ------------------------------------------------------------- */

int
entity_check(enum entity_kind kind, const json_t *body, const char **param_r,
    struct err *err)
{
	const char *name;
	json_t *value;

	json_object_foreach(jsonx_iterable(body), name, value) {
		const struct entity_field *f = entity_field(kind, str_of(name));

		if (f == NULL || json_is_null(value) ||
		    is_of_type(f->type, value))
			continue;
		if (param_r != NULL)
			*param_r = name;
		return err_set(err, ERR_BAD_FIELD, "%s takes %s", name,
		    field_type_text(f->type));
	}
	return 0;
}

/* null, false, "", [] and {} ask for nothing. */
static bool
asks_for_nothing(const json_t *v)
{
	return json_is_null(v) || json_is_false(v) ||
	       (json_is_string(v) && json_string_length(v) == 0) ||
	       (json_is_array(v) && json_array_size(v) == 0) ||
	       (json_is_object(v) && json_object_size(v) == 0);
}

/* "name:type name:type" has the name. */
static bool
is_among(const char *name, const char *more)
{
	struct str rest = str_of(more);

	while (rest.n > 0) {
		struct str pair = str_cut(&rest, ' ');

		if (str_is(str_cut(&pair, ':'), name))
			return true;
	}
	return false;
}

json_t *
entity_warnings(enum entity_kind kind, const json_t *body, const char *more)
{
	json_t *list = NULL, *value;
	const char *name;

	json_object_foreach(jsonx_iterable(body), name, value) {
		const struct entity_field *f = entity_field(kind, str_of(name));
		char text[400];

		if (asks_for_nothing(value) || is_among(name, more) ||
		    (f != NULL && f->effect == FIELD_USED))
			continue;
		if (f == NULL)
			snprintf(text, sizeof(text),
			    "%.200s is not known here: it is kept", name);
		else if (f->effect == FIELD_GIVEN)
			snprintf(text, sizeof(text),
			    "%s is not taken from a request", name);
		else
			snprintf(text, sizeof(text),
			    "%s is kept and has no effect here%s%s", name,
			    f->help[0] != '\0' ? ": " : "", f->help);
		if (list == NULL)
			list = json_array();
		json_array_append_new(list, json_string(text));
	}
	return list;
}

int
entity_check_id(enum entity_kind kind, struct str id, struct err *err)
{
	bool ok = id.n > 0 && id.n <= ENTITY_ID_BYTES && str_utf8_ok(id);

	for (size_t i = 0; ok && i < id.n; i++)
		ok = (unsigned char)id.p[i] >= ' ' && id.p[i] != 127;
	return ok ? 0
		  : err_set(err, ERR_BAD_FIELD,
			"%s takes 1 to %d bytes without control characters",
			entity_id_name(kind), ENTITY_ID_BYTES);
}
