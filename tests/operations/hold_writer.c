/*
 * Takes the writer lock of a store's live/, says "held", and keeps it until
 * its input ends: what no gateway process does for longer than a commit.
 *
 *   hold_writer STATE/store
 */
#include "store/store.h"

#include <stdio.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	struct store_options options = { .must_exist = true };
	struct store_txn *t;
	struct store *s;
	struct err err;
	char c;

	if (argc != 2) {
		fprintf(stderr, "usage: hold_writer STATE/store\n");
		return 2;
	}
	options.dir = argv[1];
	if (store_open(&options, &s, &err) != 0 ||
	    store_write(s, STORE_LIVE, &t, &err) != 0) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	printf("held\n");
	fflush(stdout);
	while (read(0, &c, 1) > 0)
		;
	store_abort(&t);
	store_close(&s);
	return 0;
}
