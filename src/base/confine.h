/*
 * Giving up, once and for good, what a process does not need. A process that
 * reads strangers' bytes calls this before the first of them: whoever takes it
 * over can then start no program, look into no other process, load nothing
 * into the kernel and write no file outside the folders named.
 *
 * Two features of Linux are used, each where the kernel has it: seccomp (a
 * list of system calls that fail with EPERM) and Landlock (5.13; no writing
 * outside, and no starting of programs). Neither needs privileges, and no
 * descriptor that is open already is touched.
 */
#ifndef BASE_CONFINE_H
#define BASE_CONFINE_H

#include "base/err.h"

enum confine_part {
	CONFINE_SECCOMP = 1,
	CONFINE_LANDLOCK = 2,
};

/*
 * Confines this process and its threads to come; folders: NULL-terminated,
 * those below which files may be made and written (reading is free). Returns
 * the parts that hold from now on: fewer where the kernel lacks one, or where
 * a sanitizer needs what would be taken away.
 */
unsigned confine(const char *const *folders);
/* "seccomp, landlock"; "nothing". */
const char *confine_text(unsigned parts);

/*
 * Root becomes this user for good, with the user's own groups; what is below
 * `folder` (may be NULL) is given to it first. -1: ERR_CONFIG no such user,
 * ERR_IO what could not be changed.
 */
int confine_to_user(const char *user, const char *folder,
    struct err *err) MUST_CHECK;

#endif
