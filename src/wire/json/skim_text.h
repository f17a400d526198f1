/* The insides of JSON strings, shared by the skimmer's files. Not for others:
   they use wire/json/skim.h. */
#ifndef WIRE_SKIM_TEXT_H
#define WIRE_SKIM_TEXT_H

#include "base/str.h"

#include <stdint.h>

/*
 * What stands between the quotes of an accepted string, escapes undone, into
 * out, which has room for raw.n bytes (decoded text is never longer). Returns
 * its length. A lone surrogate becomes U+FFFD.
 */
size_t skim_decode(struct str raw, char *out);

#endif
