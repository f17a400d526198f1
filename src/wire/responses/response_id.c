/* Ids that name their deployment and their owner. See response_id.h. */
#include "wire/responses/response_id.h"

#include "base/hash.h"
#include "domain/routing/state_tag.h"

#define MARK "_at_"

/* The code over "TAG OWN". */
static void
sign(struct str own, struct str tag, struct str seal,
    char owner_r[SHA256_HEX_BYTES])
{
	char *text = xasprintf(STR_FMT " " STR_FMT, STR_ARG(tag), STR_ARG(own));

	hash_hmac_hex(seal, str_of(text), owner_r);
	owner_r[RESPONSE_OWNER_CHARS] = '\0';
	free(text);
}

void
response_id_write(struct str quoted, const struct response_place *place,
    struct buf *out)
{
	char tag[STATE_TAG_CHARS + 1], owner[SHA256_HEX_BYTES];

	if (place->deployment_id == NULL || quoted.n < 3 ||
	    quoted.p[0] != '"') {
		buf_add_str(out, quoted);
		return;
	}
	state_tag(place->deployment_id, tag);
	buf_add(out, quoted.p, quoted.n - 1);
	buf_printf(out, MARK "%s", tag);
	if (place->seal.n > 0) {
		sign(str_make(quoted.p + 1, quoted.n - 2), str_of(tag),
		    place->seal, owner);
		buf_printf(out, "_%s", owner);
	}
	buf_printf(out, "\"");
}

/* The last n characters of s, when they are hex digits behind `mark`; s is cut
   before it. "" when they are not. */
static struct str
take_tail(struct str *s, const char *mark, size_t n)
{
	size_t m = strlen(mark);
	struct str tail;

	if (s->n <= m + n)
		return str_make("", 0);
	tail = str_make(s->p + s->n - n, n);
	for (size_t i = 0; i < n; i++) {
		if (!(tail.p[i] >= '0' && tail.p[i] <= '9') &&
		    !(tail.p[i] >= 'a' && tail.p[i] <= 'f'))
			return str_make("", 0);
	}
	if (memcmp(tail.p - m, mark, m) != 0)
		return str_make("", 0);
	s->n -= m + n;
	return tail;
}

void
response_id_split(struct str id, struct response_name *name)
{
	name->own = id;
	name->owner = take_tail(&name->own, "_", RESPONSE_OWNER_CHARS);
	name->tag = take_tail(&name->own, MARK, STATE_TAG_CHARS);
	if (name->tag.n > 0)
		return;
	name->own = id;
	name->owner = str_make("", 0);
}

bool
response_id_is_of(const struct response_name *name, struct str seal)
{
	char owner[SHA256_HEX_BYTES];

	if (seal.n == 0 || name->owner.n != RESPONSE_OWNER_CHARS)
		return false;
	sign(name->own, name->tag, seal, owner);
	return str_eq_secret(name->owner, str_of(owner));
}
