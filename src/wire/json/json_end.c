/* The end of JSON in pieces. See json_end.h. */
#include "wire/json/json_end.h"

void
json_end_feed(struct json_end *e, struct str piece)
{
	for (size_t i = 0; i < piece.n; i++) {
		char c = piece.p[i];

		if (e->escaped) {
			e->escaped = false;
		} else if (c == '"') {
			e->in_string = !e->in_string;
		} else if (e->in_string) {
			e->escaped = c == '\\';
		} else if (c == '{' || c == '[') {
			e->begun = true;
			e->depth++;
		} else if (c == '}' || c == ']') {
			e->depth--;
		}
	}
}

bool
json_end_is_whole(const struct json_end *e)
{
	return e->begun && e->depth <= 0;
}
