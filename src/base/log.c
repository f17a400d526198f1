/* Log lines on stderr. See log.h. */
#include "base/log.h"

#include "base/clock.h"

#include <stdarg.h>
#include <unistd.h>

#define LINE_BYTES 4096

static char log_name[64] = "tallygate";
static enum log_level least_level = LOG_LEVEL_INFO;

void
log_init(const char *name, enum log_level least)
{
	snprintf(log_name, sizeof(log_name), "%s", name);
	least_level = least;
}

enum log_level
log_level(void)
{
	return least_level;
}

static void PRINTF(2, 0)
    log_line(enum log_level level, const char *fmt, va_list ap)
{
	static const char *const names[] = { "debug", "info", "warn", "error" };
	char line[LINE_BYTES], when[CLOCK_RFC3339_BYTES];
	int head, n;

	if (level < least_level)
		return;
	clock_rfc3339(clock_wall_nsecs(), when);
	head = snprintf(line, sizeof(line), "%s %s %s: ", when, names[level],
	    log_name);
	n = vsnprintf(line + head, sizeof(line) - (size_t)head - 1, fmt, ap);
	n = n < 0 ? head : head + n;
	if (n > LINE_BYTES - 2)
		n = LINE_BYTES - 2;
	/* One line per message, whatever a provider put into its text. */
	for (int i = head; i < n; i++) {
		if ((unsigned char)line[i] < 0x20)
			line[i] = ' ';
	}
	line[n] = '\n';
	if (write(STDERR_FILENO, line, (size_t)n + 1) < 0)
		return; /* nobody is left to be told */
}

void
log_debug(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(LOG_LEVEL_DEBUG, fmt, ap);
	va_end(ap);
}

void
log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(LOG_LEVEL_INFO, fmt, ap);
	va_end(ap);
}

void
log_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(LOG_LEVEL_WARN, fmt, ap);
	va_end(ap);
}

void
log_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(LOG_LEVEL_ERROR, fmt, ap);
	va_end(ap);
}

void
log_fatal(int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(LOG_LEVEL_ERROR, fmt, ap);
	va_end(ap);
	exit(status);
}
