/* A configuration tried as workers will use it. See rehearsal.h. */
#include "domain/routing/rehearsal.h"

#include "domain/ledger/budgets.h"
#include "domain/routing/catalog.h"

static void
remark_unpriced(const struct catalog *catalog, struct config_report *report)
{
	char text[1024];
	struct config_remark m = { .severity = CONFIG_WARN,
		.key = "model_list",
		.text = text };

	for (size_t i = 0; i < catalog->deployment_count; i++) {
		const struct deployment *d = &catalog->deployments[i];

		if (d->price.known || d->is_wildcard)
			continue;
		m.file = d->config->file;
		m.line = d->config->line;
		snprintf(text, sizeof(text),
		    "%s: no price is known for %s%s: it costs nothing, and is "
		    "refused under a budget; give it model_info.base_model, "
		    "input_cost_per_token and output_cost_per_token, or a "
		    "table in tallygate.prices",
		    d->config->model_name, d->config->litellm_model,
		    catalog->table_count == 0 ? " (no price table is installed)"
					      : "");
		config_report_add(report, &m);
	}
}

int
rehearsal_run(const struct config *c, struct config_report *report,
    struct err *err)
{
	struct config_remark m = { .severity = CONFIG_ERROR };
	struct catalog *catalog = NULL;
	struct budgets *budgets = NULL;
	struct err own;
	int rc = catalog_open(c, &catalog, &own);

	if (rc == 0) {
		remark_unpriced(catalog, report);
		rc = budgets_build(c, &budgets, &own);
	}
	if (rc != 0) {
		m.text = own.text;
		config_report_add(report, &m);
		err_set(err, own.code, "%s", own.text);
	}
	budgets_free(&budgets);
	catalog_free(&catalog);
	return rc;
}
