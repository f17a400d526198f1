/*
 * The names of rotated files: PATH.1 is the youngest, PATH.keep the eldest.
 * Renames only; nothing is opened for writing here.
 */
#ifndef LOGGER_ROTATION_H
#define LOGGER_ROTATION_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* "PATH.3" on the heap; "PATH" for 0. */
char *rotation_path(const char *path, int64_t number);
/*
 * Makes PATH become PATH.1, and moves those before it up as far as needed; the
 * eldest goes when all `keep` places are taken. A step that fails is -1 and
 * leaves every file somewhere: the next call goes on from there and deletes
 * nothing twice. keep 0: PATH itself goes.
 */
int rotation_shift(const char *path, int64_t keep, struct err *err) MUST_CHECK;
/*
 * Looks beside PATH for a file called PATH.something for which is_it answers
 * true: its open descriptor (reading), or -1. *number_r: N for PATH.N, else 0.
 */
int rotation_find(const char *path, bool (*is_it)(int fd, const void *arg),
    const void *arg, int64_t *number_r);
/* Highest N <= most for which PATH.N is there; 0 none. */
int64_t rotation_eldest(const char *path, int64_t most);
/* fsync of the folder that PATH is in: its names last. */
int rotation_sync(const char *path, struct err *err) MUST_CHECK;

#endif
