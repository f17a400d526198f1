/*
 * Reading a configuration for real: bundle, parse, report in the log (or on
 * stdout for --check), snapshot for the children.
 */
#ifndef SUPERVISOR_CHECK_H
#define SUPERVISOR_CHECK_H

#include "config/config.h"

/*
 * 0: *config_r and the sealed bundle *fd_r are the caller's. -1: refused; every
 * remark is in the log, *err says how many of them are errors, or what else is
 * in the way.
 */
int check_load(const char *path, struct config **config_r, int *fd_r,
    struct err *err) MUST_CHECK;
/* Warns when everybody may use the gateway: no master key, and an address that
   others can reach. */
void check_exposure(const struct config *c, const char *host_given);

#endif
