/* /spend/logs: which form is asked for. See admin_call.h. */
#include "admin/spend_report.h"
#include "domain/accounts/alias.h"

static bool
may_see(struct admin_call *a, const char *key)
{
	json_t *row = alias_row(a->txn, ENTITY_KEY, str_of(key));
	bool may = strcmp(key, a->account->key) == 0 ||
		   (row != NULL && call_may_see_key(a, row));

	json_decref(row);
	return may;
}

/* Whose: only its own for who may not see all. */
static int
read_whose(struct admin_call *a, char key[ACCOUNT_KEY_BYTES],
    char user[ENTITY_ID_BYTES + 1])
{
	int has_key = call_key(a, str_make("", 0), key), has_user;

	user[0] = '\0';
	if (has_key < 0)
		return -1;
	has_user = call_query(a, "user_id", user, ENTITY_ID_BYTES + 1);
	if (has_user < 0)
		return -1;
	if (call_may_see_all(a))
		return 0;
	if (has_user == 1 && !str_is(a->account->user, user))
		return call_forbid(a, "look at this user's spend");
	if (has_key == 1 && !may_see(a, key))
		return call_forbid(a, "look at this key's spend");
	if (has_user == 0 && has_key == 0)
		snprintf(key, ACCOUNT_KEY_BYTES, "%s", a->account->key);
	return 0;
}

int
spend_logs(struct admin_call *a, struct admin_job **job_r)
{
	char key[ACCOUNT_KEY_BYTES], user[ENTITY_ID_BYTES + 1];

	if (read_whose(a, key, user) != 0)
		return -1;
	return spend_log_days(a, key, user, job_r);
}
