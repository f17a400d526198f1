/* Ids that name their deployment. See response_id.h. */
#include "wire/responses/response_id.h"

#include "domain/routing/state_tag.h"

#define MARK "_at_"

void
response_id_write(struct str quoted, const char *deployment_id, struct buf *out)
{
	char tag[STATE_TAG_CHARS + 1];

	if (deployment_id == NULL || quoted.n < 3 || quoted.p[0] != '"') {
		buf_add_str(out, quoted);
		return;
	}
	state_tag(deployment_id, tag);
	buf_add(out, quoted.p, quoted.n - 1);
	buf_printf(out, MARK "%s\"", tag);
}

static bool
is_tag(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (!(s.p[i] >= '0' && s.p[i] <= '9') &&
		    !(s.p[i] >= 'a' && s.p[i] <= 'f'))
			return false;
	}
	return s.n == STATE_TAG_CHARS;
}

void
response_id_split(struct str id, struct str *own_r, struct str *tag_r)
{
	const size_t tail = sizeof(MARK) - 1 + STATE_TAG_CHARS;
	struct str own = id, tag;

	*own_r = id;
	*tag_r = str_make("", 0);
	if (id.n <= tail)
		return;
	own.n = id.n - tail;
	tag = str_make(id.p + id.n - STATE_TAG_CHARS, STATE_TAG_CHARS);
	if (memcmp(id.p + own.n, MARK, sizeof(MARK) - 1) != 0 || !is_tag(tag))
		return;
	*own_r = own;
	*tag_r = tag;
}
