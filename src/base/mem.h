/*
 * Heap memory. An allocation that fails ends the process: sizes that come
 * from outside are bounded before they reach these functions, so a failure
 * here means the machine is out of memory and a worker that limps on would
 * do more harm than one that is restarted.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include "base/banned.h"

#include <stddef.h>

#define MUST_CHECK   __attribute__((warn_unused_result))
#define PRINTF(f, a) __attribute__((format(printf, f, a)))
#define NORETURN     __attribute__((noreturn))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Zeroed memory of n bytes; never NULL. The caller frees it with free(). */
void *xcalloc(size_t count, size_t size);
void *xmalloc(size_t size);
/* As realloc; the grown part is not zeroed. */
void *xrealloc(void *ptr, size_t size);
char *xstrdup(const char *s);
/* Copies n bytes and adds a NUL. */
char *xstrndup(const char *s, size_t n);
char *xasprintf(const char *fmt, ...) PRINTF(1, 2);

/* Overwrites a secret in a way the compiler keeps, then frees it. */
void secret_free(char *s);

#endif
