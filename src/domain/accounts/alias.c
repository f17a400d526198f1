/* Aliases of ids. See alias.h. */
#include "domain/accounts/alias.h"

#include "domain/accounts/vkey.h"

json_t *
alias_row(struct store_txn *t, enum entity_kind kind, struct str id)
{
	unsigned char hash[SHA256_BYTES];
	json_t *row = NULL;

	if (kind == ENTITY_KEY) {
		if (id.n != 2 * SHA256_BYTES ||
		    vkey_find(t, id, hash, NULL) != 0)
			return NULL;
		id = str_make((const char *)hash, sizeof(hash));
	}
	return entity_get(t, kind, id, &row, NULL) == 1 ? row : NULL;
}

struct str
alias_in(enum entity_kind kind, const json_t *row)
{
	switch (kind) {
	case ENTITY_KEY:
		return jsonx_str(row, "key_alias");
	case ENTITY_TEAM:
		return jsonx_str(row, "team_alias");
	case ENTITY_USER:
		return jsonx_str(row, "user_alias");
	case ENTITY_CUSTOMER:
		return jsonx_str(row, "alias");
	default:
		return str_make("", 0);
	}
}
