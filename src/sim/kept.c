/* See kept.h. */
#include "sim/kept.h"

struct kept_row *
kept_new(struct kept *k)
{
	struct kept_row *row = &k->rows[k->count++ % KEPT_ROWS];

	row->id[0] = '\0';
	row->messages = row->text_bytes = 0;
	row->body_bytes = row->input_bytes = 0;
	return row;
}

struct kept_row *
kept_find(struct kept *k, struct str id)
{
	for (size_t i = 0; id.n > 0 && i < KEPT_ROWS; i++) {
		if (str_is(id, k->rows[i].id))
			return &k->rows[i];
	}
	return NULL;
}
