/* File descriptors: flags, whole reads and writes, small files, folders. */
#ifndef BASE_FD_H
#define BASE_FD_H

#include "base/buf.h"
#include "base/err.h"

#include <stdint.h>

void fd_close(int *fd); /* closes if >= 0 and sets -1 */
int fd_set_nonblock(int fd, struct err *err) MUST_CHECK;
int fd_set_cloexec(int fd, bool on, struct err *err) MUST_CHECK;
/* Raises this process's limit of open files as far as it may, and says what it
   is now (INT64_MAX: none); inherited by children. */
int64_t fd_limit_raise(void);
/* All n bytes or -1 with errno; for files and blocking pipes. */
int fd_write_all(int fd, const void *data, size_t n) MUST_CHECK;
/* Reads to the end of the file into b (bounded by b->max). */
int fd_read_all(int fd, struct buf *b, struct err *err) MUST_CHECK;
/* The file's bytes; ERR_IO with the path when missing or above b->max. */
int file_read(const char *path, struct buf *b, struct err *err) MUST_CHECK;
/* Written beside and renamed into place, mode 0600, synced. */
int file_write(const char *path, struct str data, struct err *err) MUST_CHECK;
/* mkdir -p with this mode for the folders it makes. */
int dir_make(const char *path, int mode, struct err *err) MUST_CHECK;
/* "a/b" on the heap. */
char *path_join(const char *dir, const char *name);
/* `name` as seen from the folder of `file`, unless it is absolute; heap. */
char *path_beside(const char *file, const char *name);
/* The file this process runs, as it was called when it was started; on the
   heap; NULL when /proc does not tell. */
char *path_of_program(void);

#endif
