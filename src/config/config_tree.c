/*
 * Nodes of a configuration: links, paths, JSON. See config_tree.h. Owns the
 * arena all nodes live in; wipes their texts when it goes. Does not read YAML
 * (config_yaml.c) and knows no keys (config_schema.c).
 */
#include "config/config_tree.h"

#include "base/num.h"

void
tree_init(struct tree *t)
{
	memset(t, 0, sizeof(*t));
	arena_init(&t->arena, 64 * 1024);
}

/* Aliases share texts, so some are wiped twice. */
void
node_wipe(struct node *n)
{
	if (n->text.n > 0)
		explicit_bzero((char *)(uintptr_t)n->text.p, n->text.n);
	for (struct node *c = n->first; c != NULL; c = c->next)
		node_wipe(c);
}

void
tree_fini(struct tree *t)
{
	if (t->root != NULL)
		node_wipe(t->root);
	arena_fini(&t->arena);
	memset(t, 0, sizeof(*t));
}

struct node *
node_new(struct tree *t, enum node_kind kind, const char *file, int line)
{
	struct node *n = arena_alloc(&t->arena, sizeof(*n));

	n->kind = kind;
	n->file = file;
	n->line = line;
	t->node_count++;
	return n;
}

void
node_append(struct node *parent, struct node *child)
{
	child->parent = parent;
	child->next = NULL;
	child->index = parent->count++;
	if (parent->last == NULL)
		parent->first = child;
	else
		parent->last->next = child;
	parent->last = child;
}

void
node_move_children(struct node *to, struct node *from)
{
	for (struct node *c = from->first, *next; c != NULL; c = next) {
		next = c->next;
		node_append(to, c);
	}
	from->first = from->last = NULL;
	from->count = 0;
}

void
node_move_value(struct node *to, struct node *from)
{
	to->kind = from->kind;
	to->plain = from->plain;
	to->file = from->file;
	to->line = from->line;
	to->text = from->text;
	node_move_children(to, from);
}

struct node *
node_find(const struct node *n, const char *key)
{
	if (n == NULL || n->kind != NODE_MAP)
		return NULL;
	for (struct node *c = n->first; c != NULL; c = c->next) {
		if (str_is(c->key, key))
			return c;
	}
	return NULL;
}

struct node *
node_get(const struct node *n, const char *key)
{
	struct node *c = node_find(n, key);

	return c != NULL && c->kind == NODE_NULL ? NULL : c;
}

const char *
node_kind_text(const struct node *n)
{
	switch (n->kind) {
	case NODE_NULL:
		return "nothing";
	case NODE_SCALAR:
		return "text";
	case NODE_LIST:
		return "a list";
	case NODE_MAP:
		return "a map";
	}
	return "";
}

void
node_path(const struct node *n, char out[TREE_PATH_BYTES])
{
	const struct node *chain[TREE_MAX_DEPTH + 2];
	size_t depth = 0, used = 0;

	out[0] = '\0';
	for (; n != NULL && n->parent != NULL; n = n->parent) {
		if (depth == ARRAY_LEN(chain))
			return;
		chain[depth++] = n;
	}
	while (depth-- > 0 && used < TREE_PATH_BYTES - 1) {
		size_t room = TREE_PATH_BYTES - used;
		int n_out;

		n = chain[depth];
		if (n->parent->kind == NODE_LIST)
			n_out = snprintf(out + used, room, "[%zu]", n->index);
		else
			n_out = snprintf(out + used, room, "%s%.80s",
			    used == 0 ? "" : ".", n->key.p);
		used += (size_t)n_out;
	}
}

/* ---- types ------------------------------------------------------------- */

static size_t
digits_at(struct str s, size_t i)
{
	size_t n = 0;

	while (i + n < s.n && s.p[i + n] >= '0' && s.p[i + n] <= '9')
		n++;
	return n;
}

/* [-+]? ( . digits | digits ( . digits? )? ) ( [eE] [-+]? digits )? */
static enum scalar_type
number_type(struct str s)
{
	enum scalar_type type = SCALAR_INT;
	size_t i = 0, whole, fraction = 0;

	if (i < s.n && (s.p[i] == '-' || s.p[i] == '+'))
		i++;
	whole = digits_at(s, i);
	i += whole;
	if (i < s.n && s.p[i] == '.') {
		type = SCALAR_FLOAT;
		fraction = digits_at(s, ++i);
		i += fraction;
	}
	if (whole + fraction == 0)
		return SCALAR_TEXT;
	if (i < s.n && (s.p[i] == 'e' || s.p[i] == 'E')) {
		size_t exponent;

		type = SCALAR_FLOAT;
		i++;
		if (i < s.n && (s.p[i] == '-' || s.p[i] == '+'))
			i++;
		exponent = digits_at(s, i);
		if (exponent == 0)
			return SCALAR_TEXT;
		i += exponent;
	}
	return i == s.n ? type : SCALAR_TEXT;
}

enum scalar_type
node_scalar_type(const struct node *n)
{
	static const char *const bools[] = { "true", "True", "TRUE", "false",
		"False", "FALSE" };

	if (n->kind != NODE_SCALAR || !n->plain)
		return SCALAR_TEXT;
	for (size_t i = 0; i < ARRAY_LEN(bools); i++) {
		if (str_is(n->text, bools[i]))
			return SCALAR_BOOL;
	}
	return number_type(n->text);
}

bool
node_is_old_bool(const struct node *n)
{
	static const char *const words[] = { "yes", "no", "on", "off" };

	if (n->kind != NODE_SCALAR || !n->plain)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (str_is_nocase(n->text, words[i]))
			return true;
	}
	return false;
}

/* ---- JSON -------------------------------------------------------------- */

/*
 * A YAML number in JSON: "+5" → 5, ".5" → 0.5, "5." → 5. With a leading zero
 * ("007": 7 in YAML 1.2, octal in 1.1) it stays text.
 */
static void
number_json(struct str s, struct jsonw *w)
{
	char text[80];
	struct str digits = s;
	size_t used = 0;

	if (s.p[0] == '+' || s.p[0] == '-') {
		digits.p++;
		digits.n--;
	}
	if (s.n > 64 ||
	    (digits.n > 1 && digits.p[0] == '0' && digits_at(digits, 1) > 0)) {
		jsonw_str(w, s);
		return;
	}
	if (s.p[0] == '-')
		text[used++] = '-';
	if (digits.p[0] == '.')
		text[used++] = '0';
	for (size_t i = 0; i < digits.n; i++) {
		if (digits.p[i] == '.' && digits_at(digits, i + 1) == 0)
			continue;
		text[used++] = digits.p[i];
	}
	jsonw_raw(w, str_make(text, used));
}

static void
scalar_json(const struct node *n, struct jsonw *w)
{
	/* A variable's value is text, but for the two words that LiteLLM's
	   reader of secrets turns into booleans. */
	if (n->env != NULL) {
		if (str_is_nocase(n->text, "true"))
			jsonw_bool(w, true);
		else if (str_is_nocase(n->text, "false"))
			jsonw_bool(w, false);
		else
			jsonw_str(w, n->text);
		return;
	}
	switch (node_scalar_type(n)) {
	case SCALAR_BOOL:
		jsonw_bool(w, n->text.p[0] == 't' || n->text.p[0] == 'T');
		return;
	case SCALAR_INT:
	case SCALAR_FLOAT:
		number_json(n->text, w);
		return;
	case SCALAR_TEXT:
		jsonw_str(w, n->text);
		return;
	}
}

void
node_json(const struct node *n, struct jsonw *w)
{
	switch (n->kind) {
	case NODE_NULL:
		jsonw_null(w);
		return;
	case NODE_SCALAR:
		scalar_json(n, w);
		return;
	case NODE_LIST:
		jsonw_open(w, '[');
		for (const struct node *c = n->first; c != NULL; c = c->next)
			node_json(c, w);
		jsonw_close(w, ']');
		return;
	case NODE_MAP:
		jsonw_open(w, '{');
		for (const struct node *c = n->first; c != NULL; c = c->next) {
			jsonw_key(w, c->key.p);
			node_json(c, w);
		}
		jsonw_close(w, '}');
		return;
	}
}
