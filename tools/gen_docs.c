/*
 * gen_docs: prints the tables of the program as documentation, so that a fact
 * stands in one place. tools/gen-docs puts them into docs/; make check-docs
 * fails when a document and its table have drifted apart.
 *
 * usage: gen_docs errors|outcomes|store|steps|routes|commands|options
 */
#include "admin/admin.h"
#include "base/err.h"
#include "ctl/ctl.h"
#include "ctl/export_columns.h"
#include "domain/accounts/entity.h"
#include "domain/routing/verdict.h"
#include "exchange/exchange.h"
#include "store/tables.h"

static void
print_errors(void)
{
	printf("| error | HTTP status | type | code | what a client reads |\n"
	       "|---|---|---|---|---|\n");
	for (int i = ERR_NONE + 1; i < ERR_COUNT; i++) {
		const struct err_info *e = err_info((enum err_code)i);

		printf("| `%s` | %d | `%s` | %s%s%s | %s |\n", e->name,
		    e->http_status, e->type, e->code[0] != '\0' ? "`" : "",
		    e->code[0] != '\0' ? e->code : "null",
		    e->code[0] != '\0' ? "`" : "", e->public_text);
	}
}

static void
print_outcomes(void)
{
	printf("| outcome of an attempt | breaker hears | another attempt in "
	       "the group | fallback groups | the client's error |\n"
	       "|---|---|---|---|---|\n");
	for (int i = 0; i < OUTCOME_COUNT; i++) {
		const struct outcome_info *o = outcome_info((enum outcome)i);

		printf("| `%s` | %s | %s | %s | `%s` |\n", o->word,
		    health_event_name(o->event), o->retry ? "yes" : "no",
		    o->fallback ? "yes" : "no", err_info(o->error)->name);
	}
}

static void
print_store(void)
{
#define ROW(NAME, env, name, key, value, writers, readers, expiry)             \
	{ #env, name, key, value, writers, readers, expiry },
	static const struct {
		const char *env, *name, *key, *value, *writers, *readers,
		    *expiry;
	} rows[] = { STORE_TABLES(ROW) };
#undef ROW

	printf("| environment | table | key | value | written by | read by | "
	       "expires |\n|---|---|---|---|---|---|---|\n");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		printf("| %s | `%s` | %s | %s | %s | %s | %s |\n",
		    strcmp(rows[i].env, "LIVE") == 0 ? "live" : "accounts",
		    rows[i].name, rows[i].key, rows[i].value, rows[i].writers,
		    rows[i].readers, rows[i].expiry);
}

static void
print_steps(void)
{
#define ROW(NAME, word, waits, gone, help) { word, #waits, #gone, help },
	static const struct {
		const char *word, *waits, *gone, *help;
	} rows[] = { STEPS(ROW) };
#undef ROW

	printf("| step | what happens | waits for | when the client leaves |\n"
	       "|---|---|---|---|\n");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *waits = xstrdup(rows[i].waits);

		for (char *p = waits; *p != '\0'; p++) {
			if (*p >= 'A' && *p <= 'Z')
				*p = (char)(*p - 'A' + 'a');
		}
		printf("| `%s` | %s | %s | %s |\n", rows[i].word, rows[i].help,
		    strcmp(waits, "nothing") == 0 ? "" : waits,
		    strcmp(rows[i].gone, "RECORD") == 0 ? "on to `record`"
							: "goes on");
		free(waits);
	}
}

/* The first words of who may: the page says the rest. */
static struct str
authority_word(enum admin_authority authority)
{
	struct str text = str_of(admin_authority_text(authority));

	return str_cut(&text, ';');
}

static void
print_routes(void)
{
	size_t n;
	const struct admin_route *r = admin_routes(&n);

	printf("| method | path | who may | what it answers |\n"
	       "|---|---|---|---|\n");
#define ROW(NAME, word, path)                                                  \
	printf("| %s | `/v1%s` | any key | " word " |\n",                      \
	    WIRE_##NAME == WIRE_RESPONSE ? "GET, DELETE" : "POST", path);
	WIRE_APIS(ROW)
#undef ROW
	for (size_t i = 0; i < n; i++)
		printf("| %s | `%s` | " STR_FMT " | %s |\n", r[i].method,
		    r[i].path, STR_ARG(authority_word(r[i].authority)),
		    r[i].help);
}

/* "key, team, user" */
static void
print_kinds(unsigned kinds)
{
	bool more = false;

	for (int k = 0; k <= ENTITY_MEMBER; k++) {
		if ((kinds & (1u << k)) == 0)
			continue;
		printf("%s%s", more ? ", " : "",
		    k == ENTITY_BUDGET ? "plan"
				       : entity_word((enum entity_kind)k));
		more = true;
	}
}

static void
print_fields(void)
{
	size_t n;
	const struct entity_field *f = entity_fields(&n);

	printf("| field | of a | takes | what it does |\n|---|---|---|---|\n");
	for (size_t i = 0; i < n; i++) {
		if (f[i].effect == FIELD_GIVEN)
			continue;
		printf("| `%s` | ", f[i].name);
		print_kinds(f[i].kinds);
		printf(" | %s | %s%s%s |\n", field_type_text(f[i].type),
		    f[i].effect == FIELD_KEPT
			? "kept and given back, no effect here"
			: "",
		    f[i].effect == FIELD_KEPT && f[i].help[0] != '\0' ? ": "
								      : "",
		    f[i].help);
	}
}

/* mdoc, for tallyctl(1). */
static void
print_commands(void)
{
	size_t n;
	const struct ctl_command *c = ctl_commands(&n);

	printf(".Bl -tag -width Ds\n");
	for (size_t i = 0; i < n; i++) {
		printf(".It Ic %s", c[i].words);
		if (c[i].arguments[0] != '\0')
			printf(" Ar %s", c[i].arguments);
		printf("\n%c%s.\n", c[i].help[0] - 'a' + 'A', c[i].help + 1);
	}
	printf(".El\n");
}

static void
print_columns(enum export_by by)
{
	size_t n;
	const struct export_column *c = export_columns(by, &n);

	printf("| column | type | what |\n|---|---|---|\n");
	for (size_t i = 0; i < n; i++)
		printf("| `%s` | %s | %s |\n", c[i].name,
		    export_type_text(c[i].type), c[i].help);
}

static void
print_requests(void)
{
	print_columns(EXPORT_BY_REQUESTS);
}

static void
print_attempts(void)
{
	print_columns(EXPORT_BY_ATTEMPTS);
}

int
main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*print)(void);
	} kinds[] = {
		{ "errors", print_errors },
		{ "outcomes", print_outcomes },
		{ "store", print_store },
		{ "steps", print_steps },
		{ "routes", print_routes },
		{ "fields", print_fields },
		{ "commands", print_commands },
		{ "requests", print_requests },
		{ "attempts", print_attempts },
	};

	for (size_t i = 0; argc == 2 && i < ARRAY_LEN(kinds); i++) {
		if (strcmp(argv[1], kinds[i].name) == 0) {
			kinds[i].print();
			return 0;
		}
	}
	fprintf(stderr,
	    "usage: gen_docs errors|outcomes|store|steps|routes|commands\n");
	return 2;
}
