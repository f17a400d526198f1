/*
 * tallygate: one binary, four roles. Without --role it is the supervisor; the
 * supervisor starts the other roles by running this binary again. The command
 * line is one table: --help comes from it, and the manual page is held to it
 * (tests/operations/test_manual.py).
 */
#include "base/log.h"
#include "base/num.h"
#include "config/config_schema.h"
#include "ipc/contract.h"
#include "keeper/keeper.h"
#include "logger/logger.h"
#include "supervisor/supervisor.h"
#include "worker/worker.h"

#include <getopt.h>

struct command_line {
	struct supervisor_options supervisor;
	const char *role, *schema;
	int slot, generation;
	bool help, version;
};

enum option_kind {
	OPT_CONFIG = 'c',
	OPT_HOST = 256,
	OPT_PORT,
	OPT_WORKERS,
	OPT_STATE,
	OPT_CHECK,
	OPT_VERSION,
	OPT_HELP,
	OPT_DEBUG,
	OPT_ROLE,
	OPT_SLOT,
	OPT_GENERATION,
	OPT_SCHEMA,
	OPT_IGNORED,       /* LiteLLM's, without effect here */
	OPT_IGNORED_VALUE, /* the same, with a value */
};

/* X(name, kind, has value, value's name, help; NULL: not shown) */
/* clang-format off */
#define OPTIONS(X) \
X("config",         OPT_CONFIG,     1, "FILE", "the configuration (LiteLLM's YAML as it is); -c for short") \
X("host",           OPT_HOST,       1, "ADDRESS", "listen here (default 0.0.0.0, or tallygate.host)") \
X("port",           OPT_PORT,       1, "PORT", "default 4000; 0 picks one") \
X("num_workers",    OPT_WORKERS,    1, "N", "default one per core") \
X("state",          OPT_STATE,      1, "DIR", "store, traces and run files") \
X("check",          OPT_CHECK,      0, NULL, "print every remark about the configuration and exit: 0 good, 2 refused") \
X("detailed_debug", OPT_DEBUG,      0, NULL, "log what happens to each request") \
X("debug",          OPT_DEBUG,      0, NULL, "the same") \
X("schema",         OPT_SCHEMA,     1, "FORMAT", "print the configuration keys as markdown or mdoc") \
X("version",        OPT_VERSION,    0, NULL, "print the version") \
X("help",           OPT_HELP,       0, NULL, "print this") \
X("role",           OPT_ROLE,       1, "ROLE", NULL) \
X("slot",           OPT_SLOT,       1, "N", NULL) \
X("generation",     OPT_GENERATION, 1, "N", NULL) \
X("request_timeout", OPT_IGNORED_VALUE, 1, "S", NULL) \
X("max_budget",     OPT_IGNORED_VALUE, 1, "USD", NULL) \
X("keepalive_timeout", OPT_IGNORED_VALUE, 1, "S", NULL) \
X("log_config",     OPT_IGNORED_VALUE, 1, "FILE", NULL) \
X("max_requests_before_restart", OPT_IGNORED_VALUE, 1, "N", NULL) \
X("telemetry",      OPT_IGNORED_VALUE, 1, "BOOL", NULL) \
X("drop_params",    OPT_IGNORED,    0, NULL, NULL) \
X("run_gunicorn",   OPT_IGNORED,    0, NULL, NULL) \
X("run_hypercorn",  OPT_IGNORED,    0, NULL, NULL) \
X("use_prisma_db_push", OPT_IGNORED, 0, NULL, NULL)
/* clang-format on */

#define OPTION_ROW(name, kind, has_value, value, help)                         \
	{ name, has_value, NULL, kind },
static const struct option long_options[] = { OPTIONS(
    OPTION_ROW){ NULL, 0, NULL, 0 } };
#undef OPTION_ROW

static void
print_help(void)
{
#define HELP_ROW(name, kind, has_value, value, help) { name, value, help },
	static const struct {
		const char *name, *value, *help;
	} rows[] = { OPTIONS(HELP_ROW) };
#undef HELP_ROW

	printf("usage: tallygate --config FILE [options]\n"
	       "An LLM gateway: OpenAI's API over many providers, with hard "
	       "budget caps.\n\n");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char left[40];

		if (rows[i].help == NULL)
			continue;
		snprintf(left, sizeof(left), "--%s%s%s", rows[i].name,
		    rows[i].value != NULL ? " " : "",
		    rows[i].value != NULL ? rows[i].value : "");
		printf("  %-22s %s\n", left, rows[i].help);
	}
	printf("\nSignals: TERM, INT drain and stop (twice: at once), HUP "
	       "re-reads the configuration,\nUSR1 reopens the trace file. See "
	       "tallygate(8), tallygate.yaml(5), tallyctl(1).\n");
}

static int
take_number(const char *name, const char *text, int max, int *v_r)
{
	int64_t v;

	if (num_int64(str_of(text), &v) != 0 || v < 0 || v > max) {
		fprintf(stderr,
		    "tallygate: --%s takes a number from 0 to %d, not '%s'\n",
		    name, max, text);
		return -1;
	}
	*v_r = (int)v;
	return 0;
}

static int
take_option(struct command_line *cl, int kind, const char *name)
{
	switch (kind) {
	case OPT_CONFIG:
		cl->supervisor.config_path = optarg;
		return 0;
	case OPT_HOST:
		cl->supervisor.host = optarg;
		return 0;
	case OPT_PORT:
		return take_number(name, optarg, 65535, &cl->supervisor.port);
	case OPT_WORKERS:
		return take_number(name, optarg, 256,
		    &cl->supervisor.num_workers);
	case OPT_STATE:
		cl->supervisor.state_dir = optarg;
		return 0;
	case OPT_CHECK:
		cl->supervisor.check = true;
		return 0;
	case OPT_DEBUG:
		cl->supervisor.debug = true;
		return 0;
	case OPT_VERSION:
		cl->version = true;
		return 0;
	case OPT_HELP:
		cl->help = true;
		return 0;
	case OPT_SCHEMA:
		cl->schema = optarg;
		return 0;
	case OPT_ROLE:
		cl->role = optarg;
		return 0;
	case OPT_SLOT:
		return take_number(name, optarg, 65535, &cl->slot);
	case OPT_GENERATION:
		return take_number(name, optarg, 1 << 30, &cl->generation);
	case OPT_IGNORED:
	case OPT_IGNORED_VALUE:
		fprintf(stderr,
		    "tallygate: --%s is LiteLLM's and has no effect here\n",
		    name);
		return 0;
	default:
		return -1;
	}
}

static int
read_command_line(struct command_line *cl, int argc, char **argv)
{
	int kind, index = -1;

	memset(cl, 0, sizeof(*cl));
	cl->supervisor.port = cl->supervisor.num_workers = -1;
	while ((kind = getopt_long(argc, argv, "c:h", long_options, &index)) !=
	       -1) {
		const char *name =
		    index >= 0 ? long_options[index].name : "config";

		if (kind == 'h')
			kind = OPT_HELP;
		if (take_option(cl, kind, name) != 0)
			return -1;
		index = -1;
	}
	if (optind < argc) {
		fprintf(stderr, "tallygate: unexpected argument '%s'\n",
		    argv[optind]);
		return -1;
	}
	return 0;
}

static int
run_role(const struct command_line *cl)
{
	static const struct {
		enum contract_role role;
		int (*run)(uint32_t slot, uint32_t generation);
	} roles[] = {
		{ CONTRACT_WORKER, worker_main },
		{ CONTRACT_LOGGER, logger_main },
		{ CONTRACT_KEEPER, keeper_main },
	};
	const char *level = getenv(CONTRACT_ENV_LOG_LEVEL);
	enum contract_role role;
	char name[64];

	if (contract_role_parse(cl->role, &role) != 1)
		return CONTRACT_EXIT_VERSION;
	if (role == CONTRACT_WORKER)
		snprintf(name, sizeof(name), "%s[%d]", cl->role, cl->slot);
	else
		snprintf(name, sizeof(name), "%s", cl->role);
	log_init(name, level != NULL && level[0] == '0' ? LOG_LEVEL_DEBUG
							: LOG_LEVEL_INFO);
	for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
		if (roles[i].role == role)
			return roles[i].run((uint32_t)cl->slot,
			    (uint32_t)cl->generation);
	}
	return CONTRACT_EXIT_VERSION;
}

static int
print_schema(const char *format)
{
	struct buf out;
	int rc;

	buf_init(&out, 1024 * 1024);
	rc = config_schema_print(&out, format);
	if (rc == 0)
		fwrite(out.data, 1, out.len, stdout);
	else
		fprintf(stderr, "tallygate: --schema takes markdown or mdoc\n");
	buf_fini(&out);
	return rc == 0 ? 0 : 2;
}

int
main(int argc, char **argv)
{
	struct command_line cl;

	if (read_command_line(&cl, argc, argv) != 0) {
		fprintf(stderr, "Try 'tallygate --help'.\n");
		return 2;
	}
	if (cl.role != NULL)
		return run_role(&cl);
	log_init("supervisor",
	    cl.supervisor.debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	if (cl.help) {
		print_help();
		return 0;
	}
	if (cl.version) {
		printf("tallygate %s\n", PACKAGE_VERSION);
		return 0;
	}
	if (cl.schema != NULL)
		return print_schema(cl.schema);
	if (cl.supervisor.check)
		return supervisor_check(&cl.supervisor);
	return supervisor_main(&cl.supervisor);
}
