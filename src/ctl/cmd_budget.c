/*
 * tallyctl budget list: every cap with what is spent and held of it in its
 * window, from budget_lines.h.
 */
#include "base/clock.h"
#include "ctl/budget_lines.h"
#include "ctl/table.h"
#include "domain/accounts/vkey.h"

static const char *
policy_text(const struct cap *cap, char out[160])
{
	switch (cap->policy) {
	case CAP_CLAMP:
		return "clamp";
	case CAP_REFUSE:
		return "refuse";
	case CAP_DOWNGRADE:
		snprintf(out, 160, "downgrade:%s", cap->downgrade_to);
		return out;
	}
	return "";
}

static void
time_text(uint32_t secs, const char *none, char out[CLOCK_RFC3339_BYTES])
{
	if (secs == 0)
		snprintf(out, CLOCK_RFC3339_BYTES, "%s", none);
	else
		clock_rfc3339((int64_t)secs * NSECS_PER_SEC, out);
}

static bool
is_overrun(const struct budget_line *l)
{
	return budget_line_spent(l) > budget_line_cap(l);
}

/* The alias of a key by its hash; NULL: it has none. On the heap. */
static char *
alias_of(struct store_txn *accounts, const struct budget_line *l)
{
	unsigned char hash[SHA256_BYTES];
	json_t *row = NULL;
	char *alias = NULL;

	if (accounts == NULL || l->budget->kind != SCOPE_KEY ||
	    vkey_find(accounts, str_of(l->id), hash, NULL) != 0 ||
	    entity_need(accounts, ENTITY_KEY,
		str_make((const char *)hash, SHA256_BYTES), &row, NULL) != 0)
		return NULL;
	if (jsonx_str(row, "key_alias").n > 0)
		alias = str_dup(jsonx_str(row, "key_alias"));
	json_decref(row);
	return alias;
}

/* People know keys by their alias; the beginning of the hash tells two apart.
 */
#define HASH_SHOWN 12

static void
name_cell(struct table *t, struct store_txn *accounts,
    const struct budget_line *l)
{
	char *alias = alias_of(accounts, l);

	if (alias != NULL)
		table_cell(t, "%s (%.*s...)", table_plain(alias), HASH_SHOWN,
		    l->id);
	else if (l->id[0] != '\0')
		table_cell(t, "%s", l->id);
	else
		table_cell(t, "%s",
		    l->budget->kind == SCOPE_GLOBAL ? "" : "(each)");
	free(alias);
}

/* "set by hand, 3.5 carried, overrun" */
static void
print_notes(struct table *t, const struct budget_line *l)
{
	char usd[MONEY_TEXT_BYTES], carried[MONEY_TEXT_BYTES + 16] = "";
	bool by_hand = l->budget->by_hand, overrun = is_overrun(l);

	if (budget_line_carried(l) != 0) {
		money_format(budget_line_carried(l), usd);
		snprintf(carried, sizeof(carried), "%s%s carried",
		    by_hand ? ", " : "", usd);
	}
	table_cell(t, "%s%s%s%s", by_hand ? "set by hand" : "", carried,
	    overrun && (by_hand || carried[0] != '\0') ? ", " : "",
	    overrun ? "overrun" : "");
}

static void
print_table(struct store_txn *accounts, const struct budget_lines *l)
{
	static const char *const heads[] = { "scope", "name", "window",
		"cap USD", "spent", "held", "room", "resets at", "when used up",
		"" };
	struct table *t = table_new("lllrrrrlll");

	for (size_t i = 0; i < ARRAY_LEN(heads); i++)
		table_cell(t, "%s", heads[i]);
	for (size_t i = 0; i < l->count; i++) {
		const struct budget_line *line = &l->items[i];
		const struct budget *b = line->budget;
		char when[CLOCK_RFC3339_BYTES], policy[160];

		time_text(line->row.window_end, "never", when);
		when[strcspn(when, ".")] = '\0';
		table_cell(t, "%s", scope_name(b->kind));
		name_cell(t, accounts, line);
		table_cell(t, "%s",
		    b->duration[0] != '\0' ? b->duration : "for ever");
		table_cell_usd(t, budget_line_cap(line));
		table_cell_usd(t, budget_line_spent(line));
		table_cell_usd(t, line->row.held_nanos);
		table_cell_usd(t, budget_line_room(line));
		table_cell(t, "%s", when);
		table_cell(t, "%s", policy_text(&b->cap, policy));
		print_notes(t, line);
	}
	table_print(t);
	table_free(&t);
}

static void
json_usd(struct jsonw *w, const char *key, int64_t nanos)
{
	jsonw_key(w, key);
	jsonw_decimal(w, nanos, 9);
}

static void
json_time(struct jsonw *w, const char *key, uint32_t secs)
{
	char when[CLOCK_RFC3339_BYTES];

	time_text(secs, "", when);
	jsonw_key(w, key);
	jsonw_cstr(w, secs == 0 ? NULL : when);
}

static void
json_line(struct jsonw *w, struct store_txn *accounts,
    const struct budget_line *l)
{
	const struct budget *b = l->budget;
	char policy[160], *alias = alias_of(accounts, l);

	jsonw_open(w, '{');
	jsonw_key(w, "scope");
	jsonw_cstr(w, scope_name(b->kind));
	jsonw_key(w, "id");
	jsonw_cstr(w, l->id[0] != '\0' ? l->id : NULL);
	jsonw_key(w, "alias");
	jsonw_cstr(w, alias);
	free(alias);
	jsonw_key(w, "window");
	jsonw_cstr(w, b->duration[0] != '\0' ? b->duration : NULL);
	json_usd(w, "max_budget_usd", budget_line_cap(l));
	json_usd(w, "soft_budget_usd", b->cap.soft_nanos);
	json_usd(w, "spent_usd", budget_line_spent(l));
	json_usd(w, "carried_usd", budget_line_carried(l));
	json_usd(w, "held_usd", l->row.held_nanos);
	json_usd(w, "room_usd", budget_line_room(l));
	json_time(w, "window_start",
	    l->row.window_end == 0 ? 0 : l->row.window_start);
	json_time(w, "resets_at", l->row.window_end);
	jsonw_key(w, "on_exhaust");
	jsonw_cstr(w, policy_text(&b->cap, policy));
	jsonw_key(w, "by_hand");
	jsonw_bool(w, b->by_hand);
	jsonw_key(w, "overrun");
	jsonw_bool(w, is_overrun(l));
	jsonw_close(w, '}');
}

static void
print_json(struct store_txn *accounts, const struct budget_lines *l)
{
	struct buf b;
	struct jsonw w;

	buf_init(&b, 256 * 1024 * 1024);
	jsonw_init(&w, &b);
	jsonw_open(&w, '{');
	jsonw_put_open(&w, "budgets", '[');
	for (size_t i = 0; i < l->count; i++)
		json_line(&w, accounts, &l->items[i]);
	jsonw_close(&w, ']');
	jsonw_close(&w, '}');
	printf("%s\n", buf_cstr(&b));
	buf_fini(&b);
}

static void
print_lines(struct ctl *c, const struct budget_lines *l)
{
	struct store_txn *accounts = NULL;

	/* Without it there are no aliases. */
	(void)!store_read(c->store, STORE_ACCOUNTS, &accounts, NULL);
	if (c->json)
		print_json(accounts, l);
	else if (l->count == 0)
		printf("no budgets: nothing is capped\n");
	else
		print_table(accounts, l);
	if (accounts != NULL)
		store_abort(&accounts);
}

int
cmd_budget_list(struct ctl *c, int argc, char **argv)
{
	struct budget_lines l;
	struct err err;
	int rc;

	if (argc > 0)
		return ctl_bad_argument(argv[0],
		    ctl_find_command(cmd_budget_list));
	rc = ctl_open_store(c, false);
	if (rc == CTL_OK)
		rc = ctl_open_catalog(c);
	if (rc != CTL_OK)
		return rc;
	if (budget_lines_open(&l, c, &err) != 0) {
		ctl_complain("%s", err.text);
		return CTL_USAGE;
	}
	if (budget_lines_read(&l, c, &err) != 0) {
		ctl_complain("%s", err.text);
		rc = CTL_FAILED;
	} else {
		print_lines(c, &l);
	}
	budget_lines_close(&l);
	return rc;
}
