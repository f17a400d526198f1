/*
 * tallyctl audit: the trace files and the store prove each other. The checks
 * are domain/audit/audit.h; here are the files, the transactions and the words.
 *
 * Order matters on a running gateway: first the store's books in one read
 * transaction, the outbox set aside in a file without a name; then the trace
 * files as long as they are. A record is in the outbox until it is on file, so
 * none can be missed in between.
 */
#include "base/clock.h"
#include "base/fd.h"
#include "ctl/ctl.h"
#include "domain/audit/audit.h"
#include "domain/ledger/money.h"
#include "domain/prices/price_book.h"
#include "station/trace_files.h"
#include "store/owner.h"

#include <unistd.h>

/* More are counted, not shown. */
#define MAX_SHOWN  100
#define JSON_BYTES (256 * 1024 * 1024)
/* The files may be rotated away under the reading: begin again. */
#define TRIES 5

struct auditing {
	struct ctl *ctl;
	int64_t since_nsecs;
	const char *public_path; /* of the checkpoint's key; NULL: the one
				    beside the traces */
	bool list;               /* --list: what is estimated, line by line */
	char *path;
	struct trace_files files;
	struct audit_books *books;
	struct audit *audit;
	FILE *outbox; /* records set aside, see put_aside() */
	uint64_t shown;
	struct buf differences; /* JSON, when asked for */
	struct jsonw w;
	struct buf flagged; /* JSON, the same */
	struct jsonw flagged_w;
	uint64_t dead_holds, dead_owners;
	int64_t dead_held_nanos;
};

/* ---- the outbox, set aside ---------------------------------------------- */

struct aside {
	uint64_t owner, seq, bytes;
};

static int
put_aside(void *arg, uint64_t owner, uint64_t seq, struct str text)
{
	struct auditing *g = arg;
	struct aside head = { owner, seq, text.n };

	return fwrite(&head, sizeof(head), 1, g->outbox) == 1 &&
		       fwrite(text.p, 1, text.n, g->outbox) == text.n
		   ? 0
		   : -1;
}

static int
take_aside(struct auditing *g, struct err *err)
{
	char *text = xmalloc(LEDGER_RECORD_BYTES);
	struct aside head;
	int rc = 0;

	rewind(g->outbox);
	while (fread(&head, sizeof(head), 1, g->outbox) == 1) {
		if (head.bytes > LEDGER_RECORD_BYTES ||
		    fread(text, 1, head.bytes, g->outbox) != head.bytes) {
			rc = err_set(err, ERR_IO,
			    "the outbox cannot be read back");
			break;
		}
		audit_waiting(g->audit, head.owner, head.seq,
		    str_make(text, head.bytes));
	}
	free(text);
	return rc;
}

/* ---- what the audit asks for -------------------------------------------- */

static int
find_price(void *arg, struct str version, struct price *p_r, struct err *err)
{
	struct auditing *g = arg;
	struct store_txn *t;
	int rc;

	if (store_read(g->ctl->store, STORE_ACCOUNTS, &t, err) != 0)
		return -1;
	rc = price_book_find(t, version, p_r, err);
	store_abort(&t);
	return rc;
}

static void
show_difference(void *arg, const struct audit_difference *d)
{
	struct auditing *g = arg;

	if (g->shown++ >= MAX_SHOWN)
		return;
	if (!g->ctl->json) {
		printf("%-9s %s: %s, should be %s\n", audit_kind_name(d->kind),
		    d->where, d->found, d->right);
		return;
	}
	jsonw_open(&g->w, '{');
	jsonw_key(&g->w, "kind");
	jsonw_cstr(&g->w, audit_kind_name(d->kind));
	jsonw_key(&g->w, "where");
	jsonw_cstr(&g->w, d->where);
	jsonw_key(&g->w, "found");
	jsonw_cstr(&g->w, d->found);
	jsonw_key(&g->w, "right");
	jsonw_cstr(&g->w, d->right);
	jsonw_close(&g->w, '}');
}

/* On a running gateway these come before the result, as they are read. */
static void
show_flagged(void *arg, const char *where, struct str run_id, const char *why,
    int64_t cost_nanos)
{
	struct auditing *g = arg;
	char usd[MONEY_TEXT_BYTES];

	money_format(cost_nanos, usd);
	if (!g->ctl->json) {
		printf("%-9s %s: " STR_FMT ": %s USD\n", why, where,
		    STR_ARG(run_id), usd);
		return;
	}
	jsonw_open(&g->flagged_w, '{');
	jsonw_key(&g->flagged_w, "where");
	jsonw_cstr(&g->flagged_w, where);
	jsonw_key(&g->flagged_w, "run_id");
	jsonw_str(&g->flagged_w, run_id);
	jsonw_key(&g->flagged_w, "why");
	jsonw_cstr(&g->flagged_w, why);
	jsonw_key(&g->flagged_w, "cost_usd");
	jsonw_decimal(&g->flagged_w, cost_nanos, 9);
	jsonw_close(&g->flagged_w, '}');
}

static int
take_line(void *arg, const char *file, uint64_t number, struct str text)
{
	struct auditing *g = arg;

	audit_line(g->audit, file, number, text);
	return 0;
}

/* ---- one audit ---------------------------------------------------------- */

/* The store's side; then the files again, which may begin later by now. */
static int
open_both(struct auditing *g, struct err *err)
{
	int64_t since;

	for (int i = 0; i < TRIES; i++) {
		struct store_txn *t;
		char before[sizeof(g->files.before)];
		int rc;

		if (trace_files_open(g->path, g->public_path, g->since_nsecs,
			&g->files, err) != 0)
			return -1;
		since = g->files.covered_nsecs;
		if (since >= 0 && since < g->since_nsecs)
			since = g->since_nsecs;
		memcpy(before, g->files.before, sizeof(before));
		trace_files_close(&g->files);
		rewind(g->outbox);
		if (ftruncate(fileno(g->outbox), 0) != 0)
			return err_set_errno(err, ERR_IO, "temporary file");
		if (store_read(g->ctl->store, STORE_LIVE, &t, err) != 0)
			return -1;
		rc = audit_books_read(t, since, g->ctl->now_nsecs, put_aside, g,
		    &g->books, err);
		store_abort(&t);
		if (rc != 0 || trace_files_open(g->path, g->public_path,
				   g->since_nsecs, &g->files, err) != 0)
			return -1;
		if (strcmp(before, g->files.before) == 0)
			return 0;
		trace_files_close(&g->files);
		audit_books_free(&g->books);
	}
	return err_set(err, ERR_IO, "%s: rotated again and again", g->path);
}

/* Holds whose owner is dead: the keeper settles them. */
static void
count_dead(struct auditing *g)
{
	size_t cursor = 0;
	struct str key;
	void *value;

	while (map_next(g->books->owners, &cursor, &key, &value) == 1) {
		const struct audit_owner *o = value;

		if (o->holds == 0 ||
		    owner_alive(g->ctl->store_dir, o->id, NULL) != 0)
			continue;
		g->dead_owners++;
		g->dead_holds += o->holds;
		g->dead_held_nanos =
		    money_add(g->dead_held_nanos, o->held_nanos);
	}
}

static int
run_audit(struct auditing *g, struct err *err)
{
	struct audit_options o = {
		.now_nsecs = g->ctl->now_nsecs,
		.price = find_price,
		.differs = show_difference,
		.flagged = g->list ? show_flagged : NULL,
		.arg = g,
	};

	g->outbox = tmpfile();
	if (g->outbox == NULL)
		return err_set_errno(err, ERR_IO, "temporary file");
	if (open_both(g, err) != 0)
		return -1;
	o.books = g->books;
	o.whole = g->files.whole;
	o.prev = g->files.before;
	if (g->files.checkpoint.trust == CHECKPOINT_FORGED)
		o.forged = "checkpoint of the first file";
	g->audit = audit_new(&o);
	if (trace_files_read(&g->files, take_line, g, err) != 0 ||
	    take_aside(g, err) != 0)
		return -1;
	audit_finish(g->audit);
	count_dead(g);
	return 0;
}

/* ---- the words ---------------------------------------------------------- */

static const char *
usd(int64_t nanos)
{
	static char texts[4][MONEY_TEXT_BYTES];
	static int next;
	char *out = texts[next++ % 4];

	money_format(nanos, out);
	return out;
}

static void
print_lines(const struct auditing *g, const struct audit_counts *n)
{
	printf("lines     %llu in %zu file%s: chain and hashes, %llu owners' "
	       "sequences",
	    (unsigned long long)n->lines, g->files.count,
	    g->files.count == 1 ? "" : "s", (unsigned long long)n->owners);
	if (g->files.torn_bytes > 0)
		printf("; %lld bytes of an unfinished line",
		    (long long)g->files.torn_bytes);
	printf("\ncharges   %llu of %llu attempts worked out from %llu price "
	       "versions: %s USD in all\n",
	    (unsigned long long)n->charges, (unsigned long long)n->attempts,
	    (unsigned long long)n->prices, usd(n->cost_nanos));
	if (n->estimated > 0)
		printf("          %llu rest on estimated usage: %s USD\n",
		    (unsigned long long)n->estimated, usd(n->estimated_nanos));
	if (n->by_rule > 0)
		printf("          %llu were lost with their process and "
		       "charged by rule: %s USD\n",
		    (unsigned long long)n->by_rule, usd(n->by_rule_nanos));
}

/* Where the files that are left begin. */
static void
print_checkpoint(const struct auditing *g)
{
	const struct checkpoint *c = &g->files.checkpoint;

	if (g->files.whole)
		return;
	printf("beginning %s", checkpoint_trust_text(c->trust));
	if (c->trust == CHECKPOINT_SIGNED || c->trust == CHECKPOINT_FORGED)
		printf(" (key %.16s...)", c->key);
	printf("\n");
}

static void
print_books(const struct auditing *g, const struct audit_counts *n)
{
	char when[CLOCK_RFC3339_BYTES];
	int64_t since = g->books->covered_nsecs > 0
			    ? g->books->since_nsecs[ROLLUP_ALL]
			    : g->books->covered_nsecs;

	printf("roll-ups  %llu sums compared", (unsigned long long)n->sums);
	if (since > 0) {
		clock_rfc3339(since, when);
		printf(", of what was settled since %s", when);
	} else if (since < 0) {
		printf(": files before the first one here are gone, and "
		       "nothing says until when they were written");
	}
	printf("\nwindows   %llu compared", (unsigned long long)n->windows);
	if (n->old_windows > 0)
		printf(", %llu began before the lines here: not compared",
		    (unsigned long long)n->old_windows);
	printf("\nholds     %llu, %s USD", (unsigned long long)g->books->holds,
	    usd(g->books->held_nanos));
	if (g->dead_holds > 0)
		printf("; of these %llu, %s USD, of %llu dead processes: the "
		       "keeper settles them",
		    (unsigned long long)g->dead_holds, usd(g->dead_held_nanos),
		    (unsigned long long)g->dead_owners);
	printf("\noutbox    %llu records not on file yet, counted in\n",
	    (unsigned long long)n->waiting);
	if (n->later > 0)
		printf("later     %llu lines came while this was read: "
		       "checked, not summed\n",
		    (unsigned long long)n->later);
}

static void
print_result(const struct auditing *g)
{
	const struct audit_counts *n = audit_counts(g->audit);

	if (n->differences > MAX_SHOWN)
		printf("... and %llu more\n",
		    (unsigned long long)(n->differences - MAX_SHOWN));
	if (n->differences > 0)
		printf("\n");
	print_lines(g, n);
	print_checkpoint(g);
	print_books(g, n);
	if (n->differences == 0)
		printf("balanced\n");
	else
		printf("%llu difference%s\n",
		    (unsigned long long)n->differences,
		    n->differences == 1 ? "" : "s");
}

static void
json_int(struct jsonw *w, const char *key, uint64_t v)
{
	jsonw_key(w, key);
	jsonw_int(w, (int64_t)v);
}

static void
json_usd(struct jsonw *w, const char *key, int64_t nanos)
{
	jsonw_key(w, key);
	jsonw_decimal(w, nanos, 9);
}

static void
print_json(struct auditing *g)
{
	const struct audit_counts *n = audit_counts(g->audit);
	int64_t since = g->books->covered_nsecs > 0
			    ? g->books->since_nsecs[ROLLUP_ALL]
			    : g->books->covered_nsecs;
	char when[CLOCK_RFC3339_BYTES];
	struct jsonw *w = &g->w;

	jsonw_close(w, ']');
	if (g->list) {
		jsonw_close(&g->flagged_w, ']');
		jsonw_key(w, "flagged");
		jsonw_raw(w, buf_str(&g->flagged));
	}
	jsonw_key(w, "balanced");
	jsonw_bool(w, n->differences == 0);
	json_int(w, "difference_count", n->differences);
	json_int(w, "files", g->files.count);
	json_int(w, "lines", n->lines);
	json_int(w, "owners", n->owners);
	json_int(w, "attempts", n->attempts);
	json_int(w, "charges", n->charges);
	json_int(w, "price_versions", n->prices);
	json_usd(w, "cost_usd", n->cost_nanos);
	json_int(w, "estimated", n->estimated);
	json_usd(w, "estimated_usd", n->estimated_nanos);
	json_int(w, "by_rule", n->by_rule);
	json_usd(w, "by_rule_usd", n->by_rule_nanos);
	json_int(w, "sums", n->sums);
	json_int(w, "windows", n->windows);
	json_int(w, "windows_not_compared", n->old_windows);
	json_int(w, "holds", g->books->holds);
	json_usd(w, "held_usd", g->books->held_nanos);
	json_int(w, "dead_holds", g->dead_holds);
	json_usd(w, "dead_held_usd", g->dead_held_nanos);
	json_int(w, "waiting", n->waiting);
	json_int(w, "later", n->later);
	json_int(w, "torn_bytes", (uint64_t)g->files.torn_bytes);
	jsonw_key(w, "checkpoint");
	jsonw_cstr(w, g->files.whole
			  ? NULL
			  : checkpoint_trust_text(g->files.checkpoint.trust));
	jsonw_key(w, "compared");
	jsonw_bool(w, since >= 0);
	jsonw_key(w, "since");
	clock_rfc3339(since < 0 ? 0 : since, when);
	if (since > 0)
		jsonw_cstr(w, when);
	else
		jsonw_null(w);
	jsonw_close(w, '}');
	printf("%s\n", buf_cstr(&g->differences));
}

static int
take_arguments(struct auditing *g, int argc, char **argv)
{
	const struct ctl_command *self = ctl_find_command(cmd_audit);

	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--list") == 0) {
			g->list = true;
			continue;
		}
		if (strcmp(argv[i], "--public-key") == 0 && i + 1 < argc) {
			g->public_path = argv[++i];
			continue;
		}
		if (strcmp(argv[i], "--since") != 0 || i + 1 == argc)
			return ctl_bad_argument(argv[i], self);
		if (clock_parse(str_of(argv[++i]), g->ctl->now_nsecs,
			&g->since_nsecs) != 0)
			return ctl_bad_argument(argv[i], self);
	}
	return CTL_OK;
}

int
cmd_audit(struct ctl *c, int argc, char **argv)
{
	struct auditing g = { .ctl = c };
	struct err err;
	int rc = take_arguments(&g, argc, argv);

	if (rc == CTL_OK)
		rc = ctl_open_store(c, false);
	if (rc != CTL_OK)
		return rc;
	g.path = ctl_trace_path(c);
	buf_init(&g.differences, JSON_BYTES);
	buf_init(&g.flagged, JSON_BYTES / 2);
	jsonw_init(&g.flagged_w, &g.flagged);
	jsonw_open(&g.flagged_w, '[');
	jsonw_init(&g.w, &g.differences);
	jsonw_open(&g.w, '{');
	jsonw_put_open(&g.w, "differences", '[');
	if (run_audit(&g, &err) != 0) {
		ctl_complain("%s", err.text);
		rc = CTL_FAILED;
	} else {
		if (c->json)
			print_json(&g);
		else
			print_result(&g);
		rc = audit_counts(g.audit)->differences == 0 ? CTL_OK
							     : CTL_FAILED;
	}
	audit_free(&g.audit);
	audit_books_free(&g.books);
	trace_files_close(&g.files);
	buf_fini(&g.differences);
	buf_fini(&g.flagged);
	if (g.outbox != NULL)
		fclose(g.outbox);
	free(g.path);
	return rc;
}
