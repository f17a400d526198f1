/*
 * Every cap with what is spent and held of it in its window: configured ones
 * and those set by hand; one that is for each of a scope has a line for each
 * that has spent something; and those of keys, teams, users, end users and tags
 * themselves. All figures are of one moment.
 */
#ifndef CTL_BUDGET_LINES_H
#define CTL_BUDGET_LINES_H

#include "ctl/ctl.h"
#include "domain/accounts/allowance.h"

struct budget_line {
	const struct budget *budget;
	char *id; /* owned; "" global, or for each and nobody spent yet */
	struct spend_row row;
};

struct budget_lines {
	struct budget_line *items;
	size_t count;
	struct budgets *all;
	struct arena arena; /* caps of accounts/ */
};

/* Of c->config, which stays open. ERR_CONFIG. */
int budget_lines_open(struct budget_lines *l, struct ctl *c,
    struct err *err) MUST_CHECK;
void budget_lines_close(struct budget_lines *l);
/* Reads them anew, at c->now_nsecs. -1: ERR_STORE. */
int budget_lines_read(struct budget_lines *l, struct ctl *c,
    struct err *err) MUST_CHECK;
/* The cap as it was set, what counts as spent of it, and how much of that was
   spent elsewhere or before the cap was there. */
int64_t budget_line_cap(const struct budget_line *l);
int64_t budget_line_spent(const struct budget_line *l);
int64_t budget_line_carried(const struct budget_line *l);
/* What is left; negative after an overrun or when the cap was lowered. */
int64_t budget_line_room(const struct budget_line *l);

#endif
