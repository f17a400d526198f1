/*
 * For the tests of src/config: a configuration from text, remarks as lines,
 * and an environment without any provider's variables.
 */
#ifndef TESTS_UNIT_CONFIG_UNIT_H
#define TESTS_UNIT_CONFIG_UNIT_H

#include "unit.h"

#include "base/fd.h"
#include "config/config.h"

/* A parsed text with what was said about it. */
struct parsed {
	struct config *config; /* NULL: refused */
	struct config_report report;
	struct err err;
};

static inline void
env_clear(void)
{
	for (size_t i = 0; i < provider_count; i++) {
		const char *lists[] = { provider_table[i].key_vars,
			provider_table[i].base_vars };

		for (size_t k = 0; k < ARRAY_LEN(lists); k++) {
			struct str rest = str_of(lists[k]);

			while (rest.n > 0) {
				char *name = str_dup(str_cut(&rest, ' '));

				unsetenv(name);
				free(name);
			}
		}
	}
	unsetenv("LITELLM_MASTER_KEY");
	unsetenv("LITELLM_ENVIRONMENT");
}

static inline struct bundle *
bundle_of(const char *path, struct str text)
{
	struct bundle *b = xcalloc(1, sizeof(*b));

	b->count = 1;
	b->files[0].path = xstrdup(path);
	b->files[0].text = str_dup(text);
	b->files[0].len = text.n;
	return b;
}

static inline void
parse_str(struct parsed *p, struct str text)
{
	struct bundle *b = bundle_of("t.yaml", text);
	int rc;

	memset(p, 0, sizeof(*p));
	config_report_init(&p->report);
	rc = config_parse(b, &p->config, &p->report, &p->err);
	assert_int_equal(rc == 0, p->config != NULL);
	assert_int_equal(rc == 0, p->report.errors == 0);
	bundle_free(&b);
}

static inline void
parse_text(struct parsed *p, const char *text)
{
	parse_str(p, str_of(text));
}

static inline void
parsed_free(struct parsed *p)
{
	config_free(&p->config);
	config_report_fini(&p->report);
}

/* "warn t.yaml:3: key: text" */
static inline char *
remark_line(const struct config_remark *m)
{
	static const char *const words[] = { "note", "warn", "error" };
	struct buf b;

	buf_init(&b, 8192);
	buf_printf(&b, "%s ", words[m->severity]);
	config_remark_format(m, &b);
	return buf_take(&b, NULL);
}

/* True when some remark's line contains this. */
static inline bool
has_remark(const struct parsed *p, const char *part)
{
	bool found = false;

	for (size_t i = 0; i < p->report.count; i++) {
		char *line = remark_line(&p->report.remarks[i]);

		found = found || strstr(line, part) != NULL;
		free(line);
	}
	return found;
}

static inline char *
source_path(const char *name)
{
	const char *dir = getenv("TALLYGATE_SRCDIR");

	return path_join(dir == NULL ? "." : dir, name);
}

#endif
