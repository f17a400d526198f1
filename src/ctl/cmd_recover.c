/*
 * tallyctl recover: store/live built anew from the trace files, on nothing or
 * on a snapshot (station/recovery.h). Nobody may run meanwhile: it holds the
 * lock that a gateway takes when it starts.
 */
#include "base/fd.h"
#include "ctl/ctl.h"
#include "station/recovery.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_SHOWN 20

struct recover {
	struct ctl *ctl;
	const char *from; /* --from */
	bool partial;     /* --partial */
	int lock_fd;      /* keeps a gateway from starting */
	uint64_t shown;
	struct recovery_result result;
};

/* ---- nobody may run ----------------------------------------------------- */

static int
lock_gateway(struct recover *g, struct err *err)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char *run = path_join(g->ctl->state_dir, "run");
	char *path = path_join(run, "supervisor.lock");
	int rc = dir_make(run, 0700, err);

	if (rc == 0) {
		g->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		if (g->lock_fd < 0)
			rc = err_set_errno(err, ERR_IO, "%s", path);
		else if (fcntl(g->lock_fd, F_OFD_SETLK, &whole) != 0)
			rc = err_set(err, ERR_IO,
			    "a gateway runs on %s: stop it first",
			    g->ctl->state_dir);
	}
	free(path);
	free(run);
	return rc == 0 ? recovery_check_owners(g->ctl->store_dir, err) : -1;
}

/* ---- the command -------------------------------------------------------- */

static void
show_difference(void *arg, const struct audit_difference *d)
{
	struct recover *g = arg;

	if (g->shown++ < MAX_SHOWN)
		ctl_complain("%s %s: %s, should be %s",
		    audit_kind_name(d->kind), d->where, d->found, d->right);
}

static int
recover(struct recover *g, struct err *err)
{
	char *trace_path = ctl_trace_path(g->ctl);
	struct recovery_options o = {
		.state_dir = g->ctl->state_dir,
		.store_dir = g->ctl->store_dir,
		.trace_path = trace_path,
		.from = g->from,
		.partial = g->partial,
		.now_nsecs = g->ctl->now_nsecs,
		.differs = show_difference,
		.arg = g,
	};
	int rc = lock_gateway(g, err);

	if (rc == 0)
		rc = recovery_run(&o, &g->result, err);
	free(trace_path);
	return rc;
}

static void
print_result(const struct recover *g)
{
	const struct recovery_result *r = &g->result;
	const struct rebuild_counts *n = &r->counts;
	char usd[MONEY_TEXT_BYTES];

	money_format(n->cost_nanos, usd);
	printf("built on  %s\n",
	    r->snapshot != NULL ? r->snapshot : "nothing: the lines are whole");
	printf("booked    %llu lines, %s USD", (unsigned long long)n->booked,
	    usd);
	if (n->known > 0)
		printf(" (%llu were in the snapshot)",
		    (unsigned long long)n->known);
	printf("\n");
	if (n->released + n->holds > 0)
		printf("holds     %llu of the snapshot had ended, %llu are "
		       "left "
		       "to the keeper\n",
		    (unsigned long long)n->released,
		    (unsigned long long)n->holds);
	if (r->torn_bytes > 0)
		printf("left out  %lld bytes of an unfinished line\n",
		    (long long)r->torn_bytes);
	if (r->kept != NULL)
		printf("kept      %s (remove it when all is well)\n", r->kept);
	if (r->accounts == RECOVERY_ACCOUNTS_COPIED)
		printf("accounts  those of %s\n", r->accounts_from);
	else if (r->accounts == RECOVERY_ACCOUNTS_EMPTY)
		printf("accounts  none: keys, teams and caps set by hand were "
		       "gone, and no snapshot has them\n");
	printf("recovered; 'tallyctl --state %s audit' proves it\n",
	    g->ctl->state_dir);
}

static void
print_json(const struct recover *g)
{
	static const char *const accounts[] = { "kept", "copied", "empty" };
	struct buf b;
	struct jsonw w;

	buf_init(&b, 64 * 1024);
	jsonw_init(&w, &b);
	jsonw_open(&w, '{');
	jsonw_key(&w, "snapshot");
	jsonw_cstr(&w, g->result.snapshot);
	jsonw_key(&w, "booked");
	jsonw_int(&w, (int64_t)g->result.counts.booked);
	jsonw_key(&w, "known");
	jsonw_int(&w, (int64_t)g->result.counts.known);
	jsonw_key(&w, "cost_usd");
	jsonw_decimal(&w, g->result.counts.cost_nanos, 9);
	jsonw_key(&w, "holds_released");
	jsonw_int(&w, (int64_t)g->result.counts.released);
	jsonw_key(&w, "holds_left");
	jsonw_int(&w, (int64_t)g->result.counts.holds);
	jsonw_key(&w, "accounts");
	jsonw_cstr(&w, accounts[g->result.accounts]);
	jsonw_key(&w, "kept");
	jsonw_cstr(&w, g->result.kept);
	jsonw_close(&w, '}');
	printf("%s\n", buf_cstr(&b));
	buf_fini(&b);
}

static int
take_arguments(struct recover *g, int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--partial") == 0)
			g->partial = true;
		else if (strcmp(argv[i], "--from") == 0 && i + 1 < argc)
			g->from = argv[++i];
		else
			return ctl_bad_argument(argv[i],
			    ctl_find_command(cmd_recover));
	}
	return CTL_OK;
}

int
cmd_recover(struct ctl *c, int argc, char **argv)
{
	struct recover g = { .ctl = c, .lock_fd = -1 };
	struct stat st;
	struct err err;
	int rc = take_arguments(&g, argc, argv);

	if (rc != CTL_OK)
		return rc;
	/* A mistyped directory must not become a state directory. */
	if (stat(c->state_dir, &st) != 0) {
		ctl_complain("no state directory at %s (choose it with --state "
			     "DIR, or --config FILE of the gateway)",
		    c->state_dir);
		return CTL_USAGE;
	}
	if (recover(&g, &err) != 0) {
		ctl_complain("%s", err.text);
		rc = CTL_FAILED;
	} else if (c->json) {
		print_json(&g);
	} else {
		print_result(&g);
	}
	recovery_result_free(&g.result);
	fd_close(&g.lock_fd);
	return rc;
}
