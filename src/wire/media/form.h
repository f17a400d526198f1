/*
 * Forms: multipart/form-data (RFC 7578), read strictly and where they stand.
 * What two readers could understand differently is refused: a preamble, an
 * epilogue, bare line feeds, folded headers, names given twice in one
 * header, a part without a name.
 */
#ifndef WIRE_FORM_H
#define WIRE_FORM_H

#include "base/err.h"
#include "base/str.h"

#define FORM_MAX_PARTS      256
#define FORM_BOUNDARY_BYTES 70         /* RFC 2046 */
#define FORM_HEAD_BYTES     (8 * 1024) /* of one part */

struct form_part {
	struct str name;
	struct str filename; /* "" none: a plain field */
	struct str value;
	size_t start; /* of its delimiter, in the body; the part ends where the
			 next one, or the last delimiter, starts */
	size_t value_start;
};

struct form {
	char boundary[FORM_BOUNDARY_BYTES + 1];
	size_t part_count;
	struct form_part parts[FORM_MAX_PARTS];
	size_t end; /* where the last delimiter starts */
};

/* True for a Content-Type of forms. */
bool form_is_type(struct str content_type);
/* -1: ERR_BAD_REQUEST; texts name parts and never show values. */
int form_read(struct str content_type, struct str body, struct form *form_r,
    struct err *err) MUST_CHECK;

#endif
