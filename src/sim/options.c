/* The command line. See options.h. */
#include "sim/options.h"

#include "base/num.h"

struct option_row {
	const char *name;    /* with '-' */
	const char *metavar; /* NULL: takes no value */
	int (*set)(struct options *o, const char *value, struct err *err);
	const char *help;
};

static int
set_host(struct options *o, const char *value, struct err *err)
{
	if (*value == '\0')
		return err_set(err, ERR_USAGE, "--host takes an address");
	o->host = value;
	return 0;
}

static int
take_int(const char *flag, const char *value, int64_t least, int64_t most,
    int64_t *v_r, struct err *err)
{
	int64_t v;

	if (num_int64(str_of(value), &v) != 0 || v < least || v > most)
		return err_set(err, ERR_USAGE,
		    "--%s takes a number from %lld to %lld, not \"%.40s\"",
		    flag, (long long)least, (long long)most, value);
	*v_r = v;
	return 0;
}

static int
set_port(struct options *o, const char *value, struct err *err)
{
	int64_t v;

	if (take_int("port", value, 0, 65535, &v, err) != 0)
		return -1;
	o->port = (int)v;
	return 0;
}

static int
set_workers(struct options *o, const char *value, struct err *err)
{
	int64_t v;

	if (take_int("workers", value, 1, OPTIONS_WORKERS_MAX, &v, err) != 0)
		return -1;
	o->workers = (int)v;
	return 0;
}

static int
set_seed(struct options *o, const char *value, struct err *err)
{
	return take_int("seed", value, 0, INT64_MAX, &o->seed, err);
}

/* The name goes into headers and ids: a word, not a sentence. */
static int
set_name(struct options *o, const char *value, struct err *err)
{
	size_t n = strlen(value);

	for (size_t i = 0; i < n; i++) {
		char c = value[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			(c >= '0' && c <= '9') || c == '-' || c == '_' ||
			c == '.'))
			n = 0;
	}
	if (n == 0 || n >= OPTIONS_NAME_BYTES)
		return err_set(err, ERR_USAGE,
		    "--name takes 1 to %d letters, digits, '.', '_' or '-'",
		    OPTIONS_NAME_BYTES - 1);
	snprintf(o->name, sizeof(o->name), "%s", value);
	return 0;
}

static int
set_dialect(struct options *o, const char *value, struct err *err)
{
	if (dialect_find(str_of(value), &o->dialect) != 0)
		return err_set(err, ERR_USAGE,
		    "--dialect takes openai, anthropic, mistral or bedrock, "
		    "not "
		    "\"%.40s\"",
		    value);
	return 0;
}

static int
set_models(struct options *o, const char *value, struct err *err)
{
	struct str rest = str_of(value);

	o->model_count = 0;
	while (rest.n > 0) {
		struct str name = str_trim(str_cut(&rest, ','));

		if (name.n == 0 || o->model_count == OPTIONS_MODELS_MAX)
			return err_set(err, ERR_USAGE,
			    "--models takes at most %d names with commas "
			    "between them",
			    OPTIONS_MODELS_MAX);
		o->models[o->model_count++] = name;
	}
	return 0;
}

static int
set_log(struct options *o, const char *value, struct err *err)
{
	(void)err;
	o->log = value;
	return 0;
}

static int
set_fixed_body(struct options *o, const char *value, struct err *err)
{
	(void)err;
	o->fixed_body = value;
	return 0;
}

/* clang-format off */
static const struct option_row rows[] = {
	{ "host",       "ADDRESS", set_host,    "address to listen on (127.0.0.1)" },
	{ "port",       "PORT",    set_port,    "port to listen on (9101); 0 takes a free one" },
	{ "name",       "NAME",    set_name,    "what it calls itself (sim)" },
	{ "dialect",    "DIALECT", set_dialect, "openai, anthropic, mistral or bedrock: the shape of errors, and the rules (openai)" },
	{ "models",     "A,B,...", set_models,  "models that exist; without it, any does" },
	{ "workers",    "N",       set_workers, "processes that share the port (1)" },
	{ "log",        "FILE",    set_log,     "append a JSON line for each request that ended" },
	{ "seed",       "N",       set_seed,    "of the draws for error_rate (1)" },
	{ "fixed-body", "FILE",    set_fixed_body, "answer every POST with exactly these bytes" },
	{ "version",    NULL,      NULL,        "print the version" },
	{ "help",       NULL,      NULL,        "print this" },
	{ "mdoc",       NULL,      NULL,        "print the settings' part of the manual" },
};
/* clang-format on */

static const struct option_row *
find_row(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (str_is(name, rows[i].name))
			return &rows[i];
	}
	return NULL;
}

static int
unknown(struct str name, struct err *err)
{
	const char *near = faults_near(name);
	char *word = str_dup(name);
	int rc;

	for (size_t i = 0; near == NULL && i < ARRAY_LEN(rows); i++) {
		if (str_distance(word, rows[i].name) < 3)
			near = rows[i].name;
	}
	free(word);
	rc = err_set(err, ERR_USAGE, "no flag is named --%.*s%s%s%s",
	    name.n > 40 ? 40 : (int)name.n, name.p,
	    near == NULL ? "" : "; did you mean --", near == NULL ? "" : near,
	    near == NULL ? "" : "?");
	for (char *p = err->text; near != NULL && *p != '\0'; p++) {
		if (*p == '_')
			*p = '-';
	}
	return rc;
}

/* A flag without a value: an action, or a setting that is switched on. */
static bool
is_bare(const struct option_row *row, const struct fault_row *fault)
{
	if (row != NULL)
		return row->metavar == NULL;
	return fault->type == FAULT_BOOL;
}

static int
apply(struct options *o, const struct option_row *row,
    const struct fault_row *fault, const char *value,
    enum options_action *action, struct err *err)
{
	if (fault != NULL)
		return faults_set(&o->faults, fault, str_of(value), err);
	if (row->set != NULL)
		return row->set(o, value, err);
	if (strcmp(row->name, "version") == 0)
		*action = OPTIONS_VERSION;
	else
		*action = strcmp(row->name, "mdoc") == 0 ? OPTIONS_MDOC
							 : OPTIONS_HELP;
	return 0;
}

int
options_parse(struct options *o, int argc, char *const *argv,
    enum options_action *action_r, struct err *err)
{
	memset(o, 0, sizeof(*o));
	o->host = "127.0.0.1";
	o->port = 9101;
	o->workers = 1;
	o->seed = 1;
	snprintf(o->name, sizeof(o->name), "sim");
	faults_init(&o->faults);
	*action_r = OPTIONS_RUN;
	for (int i = 1; i < argc; i++) {
		struct str rest = str_of(argv[i]), name;
		const struct fault_row *fault = NULL;
		const struct option_row *row;
		const char *value;

		if (!str_starts(rest, "--") || rest.n == 2)
			return err_set(err, ERR_USAGE,
			    "\"%.40s\" is not a flag (they begin with --)",
			    argv[i]);
		rest = str_make(rest.p + 2, rest.n - 2);
		name = str_cut(&rest, '=');
		value = rest.p; /* NULL when there was no '=' */
		row = find_row(name);
		if (row == NULL)
			fault = faults_find(name);
		if (row == NULL && fault == NULL)
			return unknown(name, err);
		if (value == NULL && !is_bare(row, fault)) {
			if (i + 1 == argc)
				return err_set(err, ERR_USAGE,
				    "--%.*s needs a value", STR_ARG(name));
			value = argv[++i];
		}
		if (apply(o, row, fault, value, action_r, err) != 0)
			return -1;
	}
	return 0;
}

void
options_help(struct buf *out)
{
	buf_add_cstr(out,
	    "Usage: tallysim [--host ADDRESS] [--port PORT] [--name NAME] "
	    "[FLAG ...]\n"
	    "A provider simulator: speaks OpenAI's, Anthropic's and Mistral's "
	    "wire and\nmisbehaves on request. See tallysim(1).\n\n");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t from = out->len;

		if (strcmp(rows[i].name, "mdoc") == 0)
			continue; /* for those who write the manual */
		buf_printf(out, "  --%s %s", rows[i].name,
		    rows[i].metavar == NULL ? "" : rows[i].metavar);
		buf_printf(out, "%*s", (int)(30 - (out->len - from)), "");
		buf_add_cstr(out, rows[i].help);
		buf_add_char(out, '\n');
	}
	buf_add_cstr(out,
	    "\nHow it misbehaves. Each is also a member of the control "
	    "path's \"set\", of a\nbody's \"x_sim\" object (with '_' for "
	    "'-'), and a header x-sim-...:\n\n");
	faults_help(out);
}
