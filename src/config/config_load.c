/*
 * Bundle → checked configuration: the files made one tree, the order of the
 * work, the sections; and the end of a configuration. The rows of the schema
 * are applied in config_loader.c.
 *
 * Goes on after an error, so that one run reports all of them; only a file
 * that is no YAML ends it at once. Owns the tree while it runs; what is kept
 * is copied into the configuration's arena. Fails with ERR_CONFIG and the
 * first error's text.
 */
#include "base/fd.h"
#include "config/config_entry.h"
#include "config/config_loader.h"

#include <pwd.h>
#include <unistd.h>

/* ---- the files --------------------------------------------------------- */

/* One key of an included file: lists extend ours, all else replaces ours. */
static void
merge_key(struct loader *l, struct map *keys, struct node *n)
{
	struct node *ours = map_find(keys, n->key);

	if (ours == NULL) {
		node_append(l->tree.root, n);
		map_set(keys, n->key, n);
	} else if (ours->kind == NODE_LIST && n->kind == NODE_LIST) {
		node_move_children(ours, n);
	} else {
		loader_remark(l, CONFIG_NOTE, ours,
		    "replaced as a whole by line %d of %s", n->line, n->file);
		node_wipe(ours);
		ours->first = ours->last = NULL;
		ours->count = 0;
		node_move_value(ours, n);
	}
}

static void
merge_file(struct loader *l, struct map *keys, struct node *file, bool is_main)
{
	if (file->kind != NODE_MAP) {
		if (file->kind != NODE_NULL)
			loader_remark(l, CONFIG_ERROR, file,
			    "the file must be a map (key: value), not %s",
			    node_kind_text(file));
		else
			loader_remark(l, CONFIG_WARN, file,
			    "there is nothing in this file");
		return;
	}
	for (struct node *n = file->first, *next; n != NULL; n = next) {
		next = n->next;
		if (!is_main && str_is(n->key, "include"))
			loader_remark(l, CONFIG_WARN, n,
			    "files are included by the main file only");
		else
			merge_key(l, keys, n);
	}
}

/* The parser has put its one error into the report: into *err as well. */
static int
syntax_error(struct loader *l, size_t remark)
{
	struct buf text;

	buf_init(&text, 4096);
	if (remark < l->report->count)
		config_remark_format(&l->report->remarks[remark], &text);
	l->failed = true;
	err_set(l->err, ERR_CONFIG, "%s", buf_cstr(&text));
	buf_fini(&text);
	return -1;
}

/* Read by the entries that need it; the bundle keeps it until then. */
static void
keep_aws_file(struct loader *l, const struct bundle_file *f)
{
	struct str text = str_make(f->text, f->len);

	if (f->kind == BUNDLE_AWS_CREDENTIALS)
		l->aws.credentials = text;
	else
		l->aws.config = text;
}

static int
read_files(struct loader *l, const struct bundle *b)
{
	struct map *keys = map_new();
	int rc = 0;

	l->tree.root = node_new(&l->tree, NODE_MAP, b->files[0].path, 1);
	for (size_t i = 0; i < b->count && rc == 0; i++) {
		const struct bundle_file *f = &b->files[i];
		size_t remark = l->report->count;
		struct node *root;

		if (f->kind != BUNDLE_YAML) {
			keep_aws_file(l, f);
			continue;
		}
		root = config_yaml_parse(&l->tree, f->path,
		    str_make(f->text, f->len), l->report);
		if (root == NULL)
			rc = syntax_error(l, remark);
		else
			merge_file(l, keys, root, i == 0);
	}
	map_free(&keys);
	return rc;
}

static void
check_top_level(struct loader *l)
{
	for (const struct node *n = l->tree.root->first; n != NULL;
	     n = n->next) {
		const struct config_key *row = config_key_find("", n->key);

		if (row == NULL)
			loader_unknown_key(l, "", n);
		else if (row->type != TYPE_MAP)
			loader_apply(l, row, n, l->c, NULL);
	}
}

/* The environment first, then every os.environ/NAME elsewhere. */
static void
expand(struct loader *l)
{
	struct node *vars = node_find(l->tree.root, "environment_variables");

	config_env_apply(l, vars);
	for (struct node *n = l->tree.root->first; n != NULL; n = n->next) {
		if (n != vars)
			config_env_expand(l, n);
	}
}

static void
load_master_key(struct loader *l)
{
	const struct node *n =
	    node_find(node_find(l->tree.root, "general_settings"),
		"master_key");
	const char *env = getenv("LITELLM_MASTER_KEY");

	if (l->c->master_key[0] == '\0' && env != NULL)
		l->c->master_key = loader_keep(l, str_trim(str_of(env)));
	if (l->c->master_key[0] != '\0' || n == NULL)
		return;
	if (n->env != NULL)
		loader_remark(l, CONFIG_WARN, n,
		    "%s is not set: there is no master key, nobody needs a key",
		    n->env);
	else if (n->kind == NODE_SCALAR || n->kind == NODE_NULL)
		loader_remark(l, CONFIG_WARN, n,
		    "is empty: there is no master key, nobody needs a key");
}

static void
load_sections(struct loader *l)
{
	/* In this order: where two of them hold one setting, the later wins
	   (notes on LiteLLM, section 1.7). */
	static const char *const sections[] = { "litellm_settings",
		"router_settings", "general_settings", "tallygate" };

	check_top_level(l);
	for (size_t i = 0; i < ARRAY_LEN(sections); i++)
		loader_defaults(l, sections[i], l->c);
	for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
		const struct node *n = node_find(l->tree.root, sections[i]);

		if (n != NULL)
			loader_section(l, sections[i], n, l->c, NULL);
	}
	l->has_database = node_get(node_find(l->tree.root, "general_settings"),
			      "database_url") != NULL;
	config_router_finish(l);
	config_groups_load(l);
	load_master_key(l);
}

/* Paths of the file are seen from the file, as those of `include`. */
static void
place_prices(struct loader *l)
{
	struct config_strings *files = &l->c->price_files;

	for (size_t i = 0; i < files->count; i++) {
		char *path = path_beside(l->tree.root->file, files->items[i]);

		files->items[i] = loader_keep(l, str_of(path));
		free(path);
	}
}

static void
load_all(struct loader *l)
{
	const struct node *list = node_find(l->tree.root, "model_list");

	expand(l);
	load_sections(l);
	place_prices(l);
	if (list != NULL && list->kind == NODE_LIST)
		config_entries_load(l, list);
	config_budgets_load(l);
	config_webhooks_load(l);
	config_user_headers_load(l);
	config_check(l);
	if (l->c->deployment_count == 0)
		loader_remark(l, CONFIG_ERROR,
		    list == NULL ? l->tree.root : list,
		    "no models available: %s",
		    l->reasons.len > 0 ? buf_cstr(&l->reasons)
		    : list != NULL && list->count > 0
			? "see the errors"
			: "model_list has no entry");
}

/* ---- order of the remarks ----------------------------------------------- */

/* The files in the bundle's order; what is about none of them comes last. */
static size_t
file_rank(const struct bundle *b, const struct config_remark *m)
{
	for (size_t i = 0; i < b->count; i++) {
		if (strcmp(b->files[i].path, m->file) == 0)
			return i;
	}
	return b->count;
}

struct placed {
	struct config_remark remark;
	size_t file, index;
};

static int
compare_placed(const void *left, const void *right)
{
	const struct placed *a = left, *b = right;

	if (a->file != b->file)
		return a->file < b->file ? -1 : 1;
	if (a->remark.line != b->remark.line)
		return a->remark.line < b->remark.line ? -1 : 1;
	return a->index < b->index ? -1 : 1;
}

/* By file and line, for people; what was there before stays in front. */
static void
sort_remarks(struct config_report *r, size_t from, const struct bundle *b)
{
	size_t count = r->count - from;
	struct placed *all = xcalloc(count, sizeof(*all));

	for (size_t i = 0; i < count; i++) {
		all[i].remark = r->remarks[from + i];
		all[i].file = file_rank(b, &all[i].remark);
		all[i].index = i;
	}
	qsort(all, count, sizeof(*all), compare_placed);
	for (size_t i = 0; i < count; i++)
		r->remarks[from + i] = all[i].remark;
	free(all);
}

/* ---- public ------------------------------------------------------------ */

static void
loader_init(struct loader *l, struct config_report *report, struct err *err)
{
	memset(l, 0, sizeof(*l));
	l->c = xcalloc(1, sizeof(*l->c));
	arena_init(&l->c->arena, 16 * 1024);
	l->report = report;
	l->err = err;
	l->groups = map_new();
	l->ids = map_new();
	tree_init(&l->tree);
	buf_init(&l->reasons, 600);
}

static void
loader_fini(struct loader *l)
{
	tree_fini(&l->tree);
	map_free(&l->groups);
	map_free(&l->ids);
	buf_fini(&l->reasons);
}

int
config_parse(const struct bundle *b, struct config **config_r,
    struct config_report *report, struct err *err)
{
	size_t from = report->count;
	struct loader l;
	bool failed;

	loader_init(&l, report, err);
	config_env_begin();
	if (read_files(&l, b) == 0)
		load_all(&l);
	sort_remarks(report, from, b);
	failed = l.failed;
	config_env_end(!failed);
	if (failed)
		config_free(&l.c);
	else
		*config_r = l.c;
	loader_fini(&l);
	return failed ? -1 : 0;
}

int
config_load(const char *path, struct config **config_r,
    struct config_report *report, struct err *err)
{
	struct config_remark m = { CONFIG_ERROR, "", 0, "", NULL };
	struct bundle *b;
	struct err own;
	int rc;

	if (bundle_read(path, &b, &own) != 0) {
		m.text = own.text;
		config_report_add(report, &m);
		return err_set(err, own.code, "%s", own.text);
	}
	rc = config_parse(b, config_r, report, err);
	bundle_free(&b);
	return rc;
}

static void
wipe(const char *s)
{
	/* What is empty may be a literal. */
	if (s != NULL && *s != '\0')
		explicit_bzero((char *)(uintptr_t)s, strlen(s));
}

static void
wipe_deployment(struct config_deployment *d)
{
	wipe(d->api_key);
	wipe(d->aws_access_key_id);
	wipe(d->aws_secret_access_key);
	wipe(d->aws_session_token);
	if (d->login != NULL) {
		wipe(d->login->access_key_id);
		wipe(d->login->secret_access_key);
		wipe(d->login->session_token);
		wipe(d->login->token);
		wipe(d->login->client_secret);
	}
	wipe(d->defaults_json);
	wipe(d->extra_body_json);
	for (size_t i = 0; i < d->headers.count; i++)
		wipe(d->headers.items[i].value);
}

char *
config_trace_path(const struct config *c, const char *state_dir)
{
	return c->traces_path[0] == '/' ? xstrdup(c->traces_path)
					: path_join(state_dir, c->traces_path);
}

void
config_free(struct config **cp)
{
	struct config *c = *cp;

	if (c == NULL)
		return;
	for (size_t i = 0; i < c->deployment_count; i++)
		wipe_deployment(&c->deployments[i]);
	for (size_t i = 0; i < c->webhook_count; i++)
		wipe(c->webhooks[i].secret);
	wipe(c->master_key);
	arena_fini(&c->arena);
	free(c);
	*cp = NULL;
}

/* As seen from here: other processes may stand elsewhere. */
static char *
absolute(const char *path)
{
	char *here = path[0] == '/' ? NULL : getcwd(NULL, 0);
	char *whole;

	while (here != NULL && path[0] == '.' && path[1] == '/')
		path += 2;
	whole = here == NULL ? xstrdup(path) : path_join(here, path);
	free(here);
	return whole;
}

char *
config_state_dir(const struct config *c, const char *given)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	const char *named = getenv("TALLYGATE_STATE_DIR");
	const struct passwd *pw;

	if (given != NULL && *given != '\0')
		return absolute(given);
	if (c != NULL && c->state_dir != NULL && c->state_dir[0] != '\0')
		return absolute(c->state_dir);
	if (named != NULL && *named != '\0')
		return absolute(named);
	if (geteuid() == 0)
		return xstrdup("/var/lib/tallygate");
	/* XDG: a path that is not absolute is as if it were not there. */
	if (state != NULL && state[0] == '/')
		return path_join(state, "tallygate");
	if (home == NULL || home[0] != '/') {
		pw = getpwuid(geteuid());
		home = pw == NULL ? "/tmp" : pw->pw_dir;
	}
	return path_join(home, ".local/state/tallygate");
}
