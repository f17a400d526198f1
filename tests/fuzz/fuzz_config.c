/*
 * Fuzz target: a whole configuration from any bytes. Either it is refused with
 * at least one error and a text for the operator, or there is a configuration
 * that can be freed; nothing else. Corpus: tests/unit/config, etc.
 */
#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bundle *b = xcalloc(1, sizeof(*b));
	struct err err = { .text = "" };
	struct config_report report;
	struct config *c = NULL;

	b->count = 1;
	b->files[0].path = xstrdup("fuzz.yaml");
	b->files[0].text = xstrndup((const char *)data, size);
	b->files[0].len = size;
	config_report_init(&report);
	if (config_parse(b, &c, &report, &err) == 0) {
		if (report.errors != 0 || c->deployment_count == 0)
			abort();
		config_free(&c);
	} else if (report.errors == 0 || err.text[0] == '\0') {
		abort();
	}
	config_report_fini(&report);
	bundle_free(&b);
	return 0;
}
