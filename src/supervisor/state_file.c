/* run/supervisor.json: what runs, for tallyctl and scripts. Written when the
   gateway is ready and after each change. It stays when the gateway stops (it
   names the configuration); whether one runs is told by the lock. */
#include "supervisor/supervisor.h"

#include "base/fd.h"
#include "base/jsonw.h"
#include "base/log.h"

#include <unistd.h>

#define STATE_FILE "run/supervisor.json"

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
	char *traces = supervisor_trace_path(s);
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
	jsonw_cstr(&w, s->options.config_path);
	jsonw_key(&w, "traces");
	jsonw_cstr(&w, traces);
	clock_rfc3339(s->started_wall_nsecs, when);
	jsonw_key(&w, "started");
	jsonw_cstr(&w, when);
	jsonw_key(&w, "generation");
	jsonw_int(&w, s->generation);
	jsonw_key(&w, "children");
	jsonw_open(&w, '[');
	LIST_EACH(node, &s->children)
		write_child(&w, LIST_OBJ(node, struct child, node));
	jsonw_close(&w, ']');
	jsonw_close(&w, '}');
	buf_add_char(&b, '\n');
	if (file_write(path, buf_str(&b), &err) != 0)
		log_warn("%s", err.text);
	buf_fini(&b);
	free(traces);
	free(path);
}
