/*
 * What there is to say about the configuration files: remarks with file, line
 * and key, in the order they are shown (config_parse sorts its own by file
 * and line). Owns copies of all texts; holds no secrets.
 */
#ifndef CONFIG_CONFIG_REPORT_H
#define CONFIG_CONFIG_REPORT_H

#include "base/arena.h"
#include "base/buf.h"

enum config_severity {
	CONFIG_NOTE,  /* read, no effect here */
	CONFIG_WARN,  /* probably not what was meant */
	CONFIG_ERROR, /* refused */
};

/* One remark about the files: file:line: key: text. */
struct config_remark {
	enum config_severity severity;
	const char *file;
	int line;        /* 0 when it is about the whole file */
	const char *key; /* "model_list[2].litellm_params.timeout" */
	const char *text;
};

#define CONFIG_MAX_REMARKS 1000 /* kept; the counts go on */

struct config_report {
	struct arena arena;
	size_t count, size;
	struct config_remark *remarks;
	size_t errors, warnings;
	/* Asked of the parser by tools that call nobody (tallyctl, whose shell
	   has not the gateway's variables): a deployment whose key is not set
	   is kept, without key. */
	bool without_keys;
};

void config_report_init(struct config_report *r);
void config_report_fini(struct config_report *r);
void config_report_add(struct config_report *r,
    const struct config_remark *remark);
/* "file:line: key: text" into out; severity is not part of it. */
void config_remark_format(const struct config_remark *m, struct buf *out);

#endif
