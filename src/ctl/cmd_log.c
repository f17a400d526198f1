/* tallyctl log: who changed what in accounts/, from the log of changes. */
#include "ctl/ctl.h"
#include "ctl/table.h"
#include "domain/accounts/change.h"

#define SHOWN     20
#define CELL_MAX  60
#define MAX_BYTES (4 * 1024 * 1024)

static int
take_count(int argc, char **argv, int64_t *count_r)
{
	*count_r = SHOWN;
	if (argc == 0)
		return CTL_OK;
	if (argc == 2 && strcmp(argv[0], "-n") == 0 &&
	    num_int64(str_of(argv[1]), count_r) == 0 && *count_r > 0)
		return CTL_OK;
	return ctl_bad_argument(argv[0], ctl_find_command(cmd_log));
}

/* "max_budget 1 → 2, blocked → true"; times and writers are told already. */
static void
say_members(const json_t *line, struct buf *out)
{
	const json_t *before = json_object_get(line, "before");
	const json_t *after = json_object_get(line, "after");
	const json_t *both[2];
	const char *name;
	json_t *value;

	both[0] = before;
	both[1] = after;
	for (size_t i = 0; i < 2; i++) {
		json_object_foreach(jsonx_iterable(both[i]), name, value) {
			const json_t *old = json_object_get(before, name);
			char *from, *to;

			if (name[0] == '_' ||
			    strncmp(name, "updated_", 8) == 0 ||
			    strncmp(name, "created_", 8) == 0 ||
			    (i == 0 && json_object_get(after, name) != NULL) ||
			    json_is_null(after) || json_is_null(before))
				continue;
			from = old != NULL ? entity_dump(old) : xstrdup("none");
			to = i == 1 ? entity_dump(value) : xstrdup("none");
			buf_printf(out, "%s%s %.*s → %.*s",
			    out->len > 0 ? ", " : "", name, CELL_MAX, from,
			    CELL_MAX, to);
			free(from);
			free(to);
		}
	}
}

static void
print_line(struct table *t, struct str text)
{
	json_t *line = jsonx_parse(text, NULL);
	static const char *const columns[] = { "time", "who", "verb", "kind" };
	struct str alias = jsonx_str(line, "alias");
	struct buf members;
	char *cell;

	for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
		cell = table_plain(str_dup(jsonx_str(line, columns[i])));
		/* Seconds are enough for people. */
		if (i == 0)
			table_cell(t, "%.19sZ", cell);
		else
			table_cell(t, "%.40s", cell);
		free(cell);
	}
	cell =
	    table_plain(str_dup(alias.n > 0 ? alias : jsonx_str(line, "id")));
	table_cell(t, "%.24s", cell);
	free(cell);
	buf_init(&members, MAX_BYTES);
	say_members(line, &members);
	cell = table_plain(xstrdup(buf_cstr(&members)));
	table_cell(t, "%s", cell);
	free(cell);
	buf_fini(&members);
	json_decref(line);
}

static int
print_log(struct ctl *c, struct store_txn *t, int64_t count, struct err *err)
{
	static const char *const heads[] = { "time", "who", "did", "to a",
		"called", "what" };
	struct table *table = table_new("llllll");
	struct change_walk w;
	uint64_t last, number;
	struct str text;
	int rc = change_last(t, &last, err);

	for (size_t i = 0; i < ARRAY_LEN(heads); i++)
		table_cell(table, "%s", heads[i]);

	if (rc == 0)
		rc = change_walk(t,
		    last > (uint64_t)count ? last - (uint64_t)count + 1 : 1, &w,
		    err);
	if (rc == 0) {
		while ((rc = change_next(&w, &number, &text, err)) == 1) {
			if (c->json)
				printf(STR_FMT "\n", STR_ARG(text));
			else
				print_line(table, text);
		}
		change_end_walk(&w);
	}
	if (rc == 0 && !c->json)
		table_print(table);
	table_free(&table);
	return rc;
}

int
cmd_log(struct ctl *c, int argc, char **argv)
{
	struct store_txn *t;
	struct err err;
	int64_t count;
	int rc = take_count(argc, argv, &count);

	if (rc == CTL_OK)
		rc = ctl_open_store(c, false);
	if (rc != CTL_OK)
		return rc;
	rc = store_read(c->store, STORE_ACCOUNTS, &t, &err);
	if (rc == 0) {
		rc = print_log(c, t, count, &err);
		store_abort(&t);
	}
	if (rc == 0)
		return CTL_OK;
	ctl_complain("%s", err.text);
	return CTL_FAILED;
}
