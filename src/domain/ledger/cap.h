/*
 * What can be capped (scopes) and what a cap says. Plain data; the ledger
 * keeps the books of it, budgets.h knows which caps a configuration has.
 */
#ifndef DOMAIN_CAP_H
#define DOMAIN_CAP_H

#include "base/str.h"
#include "domain/ledger/window.h"

/* X(NAME, "word in configuration and output") */
/* clang-format off */
#define SCOPES(X) \
X(GLOBAL,     "global")     \
X(PROVIDER,   "provider")   \
X(DEPLOYMENT, "deployment") \
X(MODEL,      "model")      \
X(KEY,        "key")        \
X(TEAM,       "team")       \
X(USER,       "user")       \
X(END_USER,   "end_user")   \
X(TAG,        "tag")        \
X(MEMBER,     "team_member") \
X(KEY_MODEL,  "key_model")  \
X(TEAM_MODEL, "team_model") \
X(USER_MODEL, "user_model") \
X(END_USER_MODEL, "end_user_model")
/* clang-format on */
#define SCOPE_ENUM(NAME, word) SCOPE_##NAME,
enum scope_kind {
	SCOPES(SCOPE_ENUM) SCOPE_COUNT
};
#undef SCOPE_ENUM
const char *scope_name(enum scope_kind kind);
int scope_parse(struct str word, enum scope_kind *kind_r) MUST_CHECK;

enum cap_policy {
	CAP_CLAMP,
	CAP_REFUSE,
	CAP_DOWNGRADE
};

/* A cap that applies to a request: which scope, how much, until when. */
struct cap {
	enum scope_kind kind;
	const char *id;          /* "" for global; borrowed */
	int64_t cap_nanos;       /* 0 or less: nothing may be spent */
	int64_t carried_nanos;   /* taken off cap_nanos already: spent where
				    this ledger does not see it */
	int64_t soft_nanos;      /* alert threshold; 0 none */
	struct window_rule rule; /* which windows; window.h */
	enum cap_policy policy;
	const char *downgrade_to; /* group, for CAP_DOWNGRADE; borrowed */
	/* Seconds: when it was set. What was spent before in the window that
	   was under way counts too (docs/decisions/0009). 0: not known. */
	uint32_t since;
	bool of_row; /* a key's, a team's ... own: not the configuration's */
};

#endif
