/*
 * What the files of the loader share: remarks, and the rows of the schema
 * applied to nodes. See config_loader.h. Knows where an unknown key goes (a
 * warning; in litellm_params to the provider as well), not what the keys mean.
 */
#include "config/config_loader.h"

#include "config/config_entry.h"

#include <stdarg.h>

/* ---- shared ------------------------------------------------------------ */

void
loader_remark(struct loader *l, enum config_severity severity,
    const struct node *at, const char *fmt, ...)
{
	char path[TREE_PATH_BYTES] = "", text[1024];
	struct config_remark m = { severity, "", 0, path, text };
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (at != NULL) {
		m.file = at->file;
		m.line = at->line;
		node_path(at, path);
	}
	config_report_add(l->report, &m);
	if (severity != CONFIG_ERROR || l->failed)
		return;
	l->failed = true;
	if (at == NULL)
		err_set(l->err, ERR_CONFIG, "%s", text);
	else
		err_set(l->err, ERR_CONFIG, "%s:%d: %s%s%s", m.file, m.line,
		    path, *path == '\0' ? "" : ": ", text);
}

const char *
loader_keep(struct loader *l, struct str s)
{
	return s.n == 0 ? "" : arena_strndup(&l->c->arena, s.p, s.n);
}

bool
loader_is_map(struct loader *l, const struct node *n)
{
	if (n->kind != NODE_MAP && n->kind != NODE_NULL)
		loader_remark(l, CONFIG_ERROR, n,
		    "must be a map (key: value), not %s", node_kind_text(n));
	return n->kind == NODE_MAP;
}

bool
loader_is_list(struct loader *l, const struct node *n)
{
	if (n->kind != NODE_LIST && n->kind != NODE_NULL)
		loader_remark(l, CONFIG_ERROR, n,
		    "must be a list (- item), not %s", node_kind_text(n));
	return n->kind == NODE_LIST;
}

void *
loader_grow(struct arena *a, const void *items, size_t *size, size_t item_bytes)
{
	size_t more = *size == 0 ? 16 : *size * 2;
	void *grown = arena_alloc(a, more * item_bytes);

	if (*size > 0)
		memcpy(grown, items, *size * item_bytes);
	*size = more;
	return grown;
}

void
config_pairs_set(struct loader *l, struct config_pairs *pairs,
    const struct config_pair *pair)
{
	struct config_pair *items = pairs->items;
	size_t n = pairs->count;

	for (size_t i = 0; i < n; i++) {
		if (strcmp(items[i].key, pair->key) == 0) {
			items[i] = *pair;
			return;
		}
	}
	/* Full at each power of two. */
	if ((n & (n - 1)) == 0) {
		items = arena_alloc(&l->c->arena,
		    (n == 0 ? 1 : 2 * n) * sizeof(*items));
		if (n > 0)
			memcpy(items, pairs->items, n * sizeof(*items));
		pairs->items = items;
	}
	items[n] = *pair;
	pairs->count = n + 1;
}

/* ---- rows of the schema ------------------------------------------------ */

static void
default_of(struct loader *l, const struct config_key *row, void *target)
{
	struct node n = { .kind = NODE_SCALAR, .plain = true, .file = "" };
	char *field = (char *)target + row->offset;
	const int64_t unset = CONFIG_UNSET;
	const int tristate = CONFIG_UNSET;

	if (row->fallback != NULL && row->type == TYPE_JSON) {
		memcpy(field, &row->fallback, sizeof(row->fallback));
		return;
	}
	if (row->fallback != NULL) {
		n.text = str_of(row->fallback);
		/* Not through the checks: "" is no amount, yet it is the
		   unset amount. */
		if (n.text.n == 0)
			memcpy(field, &row->fallback, sizeof(row->fallback));
		else
			config_value_store(l, row, &n, target, NULL);
		return;
	}
	switch (row->type) {
	case TYPE_INT:
	case TYPE_SECONDS:
	case TYPE_WEIGHT:
		memcpy(field, &unset, sizeof(unset));
		return;
	case TYPE_TRISTATE:
		memcpy(field, &tristate, sizeof(tristate));
		return;
	default:
		return; /* lists and pairs begin empty */
	}
}

void
loader_defaults(struct loader *l, const char *section, void *target)
{
	size_t n = strlen(section);

	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *row = &config_keys[i];

		if (row->offset != CONFIG_NOWHERE &&
		    strncmp(row->path, section, n) == 0 &&
		    row->path[n] == '.' && strstr(row->path + n, "[]") == NULL)
			default_of(l, row, target);
	}
}

/* Stops looking when nobody will read it any more. */
static const char *
near_key(const struct loader *l, const char *section, const struct node *n)
{
	return l->report->count > CONFIG_MAX_REMARKS
		   ? NULL
		   : config_key_near(section, n->key);
}

void
loader_unknown_key(struct loader *l, const char *section, const struct node *n)
{
	const char *near = near_key(l, section, n);
	const struct config_key *elsewhere;

	if (near != NULL) {
		loader_remark(l, CONFIG_WARN, n,
		    "unknown key, without effect; did you mean \"%s\"?", near);
		return;
	}
	elsewhere = config_key_elsewhere(section, n->key);
	if (elsewhere != NULL)
		loader_remark(l, CONFIG_WARN, n,
		    "unknown key here, without effect; it is read as %s",
		    elsewhere->path);
	else
		loader_remark(l, CONFIG_WARN, n, "unknown key, without effect");
}

static bool
looks_like_price(struct str key)
{
	return str_find(key, "_cost") >= 0 || str_find(key, "cost_per") >= 0;
}

/* Narrower than config_name_is_secret(): stop_token_ids is none. A mistyped
   api_key must not go out as a parameter. */
static bool
looks_like_secret(struct str key)
{
	return str_ends(key, "key") || str_ends(key, "_token") ||
	       str_find_nocase(key, "secret") >= 0 ||
	       str_find_nocase(key, "passw") >= 0 ||
	       str_find_nocase(key, "credential") >= 0;
}

/* litellm_params: to the provider, as LiteLLM does, but for secrets. */
static void
unknown_param(struct loader *l, const char *section, const struct node *n,
    struct config_entry *entry)
{
	const char *near = near_key(l, section, n);
	bool price = looks_like_price(n->key), secret;

	secret = looks_like_secret(n->key) ||
		 (near != NULL && looks_like_secret(str_of(near)));
	if (price || secret) {
		loader_remark(l, CONFIG_WARN, n,
		    "unknown %s, without effect%s%s%s", price ? "price" : "key",
		    near == NULL ? "" : "; did you mean \"",
		    near == NULL ? "" : near, near == NULL ? "" : "\"?");
		return;
	}
	loader_remark(l, CONFIG_WARN, n,
	    "unknown parameter, sent to the provider in the body%s%s%s",
	    near == NULL ? "" : "; did you mean \"", near == NULL ? "" : near,
	    near == NULL ? "" : "\"?");
	config_json_body(l, n, entry);
}

/* model_info: kept. */
static void
unknown_info(struct loader *l, const char *section, const struct node *n)
{
	const char *near = near_key(l, section, n);

	if (looks_like_price(n->key))
		loader_remark(l, CONFIG_WARN, n,
		    "unknown price, without effect%s%s%s",
		    near == NULL ? "" : "; did you mean \"",
		    near == NULL ? "" : near, near == NULL ? "" : "\"?");
	else if (near != NULL)
		loader_remark(l, CONFIG_WARN, n,
		    "unknown key, only given back by /model/info; did you "
		    "mean \"%s\"?",
		    near);
	else if (!str_starts(n->key, "supports_"))
		loader_remark(l, CONFIG_NOTE, n,
		    "kept and given back by /model/info");
}

/*
 * Price names with a suffix: input_cost_per_token_above_200k_tokens,
 * output_cost_per_token_batches and the other service tiers. The row of the
 * name without it, or NULL.
 */
static const struct config_key *
price_row(const char *section, struct str key)
{
	static const char *const suffixes[] = { "_batches", "_flex",
		"_priority", "_ultrafast" };
	const struct config_key *row;
	ptrdiff_t at;

	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
		if (str_ends(key, suffixes[i]))
			key.n -= strlen(suffixes[i]);
	}
	at = str_find(key, "_above_");
	if (at > 0 && str_ends(key, "k_tokens")) {
		size_t from = (size_t)at + strlen("_above_");
		size_t to = key.n - strlen("k_tokens");

		while (from < to && key.p[from] >= '0' && key.p[from] <= '9')
			from++;
		if (from == to)
			key.n = (size_t)at;
	}
	row = config_key_find(section, key);
	return row != NULL && row->type == TYPE_PRICE ? row : NULL;
}

/* Tells when another section filled the same field before. */
static void
note_setter(struct loader *l, const struct config_key *row,
    const struct node *n, void *target)
{
	if (target != l->c || row->offset == CONFIG_NOWHERE ||
	    n->kind == NODE_NULL || row->type == TYPE_DEFAULT_FALLBACKS)
		return;
	for (size_t i = 0; i < l->setter_count; i++) {
		struct loader_setter *s = &l->setters[i];
		char path[TREE_PATH_BYTES];

		if (s->offset != row->offset)
			continue;
		node_path(n, path);
		loader_remark(l, CONFIG_NOTE, s->node,
		    "overruled by %s in line %d of %s", path, n->line, n->file);
		s->node = n;
		return;
	}
	if (l->setter_count < LOADER_MAX_SETTERS) {
		l->setters[l->setter_count].offset = row->offset;
		l->setters[l->setter_count++].node = n;
	}
}

static bool
is_empty(const struct node *n)
{
	return n->kind == NODE_NULL ||
	       (n->kind == NODE_SCALAR &&
		   (n->text.n == 0 || str_is_nocase(n->text, "false"))) ||
	       (n->kind != NODE_SCALAR && n->count == 0);
}

static void
remark_no_effect(struct loader *l, const struct config_key *row,
    const struct node *n)
{
	if ((row->flags & KEY_EMPTY_QUIET) != 0 && is_empty(n))
		return;
	if ((row->flags & KEY_GATE) != 0)
		loader_remark(l, CONFIG_WARN, n, "not enforced here: %s",
		    row->help);
	else
		loader_remark(l, CONFIG_NOTE, n, "read, no effect here yet");
}

void
loader_apply(struct loader *l, const struct config_key *row,
    const struct node *n, void *target, struct config_entry *entry)
{
	switch (row->effect) {
	case EFFECT_USED:
		note_setter(l, row, n, target);
		config_value_store(l, row, n, target, entry);
		if (row->type == TYPE_MAP && n->kind == NODE_MAP &&
		    config_key_is_section(row->path))
			loader_section(l, row->path, n, target, entry);
		return;
	case EFFECT_NONE:
		remark_no_effect(l, row, n);
		for (const struct node *c = n->first;
		     row->type == TYPE_MAP && c != NULL; c = c->next) {
			if (n->kind == NODE_MAP &&
			    config_key_find(row->path, c->key) == NULL)
				loader_unknown_key(l, row->path, c);
		}
		return;
	case EFFECT_MISPLACED:
		loader_remark(l, CONFIG_WARN, n, "%s", row->help);
		return;
	case EFFECT_EXTRA:
		return;
	}
}

/* The sections of an entry are read by config_entry.c, in its own order; not
   the maps inside them. */
static bool
is_entry_part(const struct config_key *row)
{
	return row->type == TYPE_MAP &&
	       strncmp(row->path, "model_list[].", 13) == 0 &&
	       strchr(row->path + 13, '.') == NULL;
}

void
loader_section(struct loader *l, const char *section, const struct node *map,
    void *target, struct config_entry *entry)
{
	if (!loader_is_map(l, map))
		return;
	for (const struct node *n = map->first; n != NULL; n = n->next) {
		const struct config_key *row = config_key_find(section, n->key);

		if (row == NULL && entry != NULL)
			row = price_row(section, n->key);
		if (row != NULL && is_entry_part(row))
			continue;
		if (row != NULL)
			loader_apply(l, row, n, target, entry);
		else if (entry != NULL && str_ends(str_of(section), "_params"))
			unknown_param(l, section, n, entry);
		else if (entry != NULL && str_ends(str_of(section), "_info"))
			unknown_info(l, section, n);
		else
			loader_unknown_key(l, section, n);
	}
}
