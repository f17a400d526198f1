/* Reading and checking a configuration. See check.h. */
#include "supervisor/check.h"

#include "base/log.h"
#include "domain/routing/rehearsal.h"
#include "supervisor/supervisor.h"

#include <unistd.h>

static const char *
severity_word(enum config_severity severity)
{
	switch (severity) {
	case CONFIG_NOTE:
		return "note";
	case CONFIG_WARN:
		return "warning";
	case CONFIG_ERROR:
		return "error";
	}
	return "error";
}

static void
log_remarks(const struct config_report *report)
{
	struct buf line;

	buf_init(&line, 4096);
	for (size_t i = 0; i < report->count; i++) {
		const struct config_remark *m = &report->remarks[i];

		buf_clear(&line);
		config_remark_format(m, &line);
		if (m->severity == CONFIG_ERROR)
			log_error("%s", buf_cstr(&line));
		else if (m->severity == CONFIG_WARN)
			log_warn("%s", buf_cstr(&line));
		else
			log_debug("%s", buf_cstr(&line));
	}
	buf_fini(&line);
}

static void
print_remarks(const struct config_report *report)
{
	struct buf line;

	buf_init(&line, 4096);
	for (size_t i = 0; i < report->count; i++) {
		const struct config_remark *m = &report->remarks[i];

		buf_clear(&line);
		config_remark_format(m, &line);
		printf("%s: %s\n", severity_word(m->severity), buf_cstr(&line));
	}
	buf_fini(&line);
}

/* The errors themselves were shown: one of them again would read like one
   more. */
static void
say_refused(const char *path, const struct config_report *report,
    struct err *err)
{
	err_set(err, ERR_CONFIG, "%s is refused: %zu %s, see above", path,
	    report->errors, report->errors == 1 ? "error" : "errors");
}

int
check_load(const char *path, struct config **config_r, int *fd_r,
    struct err *err)
{
	struct config_report report;
	struct bundle *bundle;
	int rc;

	if (path == NULL)
		return err_set(err, ERR_USAGE,
		    "no configuration: give one with --config FILE");
	if (bundle_read(path, &bundle, err) != 0)
		return -1;
	config_report_init(&report);
	rc = config_parse(bundle, config_r, &report, err);
	log_remarks(&report);
	if (rc != 0)
		say_refused(path, &report, err);
	config_report_fini(&report);
	if (rc == 0) {
		*fd_r = bundle_to_fd(bundle, err);
		if (*fd_r < 0) {
			config_free(config_r);
			rc = -1;
		}
	}
	bundle_free(&bundle);
	return rc;
}

static bool
is_loopback(const char *host)
{
	return strcmp(host, "127.0.0.1") == 0 || strcmp(host, "::1") == 0 ||
	       strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0;
}

/* NULL: there is a master key. */
static const char *
exposure_text(const struct config *c, const char *host_given)
{
	const char *host = host_given != NULL ? host_given : c->host;

	if (c->master_key[0] != '\0')
		return NULL;
	if (host[0] != '\0' && is_loopback(host))
		return "no general_settings.master_key: everybody on this "
		       "host may use the gateway until there is a virtual key";
	if (c->open)
		return "no general_settings.master_key and tallygate.open: "
		       "everybody who reaches this address may use the "
		       "gateway and spend your money";
	return "no general_settings.master_key: who has a virtual key is let "
	       "in, nobody administers over HTTP; without any virtual key the "
	       "gateway does not start here";
}

void
check_exposure(const struct config *c, const char *host_given)
{
	const char *text = exposure_text(c, host_given);

	if (text != NULL)
		log_warn("%s", text);
}

static void
remark_exposure(const struct config *c, const char *host_given,
    struct config_report *report)
{
	struct config_remark m = { .severity = CONFIG_WARN,
		.text = exposure_text(c, host_given) };

	if (m.text != NULL)
		config_report_add(report, &m);
}

int
supervisor_check(const struct supervisor_options *options)
{
	struct config *config = NULL;
	struct config_report report;
	struct bundle *bundle;
	struct err err = { 0 };
	int rc;

	if (options->config_path == NULL) {
		fprintf(stderr, "tallygate: --check needs --config FILE\n");
		return 2;
	}
	if (bundle_read(options->config_path, &bundle, &err) != 0) {
		printf("error: %s\n", err.text);
		return 2;
	}
	config_report_init(&report);
	rc = config_parse(bundle, &config, &report, &err);
	if (rc == 0) {
		remark_exposure(config, options->host, &report);
		rc = rehearsal_run(config, &report, &err);
	}
	print_remarks(&report);
	if (rc != 0)
		say_refused(options->config_path, &report, &err);
	if (rc == 0)
		printf("%s: ok, %zu deployments, %zu warnings\n",
		    options->config_path, config->deployment_count,
		    report.warnings);
	else
		printf("%s\n", err.text);
	config_report_fini(&report);
	config_free(&config);
	bundle_free(&bundle);
	return rc == 0 ? 0 : 2;
}
