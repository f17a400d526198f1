/*
 * tallyctl snapshot: a compacted copy of both environments, taken in a read
 * transaction while the gateway runs. Where it stands in the trace files needs
 * no note of its own: the owners' rows in it say up to which of their records
 * it goes.
 */
#include "ctl/ctl.h"
#include "station/recovery.h"

#include <unistd.h>

int
cmd_snapshot(struct ctl *c, int argc, char **argv)
{
	struct err err;
	bool is_new;
	char *dir;
	int rc;

	if (argc > 1 || (argc == 1 && argv[0][0] == '-'))
		return ctl_bad_argument(argv[argc - 1],
		    ctl_find_command(cmd_snapshot));
	rc = ctl_open_store(c, false);
	if (rc != CTL_OK)
		return rc;
	dir = argc == 1
		  ? xstrdup(argv[0])
		  : recovery_snapshot_dir(c->state_dir, c->now_nsecs, "", &err);
	is_new = dir != NULL && access(dir, F_OK) != 0;
	if (dir == NULL || store_snapshot(c->store, dir, &err) != 0) {
		ctl_complain("%s", err.text);
		/* Half of one on a full disk is of no use. */
		if (is_new)
			recovery_remove_store(dir);
		free(dir);
		return CTL_FAILED;
	}
	if (c->json) {
		struct buf b;
		struct jsonw w;

		buf_init(&b, 64 * 1024);
		jsonw_init(&w, &b);
		jsonw_open(&w, '{');
		jsonw_key(&w, "snapshot");
		jsonw_cstr(&w, dir);
		jsonw_close(&w, '}');
		printf("%s\n", buf_cstr(&b));
		buf_fini(&b);
	} else {
		printf("%s\n", dir);
	}
	free(dir);
	return CTL_OK;
}
