/* Prometheus' text format. See metrics_text.h. Pure. */
#include "admin/metrics_text.h"

#include "base/num.h"

void
metrics_head(struct buf *out, const char *name, const char *type,
    const char *help)
{
	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void
metrics_label(struct buf *out, const char *name, struct str value)
{
	buf_add_cstr(out, name);
	buf_add_cstr(out, "=\"");
	for (size_t i = 0; i < value.n; i++) {
		char c = value.p[i];

		if (c == '"' || c == '\\' || c == '\n')
			buf_add_char(out, '\\');
		buf_add_char(out, c == '\n' ? 'n' : c);
	}
	buf_add_char(out, '"');
}

void
metrics_value(struct buf *out, int64_t v, int decimals)
{
	char text[NUM_TEXT_BYTES];
	size_t n = num_format(v, decimals, text);

	buf_add_char(out, ' ');
	buf_add(out, text, n);
	buf_add_char(out, '\n');
}

void
metrics_single(struct buf *out, const char *name, const char *type,
    const char *help, int64_t v)
{
	metrics_head(out, name, type, help);
	buf_add_cstr(out, name);
	metrics_value(out, v, 0);
}
