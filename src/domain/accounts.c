/*
 * The presented key → account. See accounts.h. Looks at the configuration
 * only; keeps nothing; no message contains a key.
 */
#include "domain/accounts.h"

int
account_authenticate(const struct config *c, struct str presented,
    struct account *account_r, struct err *err)
{
	struct account a = { .is_admin = true,
		.team = str_of(""),
		.user = str_of("") };
	struct str master = str_of(c->master_key);

	if (master.n == 0) {
		/* Open mode: nobody needs a key and everybody may do all. */
		snprintf(a.key, sizeof(a.key), "anonymous");
		*account_r = a;
		return 0;
	}
	if (presented.n == 0)
		return err_set(err, ERR_NO_KEY, "no key was presented");
	if (!str_eq_secret(presented, master))
		return err_set(err, ERR_BAD_KEY,
		    "the key presented is not known here");
	snprintf(a.key, sizeof(a.key), "master");
	*account_r = a;
	return 0;
}

struct str
account_presented(struct str (*header)(const void *arg, const char *name),
    const void *arg)
{
	/* Best first. Source: LiteLLM accepts the same set (notes on LiteLLM,
	   section 3.1). */
	static const char *const names[] = { "authorization", "x-api-key",
		"api-key", "x-litellm-api-key", "x-goog-api-key" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct str v = str_trim(header(arg, names[i]));

		if (v.n == 0)
			continue;
		if (v.n > 7 && str_is_nocase(str_make(v.p, 7), "bearer "))
			v = str_trim(str_make(v.p + 7, v.n - 7));
		return v;
	}
	return str_make("", 0);
}
