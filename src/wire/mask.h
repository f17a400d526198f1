/*
 * Text from outside made fit for logs, traces and clients: one line, valid
 * UTF-8, cut to its room, without keys.
 */
#ifndef WIRE_MASK_H
#define WIRE_MASK_H

#include "base/str.h"

/*
 * text into out (size bytes with the NUL, at least 4). Every occurrence of
 * secret (NULL none; shorter than 6 bytes: left, it would mask words) and all
 * that looks like a provider's key becomes "[key]"; control characters and
 * runs of blanks become one blank; invalid UTF-8 becomes "?".
 */
void mask_line(struct str text, const char *secret, char *out, size_t size);

#endif
