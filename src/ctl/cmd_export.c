/*
 * tallyctl export: the trace files, rotated ones too, as a flat table for
 * spreadsheets and databases. What is still waiting in the outbox is not on
 * file and not exported yet.
 */
#include "base/clock.h"
#include "base/fd.h"
#include "base/jsonx.h"
#include "base/map.h"
#include "ctl/ctl.h"
#include "ctl/export_columns.h"
#include "domain/accounts/alias.h"
#include "domain/audit/trace_line.h"
#include "station/trace_files.h"

#include <sys/stat.h>
#include <unistd.h>

struct exporting {
	enum export_by by;
	bool jsonl;
	int64_t since_nsecs, until_nsecs; /* 0: no bound */
	int64_t now_nsecs;
	const char *path; /* --output; NULL stdout */
	char *part;       /* where it is written until it is whole */
	FILE *to;
	struct buf row, value;
	struct store_txn *accounts; /* for aliases; NULL: there is no store */
	struct map *aliases;        /* team → its alias, "" none; owned */
	struct err err;             /* of a line that cannot be read */
};

static int
take_option(struct exporting *x, const char *name, const char *value)
{
	struct str v = str_of(value);

	if (strcmp(name, "--since") == 0)
		return clock_parse(v, x->now_nsecs, &x->since_nsecs);
	if (strcmp(name, "--until") == 0)
		return clock_parse(v, x->now_nsecs, &x->until_nsecs);
	if (strcmp(name, "--format") == 0) {
		x->jsonl = str_is(v, "jsonl");
		return x->jsonl || str_is(v, "csv") ? 0 : -1;
	}
	if (strcmp(name, "--by") == 0) {
		x->by = str_is(v, "attempts") ? EXPORT_BY_ATTEMPTS
					      : EXPORT_BY_REQUESTS;
		return str_is(v, "attempts") || str_is(v, "requests") ? 0 : -1;
	}
	if (strcmp(name, "--output") != 0)
		return -1;
	x->path = value;
	return v.n > 0 ? 0 : -1;
}

static int
take_arguments(struct exporting *x, int argc, char **argv)
{
	const struct ctl_command *own = ctl_find_command(cmd_export);

	for (int i = 0; i < argc; i += 2) {
		if (i + 1 >= argc)
			return ctl_bad_argument(argv[i], own);
		if (take_option(x, argv[i], argv[i + 1]) != 0) {
			ctl_complain("'%s %s' is not understood; usage: "
				     "tallyctl %s %s",
			    argv[i], argv[i + 1], own->words, own->arguments);
			return CTL_USAGE;
		}
	}
	return CTL_OK;
}

/* ---- rows --------------------------------------------------------------- */

/* As RFC 4180 has it: quoted where it must be. */
static void
add_csv(struct buf *out, struct str s)
{
	bool quoted =
	    memchr(s.p, ',', s.n) != NULL || memchr(s.p, '"', s.n) != NULL ||
	    memchr(s.p, '\n', s.n) != NULL || memchr(s.p, '\r', s.n) != NULL;

	if (!quoted) {
		buf_add_str(out, s);
		return;
	}
	buf_add_char(out, '"');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"')
			buf_add_char(out, '"');
		buf_add_char(out, s.p[i]);
	}
	buf_add_char(out, '"');
}

static void
add_json(struct jsonw *w, const struct export_column *c, bool some,
    struct str value)
{
	jsonw_key(w, c->name);
	if (!some)
		jsonw_null(w);
	else if (c->type == EXPORT_TEXT || c->type == EXPORT_TIME)
		jsonw_str(w, value);
	else
		jsonw_raw(w, value);
}

static int
write_row(struct exporting *x, const struct export_row *row)
{
	size_t count;
	const struct export_column *columns = export_columns(x->by, &count);
	struct jsonw w;

	buf_clear(&x->row);
	jsonw_init(&w, &x->row);
	if (x->jsonl)
		jsonw_open(&w, '{');
	for (size_t i = 0; i < count; i++) {
		int rc;

		buf_clear(&x->value);
		rc = export_value(&columns[i], row, &x->value);
		if (rc < 0)
			return err_set(&x->err, ERR_BAD_REQUEST, "%s is no %s",
			    columns[i].key, export_type_text(columns[i].type));
		if (x->jsonl) {
			add_json(&w, &columns[i], rc == 1, buf_str(&x->value));
			continue;
		}
		if (i > 0)
			buf_add_char(&x->row, ',');
		if (rc == 1)
			add_csv(&x->row, buf_str(&x->value));
	}
	if (x->jsonl)
		jsonw_close(&w, '}');
	buf_add_cstr(&x->row, x->jsonl ? "\n" : "\r\n");
	if (fwrite(x->row.data, 1, x->row.len, x->to) == x->row.len)
		return 0;
	return err_set(&x->err, ERR_IO, "cannot write: %m");
}

static void
write_heads(struct exporting *x)
{
	size_t count;
	const struct export_column *columns = export_columns(x->by, &count);

	for (size_t i = 0; !x->jsonl && i < count; i++)
		fprintf(x->to, "%s%s", i > 0 ? "," : "", columns[i].name);
	if (!x->jsonl)
		fputs("\r\n", x->to);
}

/* 1 it is asked for, 0 not, -1 it has no time. */
static int
is_asked_for(struct exporting *x, const json_t *line)
{
	int64_t at;

	if (clock_parse(jsonx_str(line, "time"), x->now_nsecs, &at) != 0)
		return err_set(&x->err, ERR_BAD_REQUEST, "it has no time");
	return at >= x->since_nsecs &&
	       (x->until_nsecs == 0 || at < x->until_nsecs);
}

/* ---- aliases ------------------------------------------------------------ */

/* The store is a help: an export needs the files alone. */
static void
open_accounts(struct ctl *c, struct exporting *x)
{
	x->aliases = map_new();
	if (access(c->store_dir, F_OK) != 0 ||
	    ctl_open_store(c, false) != CTL_OK ||
	    store_read(c->store, STORE_ACCOUNTS, &x->accounts, NULL) != 0)
		x->accounts = NULL;
}

static void
close_accounts(struct exporting *x)
{
	map_free_with(&x->aliases, free);
	if (x->accounts != NULL)
		store_abort(&x->accounts);
}

static struct str
team_alias(struct exporting *x, struct str team)
{
	char *alias;
	json_t *row;

	if (x->accounts == NULL || team.n == 0)
		return str_make("", 0);
	alias = map_find(x->aliases, team);
	if (alias == NULL) {
		row = alias_row(x->accounts, ENTITY_TEAM, team);
		alias = str_dup(alias_in(ENTITY_TEAM, row));
		json_decref(row);
		map_set(x->aliases, team, alias);
	}
	return str_of(alias);
}

static int
write_line(struct exporting *x, const json_t *line)
{
	const json_t *attempts = json_object_get(line, "attempts");
	struct export_row row = { .line = line };
	int rc = is_asked_for(x, line);

	if (rc <= 0)
		return rc;
	row.team_alias = team_alias(x, jsonx_str(line, "team"));
	if (x->by == EXPORT_BY_REQUESTS)
		return write_row(x, &row);
	rc = 0;
	for (size_t i = 0; rc == 0 && i < json_array_size(attempts); i++) {
		row.attempt = json_array_get(attempts, i);
		row.number = i + 1;
		rc = write_row(x, &row);
	}
	return rc;
}

static int
on_line(void *arg, const char *file, uint64_t number, struct str text)
{
	struct exporting *x = arg;
	json_t *line = jsonx_parse(text, &x->err);
	int rc = line == NULL ? -1 : write_line(x, line);

	json_decref(line);
	if (rc == 0)
		return 0;
	err_prefix(&x->err, "%s:%llu", file, (unsigned long long)number);
	return 1;
}

/* ---- files -------------------------------------------------------------- */

/* The output appears under its name when it is whole, not before. */
static int
open_output(struct exporting *x)
{
	size_t n;

	x->to = stdout;
	if (x->path == NULL)
		return 0;
	n = strlen(x->path) + 32;
	x->part = xmalloc(n);
	snprintf(x->part, n, "%s.%ld.part", x->path, (long)getpid());
	x->to = fopen(x->part, "wxe");
	if (x->to != NULL && fchmod(fileno(x->to), 0600) == 0)
		return 0;
	return err_set(&x->err, ERR_IO, "%s: %m", x->part);
}

static int
close_output(struct exporting *x, int rc)
{
	if (rc == 0 && (fflush(x->to) != 0 || ferror(x->to)))
		rc = err_set(&x->err, ERR_IO, "cannot write: %m");
	if (x->part == NULL)
		return rc;
	if (rc == 0 && fsync(fileno(x->to)) != 0)
		rc = err_set(&x->err, ERR_IO, "%s: %m", x->part);
	if (x->to != NULL)
		fclose(x->to);
	if (rc == 0 && rename(x->part, x->path) != 0)
		rc = err_set(&x->err, ERR_IO, "%s: %m", x->path);
	if (rc != 0)
		unlink(x->part);
	free(x->part);
	return rc;
}

static int
export_files(struct ctl *c, struct exporting *x)
{
	char *path = ctl_trace_path(c);
	struct trace_files files;
	int rc = trace_files_open(path, NULL, x->since_nsecs, &files, &x->err);

	if (rc == 0 && files.count == 0 && access(path, F_OK) != 0)
		rc = err_set(&x->err, ERR_IO,
		    "%s: no trace file (choose the state directory with "
		    "--state DIR)",
		    path);
	free(path);
	if (rc != 0)
		return -1;
	rc = open_output(x);
	if (rc == 0) {
		write_heads(x);
		rc = trace_files_read(&files, on_line, x, &x->err);
		rc = close_output(x, rc == 0 ? 0 : -1);
	}
	trace_files_close(&files);
	return rc;
}

int
cmd_export(struct ctl *c, int argc, char **argv)
{
	struct exporting x = { .by = EXPORT_BY_REQUESTS,
		.jsonl = c->json,
		.now_nsecs = c->now_nsecs };
	int rc = take_arguments(&x, argc, argv);

	if (rc != CTL_OK)
		return rc;
	buf_init(&x.row, 16 * TRACE_LINE_BYTES);
	buf_init(&x.value, 8 * TRACE_LINE_BYTES);
	open_accounts(c, &x);
	if (export_files(c, &x) != 0) {
		ctl_complain("%s", x.err.text);
		rc = CTL_FAILED;
	}
	close_accounts(&x);
	buf_fini(&x.row);
	buf_fini(&x.value);
	return rc;
}
