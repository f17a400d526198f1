/*
 * run/supervisor.json: what runs, for tallyctl and scripts. Written when the
 * gateway is ready and after each change, removed when it stops. run/config
 * and run/traces name the files of the generation that last served, and stay.
 * All paths are absolute: who reads them stands elsewhere.
 */
#include "supervisor/supervisor.h"

#include "base/fd.h"
#include "base/jsonw.h"
#include "base/log.h"

#include <unistd.h>

#define STATE_FILE  "run/supervisor.json"
#define CONFIG_FILE "run/config"
#define TRACES_FILE "run/traces"

static void
write_child(struct jsonw *w, const struct child *c)
{
	static const char *const states[] = { "waiting", "starting", "ready",
		"retiring" };

	jsonw_open(w, '{');
	jsonw_key(w, "role");
	jsonw_cstr(w, contract_role_name(c->role));
	jsonw_key(w, "slot");
	jsonw_int(w, c->slot);
	jsonw_key(w, "generation");
	jsonw_int(w, c->generation);
	jsonw_key(w, "pid");
	jsonw_int(w, c->pid);
	jsonw_key(w, "state");
	jsonw_cstr(w, states[c->state]);
	jsonw_close(w, '}');
}

void
state_file_write(const struct supervisor *s)
{
	char *path = path_join(s->state_dir, STATE_FILE);
	char *config = realpath(s->options.config_path, NULL);
	char when[CLOCK_RFC3339_BYTES];
	struct buf b;
	struct jsonw w;
	struct err err;

	buf_init(&b, 1024 * 1024);
	jsonw_init(&w, &b);
	jsonw_open(&w, '{');
	jsonw_key(&w, "pid");
	jsonw_int(&w, getpid());
	jsonw_key(&w, "version");
	jsonw_cstr(&w, PACKAGE_VERSION);
	jsonw_key(&w, "address");
	jsonw_cstr(&w, s->address);
	jsonw_key(&w, "config");
	jsonw_cstr(&w, config != NULL ? config : s->options.config_path);
	clock_rfc3339(s->started_wall_nsecs, when);
	jsonw_key(&w, "started");
	jsonw_cstr(&w, when);
	jsonw_key(&w, "generation");
	jsonw_int(&w, s->generation);
	jsonw_put_open(&w, "children", '[');
	LIST_EACH(node, &s->children)
		write_child(&w, LIST_OBJ(node, struct child, node));
	jsonw_close(&w, ']');
	jsonw_close(&w, '}');
	buf_add_char(&b, '\n');
	if (file_write(path, buf_str(&b), &err) != 0)
		log_warn("%s", err.text);
	buf_fini(&b);
	free(config);
	free(path);
}

bool
state_file_remove(const struct supervisor *s)
{
	char *path = path_join(s->state_dir, STATE_FILE);
	bool there = unlink(path) == 0;

	free(path);
	return there;
}

static void
note(const struct supervisor *s, const char *name, const char *text)
{
	char *path = path_join(s->state_dir, name);
	struct err err;

	if (text != NULL && file_write(path, str_of(text), &err) != 0)
		log_warn("%s", err.text);
	free(path);
}

void
state_file_note_config(const struct supervisor *s)
{
	char *config = realpath(s->options.config_path, NULL);
	char *traces = config_trace_path(s->config, s->state_dir);

	note(s, CONFIG_FILE, config);
	note(s, TRACES_FILE, traces);
	free(config);
	free(traces);
}
