/*
 * YAML text → nodes with line numbers, over libyaml's events. The only file
 * that includes yaml.h.
 *
 * Events, not libyaml's document loader: the loader takes time quadratic in
 * nesting (100,000 brackets: 15 s) and in anchors, and keeps aliases as
 * shared nodes, so that 25 nodes may be millions to walk. Here one pass builds
 * the tree and every limit of config_tree.h is checked before the node that
 * would break it exists. An alias becomes a copy, counted like what it copies.
 *
 * Merge keys (<<) are YAML 1.1's, which Python's loaders know and LiteLLM's
 * files use: the keys of a map, or of a list of maps, where the map itself has
 * none of that name; of several maps the first one counts.
 *
 * Refused, each with its line: tags, duplicate keys, keys that are no text,
 * NUL, cycles, a second document. Fails with one remark in
 * the report; owns only what it needs while it runs.
 */
#include "config/config_tree.h"

#include "base/map.h"

#include <stdarg.h>
#include <yaml.h>

struct reader {
	yaml_parser_t parser;
	yaml_event_t event; /* the current one */
	bool have_event;
	struct tree *tree;
	const char *file;
	struct str text;
	struct config_report *report;
	struct map *anchors; /* name → struct node */
	size_t anchor_count; /* definitions, not names */
	size_t alias_bytes;  /* text repeated by aliases */
};

static int fault(struct reader *r, int line, const struct node *at,
    const char *fmt, ...) PRINTF(4, 5);

/* Adds the error; returns -1. `at` gives the path, NULL: none. */
static int
fault(struct reader *r, int line, const struct node *at, const char *fmt, ...)
{
	char path[TREE_PATH_BYTES] = "", text[512];
	struct config_remark m = { CONFIG_ERROR, r->file, line, path, text };
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (at != NULL)
		node_path(at, path);
	config_report_add(r->report, &m);
	return -1;
}

static int
line_of_offset(const struct reader *r, size_t offset)
{
	int line = 1;

	for (size_t i = 0; i < offset && i < r->text.n; i++)
		line += r->text.p[i] == '\n';
	return line;
}

/* libyaml's own complaint, with its 0-based marks put right. */
static int
syntax_fault(struct reader *r)
{
	const yaml_parser_t *p = &r->parser;
	const char *hint = "";

	if (p->error == YAML_MEMORY_ERROR)
		return fault(r, 0, NULL, "out of memory");
	if (p->error == YAML_READER_ERROR)
		return fault(r, line_of_offset(r, p->problem_offset), NULL,
		    "not valid YAML: %s", p->problem);
	if (p->problem_mark.index < r->text.n &&
	    r->text.p[p->problem_mark.index] == '\t')
		hint = " (a tab; YAML indents with blanks)";
	if (p->context == NULL || p->context_mark.line == p->problem_mark.line)
		return fault(r, (int)p->problem_mark.line + 1, NULL,
		    "not valid YAML: %s%s", p->problem, hint);
	return fault(r, (int)p->problem_mark.line + 1, NULL,
	    "not valid YAML: %s%s (%s that began in line %zu)", p->problem,
	    hint, p->context, p->context_mark.line + 1);
}

static int
next_event(struct reader *r)
{
	if (r->have_event)
		yaml_event_delete(&r->event);
	r->have_event = false;
	if (!yaml_parser_parse(&r->parser, &r->event))
		return syntax_fault(r);
	r->have_event = true;
	return 0;
}

static int
event_line(const struct reader *r)
{
	return (int)r->event.start_mark.line + 1;
}

static int
check_room(struct reader *r, int line, const struct node *parent, size_t depth)
{
	if (depth > TREE_MAX_DEPTH)
		return fault(r, line, parent, "nested deeper than %d levels",
		    TREE_MAX_DEPTH);
	if (r->tree->node_count >= TREE_MAX_NODES)
		return fault(r, line, parent,
		    "more than %d values (aliases counted as what they repeat)",
		    TREE_MAX_NODES);
	return 0;
}

static int
keep_anchor(struct reader *r, const yaml_char_t *name, struct node *n)
{
	if (name == NULL)
		return 0;
	if (++r->anchor_count > TREE_MAX_ANCHORS)
		return fault(r, n->line, n, "more than %d anchors",
		    TREE_MAX_ANCHORS);
	map_set(r->anchors, str_of((const char *)name), n);
	return 0;
}

static bool
is_null_text(struct str s)
{
	return s.n == 0 || str_is(s, "~") || str_is(s, "null") ||
	       str_is(s, "Null") || str_is(s, "NULL");
}

/* "20_000", "-1_000.5": numbers of YAML 1.1, which LiteLLM's reader knows. */
static bool
has_underscores(struct str s)
{
	size_t i = s.n > 0 && (s.p[0] == '-' || s.p[0] == '+'), points = 0;

	if (i == s.n || s.p[i] < '0' || s.p[i] > '9')
		return false;
	for (; i < s.n; i++) {
		points += s.p[i] == '.';
		if (strchr("0123456789_.", s.p[i]) == NULL)
			return false;
	}
	return points < 2 && memchr(s.p, '_', s.n) != NULL;
}

/* A copy in the arena; such a number without its underscores. */
static struct str
keep_text(struct reader *r, struct str s, bool plain)
{
	char *copy, *p;

	if (!plain || !has_underscores(s))
		return arena_str(&r->tree->arena, s);
	copy = p = arena_alloc(&r->tree->arena, s.n + 1);
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] != '_')
			*p++ = s.p[i];
	}
	*p = '\0';
	return str_make(copy, (size_t)(p - copy));
}

static int
read_scalar(struct reader *r, struct node *n)
{
	const yaml_event_t *e = &r->event;
	struct str text =
	    str_make((const char *)e->data.scalar.value, e->data.scalar.length);

	if (text.n > 0 && memchr(text.p, '\0', text.n) != NULL)
		return fault(r, n->line, n, "a NUL is not allowed here");
	n->plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	n->kind = n->plain && is_null_text(text) ? NODE_NULL : NODE_SCALAR;
	n->text = keep_text(r, text, n->plain);
	return 0;
}

/* The height is bounded by the original's; depth says where the copy is. */
static struct node *
copy_node(struct reader *r, const struct node *from, const struct node *parent,
    size_t depth)
{
	struct node *n;

	if (check_room(r, from->line, parent, depth) != 0)
		return NULL;
	r->alias_bytes += from->text.n + from->key.n;
	if (r->alias_bytes > TREE_ALIAS_BYTES) {
		fault(r, from->line, parent,
		    "aliases repeat more than %d bytes", TREE_ALIAS_BYTES);
		return NULL;
	}
	n = node_new(r->tree, from->kind, from->file, from->line);
	n->plain = from->plain;
	n->text = from->text;
	n->key = from->key;
	for (const struct node *c = from->first; c != NULL; c = c->next) {
		struct node *child = copy_node(r, c, parent, depth + 1);

		if (child == NULL)
			return NULL;
		node_append(n, child);
	}
	return n;
}

/* Fills n, whose kind is still open, with a copy of what the alias names. */
static int
read_alias(struct reader *r, struct node *n, size_t depth)
{
	const char *name = (const char *)r->event.data.alias.anchor;
	const struct node *from = map_find(r->anchors, str_of(name));
	struct node *copy;
	int line;

	if (from == NULL)
		return fault(r, n->line, n,
		    "alias *%.64s: no anchor of this name above", name);
	if (from->open)
		return fault(r, n->line, n,
		    "alias *%.64s stands inside what it names (a cycle)", name);
	copy = copy_node(r, from, n, depth);
	if (copy == NULL)
		return -1;
	line = n->line;
	node_move_value(n, copy);
	n->line = line; /* of the alias, not of what it names */
	return 0;
}

static int read_value(struct reader *r, struct node *n, size_t depth);

static int
read_list(struct reader *r, struct node *list, size_t depth)
{
	for (;;) {
		struct node *n;

		if (next_event(r) != 0)
			return -1;
		if (r->event.type == YAML_SEQUENCE_END_EVENT)
			return 0;
		if (check_room(r, event_line(r), list, depth) != 0)
			return -1;
		n = node_new(r->tree, NODE_NULL, r->file, event_line(r));
		node_append(list, n);
		if (read_value(r, n, depth) != 0)
			return -1;
	}
}

static bool
is_merge_key(const yaml_event_t *e)
{
	return e->type == YAML_SCALAR_EVENT &&
	       e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	       e->data.scalar.tag == NULL &&
	       str_is(str_make((const char *)e->data.scalar.value,
			  e->data.scalar.length),
		   "<<");
}

/* The value behind a merge key of `map`, as a node that is no child of it. */
static struct node *
read_merge(struct reader *r, struct node *map, size_t depth)
{
	struct node *n = node_new(r->tree, NODE_NULL, r->file, event_line(r));
	bool good;

	n->key = str_of("<<");
	n->parent = map;
	if (next_event(r) != 0 || read_value(r, n, depth) != 0)
		return NULL;
	good = n->kind == NODE_MAP || n->kind == NODE_LIST;
	for (const struct node *c = n->first; n->kind == NODE_LIST && c != NULL;
	     c = c->next)
		good = good && c->kind == NODE_MAP;
	if (!good) {
		fault(r, n->line, n,
		    "a merge key takes a map, or a list of maps");
		return NULL;
	}
	return n;
}

/* Moves what the map has no key for. */
static void
merge(struct node *map, struct node *from, struct map *seen)
{
	for (struct node *c = from->first, *next; c != NULL; c = next) {
		next = c->next;
		if (from->kind == NODE_LIST) {
			merge(map, c, seen);
		} else if (map_find(seen, c->key) == NULL) {
			map_set(seen, c->key, c);
			node_append(map, c);
		}
	}
}

/* The current event as a key of `map`, made into a child that is appended. */
static struct node *
read_key(struct reader *r, struct node *map, struct map *seen)
{
	const yaml_event_t *e = &r->event;
	int line = event_line(r);
	const struct node *other;
	struct node *n;
	struct str key;

	if (e->type != YAML_SCALAR_EVENT) {
		fault(r, line, map, "a key must be plain text");
		return NULL;
	}
	key =
	    str_make((const char *)e->data.scalar.value, e->data.scalar.length);
	if (e->data.scalar.tag != NULL)
		fault(r, line, map, "tags (!...) are not allowed");
	else if (key.n == 0)
		fault(r, line, map, "a key is missing before the colon");
	else if (key.n > TREE_MAX_KEY || memchr(key.p, '\0', key.n) != NULL)
		fault(r, line, map, "a key is too long or holds a NUL");
	else if ((other = map_find(seen, key)) != NULL)
		fault(r, line, other, "given twice (first in line %d)",
		    other->line);
	else {
		n = node_new(r->tree, NODE_NULL, r->file, line);
		n->key = arena_str(&r->tree->arena, key);
		node_append(map, n);
		map_set(seen, key, n);
		return n;
	}
	return NULL;
}

static int
read_entries(struct reader *r, struct node *map, size_t depth, struct map *seen)
{
	struct node *merged = NULL;

	for (;;) {
		struct node *n;

		if (next_event(r) != 0)
			return -1;
		if (r->event.type == YAML_MAPPING_END_EVENT)
			break;
		if (check_room(r, event_line(r), map, depth) != 0)
			return -1;
		if (is_merge_key(&r->event)) {
			if (merged != NULL)
				return fault(r, event_line(r), merged,
				    "given twice (first in line %d): give it a "
				    "list",
				    merged->line);
			merged = read_merge(r, map, depth);
			if (merged == NULL)
				return -1;
			continue;
		}
		n = read_key(r, map, seen);
		if (n == NULL || next_event(r) != 0 ||
		    read_value(r, n, depth) != 0)
			return -1;
	}
	if (merged != NULL)
		merge(map, merged, seen);
	return 0;
}

static int
read_map(struct reader *r, struct node *map, size_t depth)
{
	struct map *seen = map_new();
	int rc = read_entries(r, map, depth, seen);

	map_free(&seen);
	return rc;
}

static int
tag_fault(struct reader *r, const struct node *n, const yaml_char_t *tag)
{
	return tag == NULL
		   ? 0
		   : fault(r, n->line, n, "tags (!...) are not allowed");
}

/* The value that begins with the current event into n. */
static int
read_value(struct reader *r, struct node *n, size_t depth)
{
	const yaml_event_t *e = &r->event;
	int rc;

	switch (e->type) {
	case YAML_SCALAR_EVENT:
		if (tag_fault(r, n, e->data.scalar.tag) != 0 ||
		    keep_anchor(r, e->data.scalar.anchor, n) != 0)
			return -1;
		return read_scalar(r, n);
	case YAML_ALIAS_EVENT:
		return read_alias(r, n, depth);
	case YAML_SEQUENCE_START_EVENT:
		if (tag_fault(r, n, e->data.sequence_start.tag) != 0 ||
		    keep_anchor(r, e->data.sequence_start.anchor, n) != 0)
			return -1;
		n->kind = NODE_LIST;
		n->open = true;
		rc = read_list(r, n, depth + 1);
		n->open = false;
		return rc;
	case YAML_MAPPING_START_EVENT:
		if (tag_fault(r, n, e->data.mapping_start.tag) != 0 ||
		    keep_anchor(r, e->data.mapping_start.anchor, n) != 0)
			return -1;
		n->kind = NODE_MAP;
		n->open = true;
		rc = read_map(r, n, depth + 1);
		n->open = false;
		return rc;
	default:
		return fault(r, event_line(r), n, "not valid YAML here");
	}
}

/* Stream start, one document at most, stream end. */
static int
read_stream(struct reader *r, struct node *root)
{
	if (next_event(r) != 0 || next_event(r) != 0)
		return -1;
	if (r->event.type == YAML_STREAM_END_EVENT)
		return 0; /* nothing but comments */
	if (next_event(r) != 0)
		return -1;
	root->line = event_line(r);
	if (read_value(r, root, 0) != 0 || next_event(r) != 0 ||
	    next_event(r) != 0)
		return -1;
	if (r->event.type != YAML_STREAM_END_EVENT)
		return fault(r, event_line(r), NULL,
		    "a second document (---) is not allowed");
	return 0;
}

struct node *
config_yaml_parse(struct tree *t, const char *file, struct str text,
    struct config_report *report)
{
	struct reader r = { .tree = t,
		.file = file,
		.text = text,
		.report = report };
	struct node *root;

	if (text.n > BUNDLE_FILE_BYTES) {
		fault(&r, 0, NULL, "larger than %d bytes", BUNDLE_FILE_BYTES);
		return NULL;
	}
	if (!yaml_parser_initialize(&r.parser)) {
		fault(&r, 0, NULL, "out of memory");
		return NULL;
	}
	/* Without this a byte order mark could switch to UTF-16. */
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser,
	    (const unsigned char *)(text.n == 0 ? "" : text.p), text.n);
	r.anchors = map_new();
	root = node_new(t, NODE_NULL, file, 1);
	if (read_stream(&r, root) != 0) {
		node_wipe(root);
		root = NULL;
	}
	map_free(&r.anchors);
	if (r.have_event)
		yaml_event_delete(&r.event);
	yaml_parser_delete(&r.parser);
	return root;
}
