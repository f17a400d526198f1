/* A server in a child process whose answer is chosen by the path (the table in
   upstream_server.c). */
#ifndef TESTS_UNIT_UPSTREAM_SERVER_H
#define TESTS_UNIT_UPSTREAM_SERVER_H

#include "unit.h"

/* What it has seen so far, in memory it shares with the test. */
struct server_counts {
	volatile int requests; /* whole ones */
	volatile int connections;
	volatile int closed; /* connections ended after /ok-then-... */
};
extern struct server_counts *server_counts;

/* Group fixtures. */
int server_start(void **state);
int server_stop(void **state);
/* Good until the next call. */
const char *server_url(const char *path);
int server_get_port(void);

#endif
