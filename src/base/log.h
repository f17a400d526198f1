/*
 * Log lines for operators, on stderr, one write(2) each:
 *   2026-11-22T11:18:10.123456Z warn worker[3]: text
 * Only the one who handles an error logs it. Client mistakes are never warn.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/mem.h"

enum log_level {
	LOG_LEVEL_DEBUG, /* off unless asked for */
	LOG_LEVEL_INFO,  /* the life of the service */
	LOG_LEVEL_WARN,  /* an operator should look; the service goes on */
	LOG_LEVEL_ERROR, /* something was lost or refused because of us */
};

/* Name that stands before each line ("worker[3]"); copied. */
void log_init(const char *name, enum log_level least);
enum log_level log_level(void);
void log_debug(const char *fmt, ...) PRINTF(1, 2);
void log_info(const char *fmt, ...) PRINTF(1, 2);
void log_warn(const char *fmt, ...) PRINTF(1, 2);
void log_error(const char *fmt, ...) PRINTF(1, 2);
/* This process cannot go on: logs and exits with `status`. */
NORETURN void log_fatal(int status, const char *fmt, ...) PRINTF(2, 3);

#endif
