/* The table of commands, the options they share, and opening what they read. */
#include "ctl/ctl.h"

#include "base/clock.h"
#include "base/fd.h"
#include "config/config.h"
#include "station/recovery.h"

#include <pwd.h>
#include <stdarg.h>
#include <unistd.h>

/* clang-format off */
static const struct ctl_command commands[] = {
	{ "status",        "", "is it running, since when, what is in the store", cmd_status },
	{ "spend",         "[--by model|group|provider|deployment|key|team|user|tag|day] [--since T] [--until T]", "requests, tokens and money; T: 2026-11-22, RFC 3339, or an age such as 2h or 30d", cmd_spend },
	{ "budget list",   "", "caps: what is spent and held of each, its room, when it resets", cmd_budget_list },
	{ "budget set",    "SCOPE[:NAME] AMOUNT [--duration D]", "another cap, at once for all workers, until it is unset; USD", cmd_budget_set },
	{ "budget unset",  "SCOPE[:NAME] [--duration D]", "as configured again", cmd_budget_unset },
	{ "key create",    "[--alias NAME] [--FIELD VALUE]...", "a new virtual key; shown this once. Fields: --max-budget 5 --budget-duration 30d --models a,b --team-id T --user-id U --rpm-limit 60 ... (docs/teams.md)", cmd_key_create },
	{ "key list",      "", "all keys, with what they spent", cmd_key_list },
	{ "key show",      "KEY", "one of them, every field; KEY: itself, its hash or its alias", cmd_key_show },
	{ "key update",    "KEY [--FIELD VALUE]...", "other fields, from the next request on; null takes one away", cmd_key_update },
	{ "key block",     "KEY", "refused from the next request on, by all workers", cmd_key_block },
	{ "key unblock",   "KEY", "let in again", cmd_key_unblock },
	{ "key delete",    "KEY", "gone; what it spent stays in the books", cmd_key_delete },
	{ "key regenerate", "KEY", "another secret for the same key; the old one ends", cmd_key_regenerate },
	{ "team create",   "[ID] [--FIELD VALUE]...", "a new team: its keys spend its money", cmd_team_create },
	{ "team list",     "", "all of them, with what they spent", cmd_team_list },
	{ "team show",     "ID", "one of them, every field", cmd_team_show },
	{ "team update",   "ID [--FIELD VALUE]...", "other fields, from the next request on; null takes one away", cmd_team_update },
	{ "team block",    "ID", "refused from the next request on", cmd_team_block },
	{ "team unblock",  "ID", "let in again", cmd_team_unblock },
	{ "team delete",   "ID", "with its keys", cmd_team_delete },
	{ "user create",   "[ID] [--FIELD VALUE]...", "a new user", cmd_user_create },
	{ "user list",     "", "all of them, with what they spent", cmd_user_list },
	{ "user show",     "ID", "one of them, every field", cmd_user_show },
	{ "user update",   "ID [--FIELD VALUE]...", "other fields, from the next request on; null takes one away", cmd_user_update },
	{ "user block",    "ID", "refused from the next request on", cmd_user_block },
	{ "user unblock",  "ID", "let in again", cmd_user_unblock },
	{ "user delete",   "ID", "with its keys and memberships", cmd_user_delete },
	{ "customer create",   "ID [--FIELD VALUE]...", "limits of its own for an end user", cmd_customer_create },
	{ "customer list",     "", "all of them, with what they spent", cmd_customer_list },
	{ "customer show",     "ID", "one of them, every field", cmd_customer_show },
	{ "customer update",   "ID [--FIELD VALUE]...", "other fields, from the next request on; null takes one away", cmd_customer_update },
	{ "customer block",    "ID", "refused from the next request on", cmd_customer_block },
	{ "customer unblock",  "ID", "let in again", cmd_customer_unblock },
	{ "customer delete",   "ID", "gone", cmd_customer_delete },
	{ "plan create",   "[ID] [--FIELD VALUE]...", "a new reusable budget, for --budget-id", cmd_plan_create },
	{ "plan list",     "", "all of them", cmd_plan_list },
	{ "plan show",     "ID", "one of them, every field", cmd_plan_show },
	{ "plan update",   "ID [--FIELD VALUE]...", "other fields, from the next request on; null takes one away", cmd_plan_update },
	{ "plan delete",   "ID", "gone", cmd_plan_delete },
	{ "tag create",   "NAME [--FIELD VALUE]...", "limits of its own for a tag", cmd_tag_create },
	{ "tag list",     "", "all of them, with what they spent", cmd_tag_list },
	{ "tag show",     "NAME", "one of them, every field", cmd_tag_show },
	{ "tag update",   "NAME [--FIELD VALUE]...", "other fields, from the next request on; null takes one away", cmd_tag_update },
	{ "tag delete",   "NAME", "gone", cmd_tag_delete },
	{ "team member add", "TEAM USER [--role admin] [--FIELD VALUE]...", "puts a user into a team", cmd_team_member_add },
	{ "team member remove", "TEAM USER", "takes it out", cmd_team_member_remove },
	{ "log",           "[-n COUNT]", "who changed keys, teams, users ... and how; the newest last", cmd_log },
	{ "health",        "", "every deployment: breaker, error rate, latency, last error", cmd_health },
	{ "breaker list",  "", "breaker states", cmd_breaker_list },
	{ "breaker trip",  "DEPLOYMENT [DURATION]", "send nothing there for a while (default: its cooldown; 0: until it is reset)", cmd_breaker_trip },
	{ "breaker reset", "DEPLOYMENT", "let traffic through again", cmd_breaker_reset },
	{ "limits",        "", "what counts now: calls under way, requests and tokens of the last 60 seconds, by scope", cmd_limits },
	{ "models",        "", "public names, their deployments and prices", cmd_models },
	{ "explain",       "[--key K] MODEL|REQUEST.json|-", "where a request would go now and why; of each candidate: breaker, limits, price at worst and as expected, budget room, what would be lowered or refused; asks nobody", cmd_explain },
	{ "top",           "[--interval SECONDS] [--sort spend|requests|tokens|errors|latency] [--once]", "what goes on now, on the whole screen: rates by model, key and deployment, breakers, calls under way, budgets; --once prints it one time", cmd_top },
	{ "trace",         "[-f] [-n COUNT]", "the last requests; -f goes on as they come", cmd_trace },
	{ "audit",         "[--since T] [--public-key FILE] [--list]", "prove the books: chain, every charge, roll-ups, windows, holds; says balanced, or each difference with both figures; --list names what is estimated", cmd_audit },
	{ "snapshot",      "[DIR]", "a copy of the store, taken while it runs (default: snapshots/TIME in the state directory)", cmd_snapshot },
	{ "recover",       "[--from SNAPSHOT] [--partial]", "build the store's live part anew from the trace files, after a power loss; with the gateway stopped", cmd_recover },
	{ "export",        "[--since T] [--until T] [--format csv|jsonl] [--by requests|attempts] [--output FILE]", "the trace files as a flat table, for spreadsheets and databases (docs/export.md)", cmd_export },
	{ "import",        "FILE.json|- [--apply]", "keys, teams, users ... of another gateway (docs/migration.md): says what it would do; --apply does it, all or nothing", cmd_import },
	{ "completion",    "bash|zsh", "a completion script for that shell", cmd_completion },
	{ "reload",        "", "make the running gateway read its configuration again", cmd_reload },
};
/* clang-format on */

const struct ctl_command *
ctl_commands(size_t *count_r)
{
	*count_r = ARRAY_LEN(commands);
	return commands;
}

void
ctl_complain(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "tallyctl: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n");
}

int
ctl_bad_argument(const char *argument, const struct ctl_command *command)
{
	ctl_complain("'%s' is not understood; usage: tallyctl %s%s%s", argument,
	    command->words, command->arguments[0] != '\0' ? " " : "",
	    command->arguments);
	return CTL_USAGE;
}

int
ctl_open_store(struct ctl *c, bool writable)
{
	struct store_options options = {
		.dir = c->store_dir,
		.read_only = !writable,
		.must_exist = true,
	};
	struct err err;

	if (store_open(&options, &c->store, &err) == 0)
		return CTL_OK;
	if (access(c->store_dir, F_OK) == 0) {
		ctl_complain("%s", err.text);
		return CTL_FAILED;
	}
	ctl_complain("%s (choose the state directory with --state DIR, or "
		     "--config FILE of the gateway)",
	    err.text);
	return CTL_USAGE;
}

int
ctl_make_store(struct ctl *c)
{
	struct store_options options = { .dir = c->store_dir };
	char *trace_path = ctl_trace_path(c);
	bool due = recovery_is_due(c->store_dir, trace_path);
	struct err err;

	free(trace_path);
	if (due) {
		ctl_complain("%s/live is not there, but there are trace files: "
			     "start the gateway or run 'tallyctl --state %s "
			     "recover' first",
		    c->store_dir, c->state_dir);
		return CTL_FAILED;
	}
	if (store_open(&options, &c->store, &err) == 0)
		return CTL_OK;
	ctl_complain("%s", err.text);
	return CTL_FAILED;
}

void
ctl_who(char out[CTL_WHO_BYTES])
{
	const struct passwd *p = getpwuid(getuid());

	snprintf(out, CTL_WHO_BYTES, "uid %u%s%.60s%s", (unsigned)getuid(),
	    p != NULL ? " (" : "", p != NULL ? p->pw_name : "",
	    p != NULL ? ")" : "");
}

const struct ctl_command *
ctl_find_command(int (*run)(struct ctl *c, int argc, char **argv))
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (commands[i].run == run)
			return &commands[i];
	}
	return &commands[0];
}

/* What the gateway noted when it last started: run/config, run/traces. NULL:
   nothing. */
static char *
last_said(const struct ctl *c, const char *name)
{
	char *path = path_join(c->state_dir, name);
	char *found = NULL;
	struct buf text;

	buf_init(&text, 16 * 1024);
	if (file_read(path, &text, NULL) == 0 && text.len > 0)
		found = str_dup(str_trim(buf_str(&text)));
	buf_fini(&text);
	free(path);
	return found;
}

int
ctl_open_config(struct ctl *c, struct err *err)
{
	struct config_report report;
	int rc;

	if (c->config != NULL)
		return CTL_OK;
	if (c->config_path == NULL)
		c->config_path = c->last_config = last_said(c, "run/config");
	if (c->config_path == NULL) {
		err_set(err, ERR_CONFIG,
		    "no configuration known for %s: give it with --config FILE",
		    c->state_dir);
		return CTL_USAGE;
	}
	config_report_init(&report);
	report.without_keys = true;
	rc = config_load(c->config_path, &c->config, &report, err);
	config_report_fini(&report);
	return rc == 0 ? CTL_OK : CTL_USAGE;
}

int
ctl_open_catalog(struct ctl *c)
{
	struct err err;

	if (ctl_open_config(c, &err) == CTL_OK &&
	    catalog_open(c->config, &c->catalog, &err) == 0)
		return CTL_OK;
	ctl_complain("%s", err.text);
	return CTL_USAGE;
}

char *
ctl_trace_path(struct ctl *c)
{
	char *said = last_said(c, "run/traces");

	if (said != NULL)
		return said;
	if (ctl_open_config(c, NULL) == CTL_OK)
		return config_trace_path(c->config, c->state_dir);
	return path_join(c->state_dir, "traces.jsonl");
}

/* ---- the command line --------------------------------------------------- */

/* How many of argv's first words the command's words begin with. */
static int
words_in_common(const struct ctl_command *command, int argc, char **argv)
{
	struct str rest = str_of(command->words);
	int n = 0;

	while (rest.n > 0 && n < argc && str_is(str_cut(&rest, ' '), argv[n]))
		n++;
	return n;
}

static void
print_command(FILE *to, const struct ctl_command *command)
{
	fprintf(to, "  %s%s%s\n      %s\n", command->words,
	    command->arguments[0] != '\0' ? " " : "", command->arguments,
	    command->help);
}

/* Of the commands that begin with the words in argv; all when there are none.
   What is behind a command's words is not looked at. */
static int
print_help(FILE *to, int argc, char **argv)
{
	int most = 0;

	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		int n = words_in_common(&commands[i], argc, argv);

		most = n > most ? n : most;
	}
	if (argc > 0 && most == 0)
		return -1;
	fprintf(to,
	    "usage: tallyctl [--config FILE | --state DIR] COMMAND [--json]\n"
	    "Asks a Tallygate's store and traces; works with it stopped.\n\n");
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (words_in_common(&commands[i], argc, argv) == most)
			print_command(to, &commands[i]);
	}
	fprintf(to, "\nExit: 0 answered, 1 failed, 2 wrong command or state "
		    "directory. See tallyctl(1).\n");
	return 0;
}

/* The variable an option sets, NULL for what is none; *value_r: what stands
   behind its '=', or NULL. */
static const char **
find_option(struct ctl *c, const char **state_r, const char *argument,
    const char **value_r)
{
	const struct {
		const char *name;
		const char **variable;
	} options[] = {
		{ "--config", &c->config_path },
		{ "-c", &c->config_path },
		{ "--state", state_r },
	};

	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		size_t n = strlen(options[i].name);

		if (strncmp(argument, options[i].name, n) != 0 ||
		    (argument[n] != '\0' && argument[n] != '='))
			continue;
		*value_r = argument[n] == '=' ? argument + n + 1 : NULL;
		return options[i].variable;
	}
	return NULL;
}

/* Takes --config, --state, --json and --help out of argv wherever they stand.
 */
static int
take_options(struct ctl *c, const char **state_r, int *argc, char **argv)
{
	int out = 0;

	for (int i = 0; i < *argc; i++) {
		const char *value = NULL;
		const char **variable =
		    find_option(c, state_r, argv[i], &value);

		if (strcmp(argv[i], "--json") == 0) {
			c->json = true;
		} else if (strcmp(argv[i], "--help") == 0 ||
			   strcmp(argv[i], "-h") == 0) {
			c->help = true;
		} else if (variable == NULL) {
			argv[out++] = argv[i];
		} else if (value != NULL) {
			*variable = value;
		} else if (i + 1 < *argc) {
			*variable = argv[++i];
		} else {
			ctl_complain("%s needs a value", argv[i]);
			return -1;
		}
	}
	*argc = out;
	argv[out] = NULL;
	return 0;
}

/* The command whose words argv begins with; *used_r words. */
static const struct ctl_command *
find_command(int argc, char **argv, int *used_r)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		struct str rest = str_of(commands[i].words);
		int used = 0;

		while (rest.n > 0 && used < argc) {
			struct str word = str_cut(&rest, ' ');

			if (!str_is(word, argv[used])) {
				used = -1;
				break;
			}
			used++;
		}
		if (used > 0 && rest.n == 0) {
			*used_r = used;
			return &commands[i];
		}
	}
	return NULL;
}

/* "budget" of "budget list", "budget set" ... */
static bool
is_in_group(const struct ctl_command *command, const char *word)
{
	size_t n = strlen(word);

	return strncmp(command->words, word, n) == 0 &&
	       command->words[n] == ' ';
}

/* Says what can follow this word; false: nothing begins with it. */
static bool
say_group(const char *word)
{
	bool any = false;

	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (!is_in_group(&commands[i], word))
			continue;
		fprintf(stderr, any ? ", %s" : "tallyctl: which one: %s",
		    commands[i].words);
		any = true;
	}
	if (any)
		fprintf(stderr, "? See 'tallyctl %s --help'\n", word);
	return any;
}

/* The command that is most like the first words of argv, or NULL. Where the
   first word is right, those of its group. */
static const char *
nearest_command(int argc, char **argv)
{
	const char *near = NULL;
	char said[64] = "";
	bool group = false;
	int best = 3;

	for (size_t i = 0; argc > 0 && i < ARRAY_LEN(commands); i++)
		group = group || is_in_group(&commands[i], argv[0]);
	for (int words = 0; words < argc && words < 3; words++) {
		size_t at = strlen(said);

		snprintf(said + at, sizeof(said) - at, "%s%s",
		    words > 0 ? " " : "", argv[words]);
		for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
			int d = str_distance(said, commands[i].words);

			if (d < best &&
			    (!group || is_in_group(&commands[i], argv[0]))) {
				best = d;
				near = commands[i].words;
			}
		}
	}
	return near;
}

static int
unknown_command(int argc, char **argv)
{
	const char *near = nearest_command(argc, argv);

	if (argc == 0)
		print_help(stderr, 0, NULL);
	else if (near != NULL)
		ctl_complain("unknown command '%s%s%s'; did you mean '%s'?",
		    argv[0], argc > 1 ? " " : "", argc > 1 ? argv[1] : "",
		    near);
	else if (!say_group(argv[0]))
		ctl_complain("unknown command '%s'; see 'tallyctl --help'",
		    argv[0]);
	return CTL_USAGE;
}

/* With --config alone the state directory is the one it names. */
static int
choose_state_dir(struct ctl *c, const char *given)
{
	struct config *config = NULL;
	struct config_report report;
	struct err err;

	if (given == NULL && c->config_path != NULL) {
		config_report_init(&report);
		report.without_keys = true;
		if (config_load(c->config_path, &config, &report, &err) != 0) {
			ctl_complain("%s", err.text);
			config_report_fini(&report);
			return CTL_USAGE;
		}
		config_report_fini(&report);
	}
	c->state_dir = config_state_dir(config, given);
	c->store_dir = path_join(c->state_dir, "store");
	config_free(&config);
	return CTL_OK;
}

int
ctl_main(int argc, char **argv)
{
	const struct ctl_command *command;
	const char *state = NULL;
	struct ctl c = { .now_nsecs = clock_wall_nsecs() };
	int used, rc;

	argc--;
	argv++;
	if (take_options(&c, &state, &argc, argv) != 0)
		return CTL_USAGE;
	if (argc > 0 && strcmp(argv[0], "help") == 0) {
		c.help = true;
		argc--;
		argv++;
	}
	if (c.help)
		return print_help(stdout, argc, argv) == 0
			   ? CTL_OK
			   : unknown_command(argc, argv);
	if (argc > 0 && strcmp(argv[0], "--version") == 0) {
		printf("tallyctl %s\n", PACKAGE_VERSION);
		return CTL_OK;
	}
	command = find_command(argc, argv, &used);
	if (command == NULL)
		return unknown_command(argc, argv);
	rc = choose_state_dir(&c, state);
	if (rc == CTL_OK)
		rc = command->run(&c, argc - used, argv + used);
	store_close(&c.store);
	catalog_free(&c.catalog);
	config_free(&c.config);
	free(c.last_config);
	free(c.store_dir);
	free(c.state_dir);
	return rc;
}
