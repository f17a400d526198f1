/*
 * A YAML document as nodes that know where they stand: file, line, parent.
 * Made by config_yaml.c, changed by config_env.c (os.environ/NAME), read by
 * the rest. Values are text; what type a text has is the schema's business
 * (YAML 1.2 core rules, config_value.c).
 */
#ifndef CONFIG_CONFIG_TREE_H
#define CONFIG_CONFIG_TREE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/jsonw.h"
#include "config/config.h"

#define TREE_MAX_NODES   100000 /* aliases counted as what they stand for */
#define TREE_MAX_DEPTH   32
#define TREE_MAX_ANCHORS 1000
#define TREE_MAX_KEY     1024
#define TREE_ALIAS_BYTES (4 * 1024 * 1024) /* text that aliases repeat */
#define TREE_JSON_BYTES  (32 * 1024 * 1024)
#define TREE_PATH_BYTES  512

enum node_kind {
	NODE_NULL, /* nothing, ~ or null, or an unset variable (see env) */
	NODE_SCALAR,
	NODE_LIST,
	NODE_MAP,
};

struct node {
	enum node_kind kind;
	bool plain;       /* scalar without quotes: may be a number ... */
	bool open;        /* still being read (an alias to it is a cycle) */
	const char *file; /* borrowed from the bundle */
	int line;         /* from 1; of the key when it has one */
	struct str text;  /* NODE_SCALAR; a NUL follows */
	const char *env;  /* the variable the text came from, or the unset one
			     that made this NODE_NULL; else NULL */
	struct str key;   /* child of a map; a NUL follows */
	size_t index;     /* place in its parent, from 0 */
	size_t count;     /* children */
	struct node *parent, *first, *last, *next;
};

struct tree {
	struct arena arena; /* all nodes and texts */
	size_t node_count;
	struct node *root; /* a NODE_MAP once config_load.c merged the files */
};

void tree_init(struct tree *t);
void tree_fini(struct tree *t); /* wipes every text: some are secrets */
struct node *node_new(struct tree *t, enum node_kind kind, const char *file,
    int line);
/* Overwrites the texts below n (and its own). */
void node_wipe(struct node *n);
void node_append(struct node *parent, struct node *child);
/* All children of `from` behind those of `to`. */
void node_move_children(struct node *to, struct node *from);
/* Text or children, file and line of `from` into `to`, which has none. */
void node_move_value(struct node *to, struct node *from);
/* The child of a map with this key; NULL when absent or n is no map. */
struct node *node_find(const struct node *n, const char *key);
/* As node_find, but NULL as well when the value is null. */
struct node *node_get(const struct node *n, const char *key);
/* "a list", "a map", "text", "nothing": for messages. */
const char *node_kind_text(const struct node *n);
/* "model_list[2].litellm_params.timeout" into out (cut when long). */
void node_path(const struct node *n, char out[TREE_PATH_BYTES]);

/* What a plain scalar is by YAML 1.2's core rules. */
enum scalar_type {
	SCALAR_TEXT,
	SCALAR_BOOL,
	SCALAR_INT,
	SCALAR_FLOAT,
};
enum scalar_type node_scalar_type(const struct node *n);
/* yes, no, on, off (any case), without quotes: YAML 1.1's booleans. */
bool node_is_old_bool(const struct node *n);
/* The value as JSON; numbers keep their spelling where JSON knows it. */
void node_json(const struct node *n, struct jsonw *w);

/*
 * Parses one YAML document into t (config_yaml.c). NULL with one error in the
 * report: bad syntax, a second document, tags, duplicate keys, cycles, or one
 * of the limits above.
 */
struct node *config_yaml_parse(struct tree *t, const char *file,
    struct str text, struct config_report *report) MUST_CHECK;

#endif
