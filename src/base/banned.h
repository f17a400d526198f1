/*
 * Functions nobody here may call: each has a bounded or checked cousin.
 * Included by base/mem.h, which every .c file reaches; a use of one of these
 * does not compile.
 */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* gcc's build enforces it; with clang some of these names are macros of the C
   library already, which cannot be poisoned. */
#ifndef __clang__
#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf gets
#pragma GCC poison strtok gmtime localtime ctime asctime atoi atol atof
#endif

#endif
