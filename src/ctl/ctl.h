/*
 * tallyctl: questions from a shell, answered from the store and the trace file
 * themselves, so they are answered with the gateway stopped too. One table of
 * commands (ctl.c): words, arguments, help, function; --help and the manual
 * page come from it.
 */
#ifndef CTL_CTL_H
#define CTL_CTL_H

#include "base/buf.h"
#include "base/jsonw.h"
#include "base/num.h"
#include "domain/routing/catalog.h"
#include "store/store.h"

enum ctl_exit {
	CTL_OK = 0,
	CTL_FAILED = 1, /* the answer is no, or it could not be had */
	CTL_USAGE = 2,  /* unknown command, wrong state directory */
};

/* Below the state directory. */

struct ctl {
	const char *config_path; /* --config, or what the gateway ran with */
	char *last_config;       /* the latter; owned */
	char *state_dir;
	char *store_dir;
	bool json, help;
	struct store *store;   /* after ctl_open_store */
	struct config *config; /* after ctl_open_config */
	struct catalog *catalog;
	int64_t now_nsecs; /* wall */
};

struct ctl_command {
	const char *words;     /* "breaker trip" */
	const char *arguments; /* "DEPLOYMENT [SECONDS]" */
	const char *help;
	/* argv without the command's words, NULL-terminated. */
	int (*run)(struct ctl *c, int argc, char **argv);
};
/* Main of tallyctl. */
int ctl_main(int argc, char **argv);
const struct ctl_command *ctl_commands(size_t *count_r);

/* Opens the store read-only (writable: for breaker and the like). On failure
   one line on stderr and CTL_USAGE for a wrong directory, CTL_FAILED for a
   store that cannot be opened; 0 ok. */
int ctl_open_store(struct ctl *c, bool writable);
/* The store for writing; made when there is none yet. */
int ctl_make_store(struct ctl *c);
/* Who runs this: "uid 1000 (anna)". */
#define CTL_WHO_BYTES 96
void ctl_who(char out[CTL_WHO_BYTES]);
/* The configuration that was given, else the one the gateway last ran with;
 *err (or NULL) says why not. */
int ctl_open_config(struct ctl *c, struct err *err);
/* As ctl_open_config, with the catalog, and complaining. */
int ctl_open_catalog(struct ctl *c);
/* Where the trace file is: as the gateway said when it last ran, or as the
   configuration given says, or the usual place. The caller frees it. */
char *ctl_trace_path(struct ctl *c);
/* The row of the table with this function. */
const struct ctl_command *ctl_find_command(
    int (*run)(struct ctl *c, int argc, char **argv));
/* "tallyctl: ..." on stderr. */
void ctl_complain(const char *fmt, ...) PRINTF(1, 2);
/* Refuses what a command does not know: CTL_USAGE. */
int ctl_bad_argument(const char *argument, const struct ctl_command *command);

/* The commands, one file per group. */
int cmd_status(struct ctl *c, int argc, char **argv);
int cmd_spend(struct ctl *c, int argc, char **argv);
/* cmd_entity.c: what is kept in accounts/. */
#define CTL_ENTITY(kind)                                                       \
	int cmd_##kind##_create(struct ctl *c, int argc, char **argv);         \
	int cmd_##kind##_list(struct ctl *c, int argc, char **argv);           \
	int cmd_##kind##_show(struct ctl *c, int argc, char **argv);           \
	int cmd_##kind##_update(struct ctl *c, int argc, char **argv);         \
	int cmd_##kind##_delete(struct ctl *c, int argc, char **argv);
#define CTL_BLOCKING(kind)                                                     \
	int cmd_##kind##_block(struct ctl *c, int argc, char **argv);          \
	int cmd_##kind##_unblock(struct ctl *c, int argc, char **argv);
CTL_BLOCKING(key)
CTL_BLOCKING(team)
CTL_BLOCKING(user)
CTL_BLOCKING(customer)
CTL_ENTITY(key)
CTL_ENTITY(team)
CTL_ENTITY(user)
CTL_ENTITY(customer)
CTL_ENTITY(plan)
CTL_ENTITY(tag)
int cmd_key_regenerate(struct ctl *c, int argc, char **argv);
int cmd_team_member_add(struct ctl *c, int argc, char **argv);
int cmd_team_member_remove(struct ctl *c, int argc, char **argv);
int cmd_log(struct ctl *c, int argc, char **argv);
int cmd_budget_list(struct ctl *c, int argc, char **argv);
int cmd_budget_set(struct ctl *c, int argc, char **argv);
int cmd_budget_unset(struct ctl *c, int argc, char **argv);
int cmd_health(struct ctl *c, int argc, char **argv);
int cmd_breaker_list(struct ctl *c, int argc, char **argv);
int cmd_breaker_trip(struct ctl *c, int argc, char **argv);
int cmd_breaker_reset(struct ctl *c, int argc, char **argv);
int cmd_limits(struct ctl *c, int argc, char **argv);
int cmd_models(struct ctl *c, int argc, char **argv);
int cmd_explain(struct ctl *c, int argc, char **argv);
int cmd_trace(struct ctl *c, int argc, char **argv);
int cmd_audit(struct ctl *c, int argc, char **argv);
int cmd_snapshot(struct ctl *c, int argc, char **argv);
int cmd_recover(struct ctl *c, int argc, char **argv);
int cmd_top(struct ctl *c, int argc, char **argv);
int cmd_export(struct ctl *c, int argc, char **argv);
int cmd_completion(struct ctl *c, int argc, char **argv);
int cmd_import(struct ctl *c, int argc, char **argv);
int cmd_reload(struct ctl *c, int argc, char **argv);

#endif
