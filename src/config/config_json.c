/*
 * Parts of the configuration that stay JSON: default parameters of a request
 * body, extra_body, model_info, mock answers. Copies into the configuration's
 * arena and wipes what it used on the way, for such parts may hold keys.
 */
#include "config/config_entry.h"
#include "config/config_loader.h"

/* Warns of yes/no/on/off below n, which YAML 1.1 reads as booleans. */
static void
warn_words(struct loader *l, const struct node *n)
{
	if (node_is_old_bool(n) && n->env == NULL)
		loader_remark(l, CONFIG_WARN, n,
		    "\"%s\" is text here, a boolean to LiteLLM: write true or "
		    "false, or quote it",
		    n->text.p);
	for (const struct node *c = n->first; c != NULL; c = c->next)
		warn_words(l, c);
}

const char *
config_json_keep(struct loader *l, const struct node *n)
{
	const char *kept;
	struct jsonw w;
	struct buf b;

	warn_words(l, n);
	buf_init(&b, TREE_JSON_BYTES);
	jsonw_init(&w, &b);
	node_json(n, &w);
	if (b.overflowed)
		loader_remark(l, CONFIG_ERROR, n, "is too large");
	kept = loader_keep(l, buf_str(&b));
	if (b.len > 0)
		explicit_bzero(b.data, b.len);
	buf_fini(&b);
	return kept;
}

void
config_json_body(struct loader *l, const struct node *n,
    struct config_entry *entry)
{
	struct jsonw w;

	warn_words(l, n);
	jsonw_init(&w, &entry->body_json);
	w.comma = entry->body_json.len > 0;
	jsonw_key(&w, n->key.p);
	node_json(n, &w);
	if (entry->body_json.overflowed)
		loader_remark(l, CONFIG_ERROR, n, "is too large");
}
