/*
 * The process's environment as the configuration uses it: the variables that
 * `environment_variables` sets, and os.environ/NAME in values.
 *
 * The environment belongs to the process, so its undo lists do too: they are
 * the only static variables of this layer. A reload first takes back what the
 * file before set (a variable that was removed from the file must not linger),
 * and a refused file leaves the environment as it found it. Not for processes
 * with running threads: setenv() races with getenv() elsewhere, and every
 * process parses before it starts any.
 */
#include "config/config_loader.h"

#define ENV_MAX_VARS  1000
#define ENV_MAX_BYTES (16 * 1024 * 1024) /* of all expanded values */

static const char marker[] = "os.environ/";

struct env_var {
	char *name;
	char *before; /* NULL: was unset */
	char *now;    /* what we set; filled when it is taken back */
};

struct env_list {
	size_t count;
	struct env_var *vars;
};

static struct env_list applied; /* by the configuration in force */
static struct env_list before;  /* by the one it is to replace */

static void
list_free(struct env_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->vars[i].name);
		secret_free(list->vars[i].before);
		secret_free(list->vars[i].now);
	}
	free(list->vars);
	memset(list, 0, sizeof(*list));
}

static char *
copy_or_null(const char *s)
{
	return s == NULL ? NULL : xstrdup(s);
}

static void
put(const char *name, const char *value)
{
	if (value == NULL)
		unsetenv(name);
	else
		setenv(name, value, 1);
}

/* Back to what it was, the last one first. */
static void
take_back(struct env_list *list)
{
	for (size_t i = list->count; i-- > 0;) {
		struct env_var *v = &list->vars[i];

		secret_free(v->now);
		v->now = copy_or_null(getenv(v->name));
		put(v->name, v->before);
	}
}

void
config_env_begin(void)
{
	before = applied;
	memset(&applied, 0, sizeof(applied));
	take_back(&before);
}

void
config_env_end(bool keep)
{
	if (!keep) {
		take_back(&applied);
		list_free(&applied);
		applied = before;
		memset(&before, 0, sizeof(before));
		for (size_t i = 0; i < applied.count; i++)
			put(applied.vars[i].name, applied.vars[i].now);
	}
	list_free(&before);
}

/* ---- os.environ/NAME --------------------------------------------------- */

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_name_char(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c >= '0' && c <= '9') || c == '_';
}

/* "${NAME}", "${NAME:-x}" or a value that is "$NAME": told of, never
   expanded; the default after ":-" may be a secret and is not repeated. */
static void
warn_shell(struct loader *l, const struct node *n)
{
	ptrdiff_t at = str_find(n->text, "${");
	size_t from, len = 0;

	if (at < 0 && (n->text.n < 2 || n->text.p[0] != '$'))
		return;
	from = at < 0 ? 1 : (size_t)at + 2;
	while (from + len < n->text.n && is_name_char(n->text.p[from + len]))
		len++;
	if (len == 0 || len > 64 || is_digit(n->text.p[from]) ||
	    (at < 0 && from + len != n->text.n))
		return;
	loader_remark(l, CONFIG_WARN, n,
	    "%s%.*s%s is not expanded, by LiteLLM neither, and stays as it is "
	    "written: write os.environ/%.*s",
	    at < 0 ? "$" : "${", (int)len, n->text.p + from, at < 0 ? "" : "}",
	    (int)len, n->text.p + from);
}

static void
expand_scalar(struct loader *l, struct node *n)
{
	const char *value;
	ptrdiff_t at;

	if (!str_starts(n->text, marker)) {
		at = str_find(n->text, "os.environ");
		if (at == 0 || (at > 0 && str_find(n->text, marker) == at))
			loader_remark(l, CONFIG_WARN, n,
			    "os.environ is expanded only as a whole value, "
			    "os.environ/NAME");
		warn_shell(l, n);
		return;
	}
	n->env = loader_keep(l, str_make(n->text.p + sizeof(marker) - 1,
				    n->text.n - (sizeof(marker) - 1)));
	value = getenv(n->env);
	if (value == NULL) {
		n->kind = NODE_NULL;
		n->text = str_make("", 0);
		return;
	}
	l->env_bytes += strlen(value);
	if (l->env_bytes > ENV_MAX_BYTES) {
		loader_remark(l, CONFIG_ERROR, n,
		    "variables stand for more than %d bytes", ENV_MAX_BYTES);
		value = "";
	}
	n->text = arena_str(&l->tree.arena, str_of(value));
	n->plain = true;
}

void
config_env_expand(struct loader *l, struct node *n)
{
	if (n->kind == NODE_SCALAR)
		expand_scalar(l, n);
	for (struct node *c = n->first; c != NULL; c = c->next)
		config_env_expand(l, c);
}

/* ---- environment_variables --------------------------------------------- */

static void
apply_one(struct loader *l, struct node *n)
{
	struct env_var *v;

	/* One at a time: a later one may refer to an earlier one. */
	config_env_expand(l, n);
	if (str_find(n->key, "=") >= 0 || n->kind == NODE_LIST ||
	    n->kind == NODE_MAP) {
		loader_remark(l, CONFIG_ERROR, n,
		    "must be the name of a variable and its text");
		return;
	}
	if (n->kind == NODE_NULL) {
		loader_remark(l, CONFIG_WARN, n, "left unset: %s%s",
		    n->env == NULL ? "it has no value" : n->env,
		    n->env == NULL ? "" : " is not set");
		return;
	}
	v = &applied.vars[applied.count++];
	v->name = str_dup(n->key);
	v->before = copy_or_null(getenv(v->name));
	v->now = NULL;
	put(v->name, n->text.p);
}

void
config_env_apply(struct loader *l, struct node *map)
{
	if (map == NULL || !loader_is_map(l, map))
		return;
	if (map->count > ENV_MAX_VARS) {
		loader_remark(l, CONFIG_ERROR, map, "more than %d variables",
		    ENV_MAX_VARS);
		return;
	}
	applied.vars = xcalloc(map->count + 1, sizeof(*applied.vars));
	for (struct node *n = map->first; n != NULL; n = n->next)
		apply_one(l, n);
}
