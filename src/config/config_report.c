/*
 * The remarks about the files. See config_report.h.
 * Owns copies of all texts. At most CONFIG_MAX_REMARKS are kept (a file of a
 * megabyte could cause as many as it has lines); the counts go on.
 */
#include "config/config_report.h"

void
config_report_init(struct config_report *r)
{
	memset(r, 0, sizeof(*r));
	arena_init(&r->arena, 4096);
}

void
config_report_fini(struct config_report *r)
{
	arena_fini(&r->arena);
	free(r->remarks);
	memset(r, 0, sizeof(*r));
}

static const char *
keep(struct config_report *r, const char *s)
{
	return s == NULL || *s == '\0' ? "" : arena_strdup(&r->arena, s);
}

static void
append(struct config_report *r, const struct config_remark *m)
{
	struct config_remark *to;

	if (r->count == r->size) {
		r->size = r->size == 0 ? 16 : r->size * 2;
		r->remarks =
		    xrealloc(r->remarks, r->size * sizeof(*r->remarks));
	}
	to = &r->remarks[r->count++];
	to->severity = m->severity;
	to->line = m->line;
	to->file = keep(r, m->file);
	to->key = keep(r, m->key);
	to->text = keep(r, m->text);
}

void
config_report_add(struct config_report *r, const struct config_remark *remark)
{
	static const struct config_remark more = { CONFIG_NOTE, "", 0, "",
		"there is more to say; put these right first" };

	r->errors += remark->severity == CONFIG_ERROR;
	r->warnings += remark->severity == CONFIG_WARN;
	if (r->count < CONFIG_MAX_REMARKS)
		append(r, remark);
	else if (r->count == CONFIG_MAX_REMARKS)
		append(r, &more);
}

void
config_remark_format(const struct config_remark *m, struct buf *out)
{
	if (m->file != NULL && m->file[0] != '\0') {
		buf_add_cstr(out, m->file);
		if (m->line > 0)
			buf_printf(out, ":%d", m->line);
		buf_add_cstr(out, ": ");
	}
	if (m->key != NULL && m->key[0] != '\0')
		buf_printf(out, "%s: ", m->key);
	buf_add_cstr(out, m->text);
}
