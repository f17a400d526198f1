/* Typed reading over jansson. See jsonx.h. */
#include "base/jsonx.h"

json_t *
jsonx_parse(struct str text, struct err *err)
{
	json_error_t je;
	json_t *json;

	json = json_loadb(text.p, text.n,
	    JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY, &je);
	if (json == NULL)
		err_set(err, ERR_BAD_JSON, "line %d, column %d: %s", je.line,
		    je.column, je.text);
	return json;
}

int
jsonx_int(const json_t *obj, const char *key, int64_t *v_r)
{
	const json_t *v = json_object_get(obj, key);

	if (v == NULL || json_is_null(v))
		return 0;
	if (json_is_real(v)) {
		/* Some providers count tokens in floats (OpenRouter). */
		double d = json_real_value(v);

		if (d < -9e15 || d > 9e15)
			return -1;
		*v_r = (int64_t)d;
		return 1;
	}
	if (!json_is_integer(v))
		return -1;
	*v_r = json_integer_value(v);
	return 1;
}

int
jsonx_bool(const json_t *obj, const char *key, bool *v_r)
{
	const json_t *v = json_object_get(obj, key);

	if (v == NULL || json_is_null(v))
		return 0;
	if (!json_is_boolean(v))
		return -1;
	*v_r = json_is_true(v);
	return 1;
}

struct str
jsonx_str(const json_t *obj, const char *key)
{
	const json_t *v = json_object_get(obj, key);

	if (!json_is_string(v))
		return str_make("", 0);
	return str_make(json_string_value(v), json_string_length(v));
}

json_t *
jsonx_path(const json_t *obj, const char *path)
{
	struct str rest = str_of(path);
	json_t *at = NULL;

	while (rest.n > 0) {
		struct str part = str_cut(&rest, '.');

		at = json_object_getn(at == NULL ? obj : at, part.p, part.n);
		if (at == NULL)
			return NULL;
	}
	return at;
}

json_t *
jsonx_iterable(const json_t *json)
{
	json_t *same;

	memcpy(&same, &json, sizeof(same));
	return same;
}

char *
jsonx_dump(const json_t *json)
{
	return json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
}
