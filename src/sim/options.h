/* The command line. */
#ifndef SIM_OPTIONS_H
#define SIM_OPTIONS_H

#include "sim/faults.h"
#include "sim/problem.h"

#define OPTIONS_NAME_BYTES  33
#define OPTIONS_WORKERS_MAX 64
#define OPTIONS_MODELS_MAX  64

/* Strings are borrowed from argv. */
struct options {
	const char *host;
	int port; /* 0: any */
	char name[OPTIONS_NAME_BYTES];
	enum dialect dialect;
	int workers;
	const char *log;        /* path, or NULL */
	const char *fixed_body; /* path, or NULL */
	int64_t seed;
	/* Models that exist; any does when there are none. */
	struct str models[OPTIONS_MODELS_MAX];
	size_t model_count;
	struct faults faults;
};

/* What main() does next. */
enum options_action {
	OPTIONS_RUN,
	OPTIONS_HELP,
	OPTIONS_VERSION,
	OPTIONS_MDOC
};

/* Reads the whole command line; ERR_USAGE with one clear line. */
int options_parse(struct options *o, int argc, char *const *argv,
    enum options_action *action_r, struct err *err) MUST_CHECK;
void options_help(struct buf *out);

#endif
