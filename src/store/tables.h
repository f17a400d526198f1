/*
 * Every table of the store in one list; docs/store.md is generated from it.
 * Keys are built by store/key.h: integers big-endian, so that key order is
 * number order; text last, or with its length in front.
 *
 * X(NAME, environment, "name", "key", "value", "writers", "readers", "expiry")
 */
#ifndef STORE_TABLES_H
#define STORE_TABLES_H

/* clang-format off */
#define STORE_TABLES(X) \
X(META,    ACCOUNTS, "meta",    "name",                          "text, number or secret",       "all, rarely",      "all",              "never") \
X(KEYS,    ACCOUNTS, "keys",    "SHA-256 of the key",            "JSON: the virtual key",        "tallyctl, admin",  "worker",           "on delete") \
X(TEAMS,   ACCOUNTS, "teams",   "team id",                       "JSON: the team",               "tallyctl, admin",  "worker",           "on delete") \
X(USERS,   ACCOUNTS, "users",   "user id",                       "JSON: the user",               "tallyctl, admin",  "worker",           "on delete") \
X(BUDGETS, ACCOUNTS, "budgets", "scope kind u8, window text, name", "JSON: a cap set by hand",   "tallyctl, admin",  "worker, keeper",   "on delete") \
X(CUSTOMERS, ACCOUNTS, "customers", "end user id",               "JSON: the end user",           "tallyctl, admin",  "worker",           "on delete") \
X(PLANS,   ACCOUNTS, "plans",   "budget id",                     "JSON: a reusable budget",      "tallyctl, admin",  "worker",           "on delete") \
X(TAGS,    ACCOUNTS, "tags",    "tag",                           "JSON: the tag",                "tallyctl, admin",  "worker",           "on delete") \
X(KEYALIASES, ACCOUNTS, "keyaliases", "key alias",               "SHA-256 of its key",           "tallyctl, admin",  "tallyctl, admin",  "with its key") \
X(CHANGES, ACCOUNTS, "changes", "number u64",                    "JSON: who changed what, before and after", "tallyctl, admin", "tallyctl log", "100,000 newer ones") \
X(PRICES,  ACCOUNTS, "prices",  "price version",                 "JSON: the prices it stands for", "worker, once per version", "tallyctl audit", "never") \
X(OWNERS,  LIVE,     "owners",  "owner u64",                     "struct owner_row",             "each process, of itself; keeper deletes", "worker, keeper, tallyctl", "when dead and drained") \
X(SPEND,   LIVE,     "spend",   "scope kind, window start u32, window end u32, id", "alerts, spent, held (int64 nano-dollars), what was before the cap", "worker, keeper", "worker, tallyctl", "keeper, when the window is over and nothing is held") \
X(HOLDS,   LIVE,     "holds",   "owner u64, number u64",         "struct hold row: amount, scopes, what is known", "worker, keeper", "keeper, tallyctl", "at settlement") \
X(ROLLUP,  LIVE,     "rollup",  "dimension u8, bucket u8, start u32, value text", "counts and sums (struct rollup_row)", "worker, keeper", "tallyctl", "keeper: hours into days after 3 days, days after 400 days (splits: 100)") \
X(HEALTH,  LIVE,     "health",  "deployment id",                 "struct health_row: breaker, window, latency", "worker, keeper, tallyctl", "worker, tallyctl", "keeper, 30 days unused") \
X(LIMITS,  LIVE,     "limits",  "scope kind u8, second kind u8, id, second id", "calls under way by owner; requests and tokens by second, of the last 60", "worker, keeper", "worker, tallyctl", "keeper, when nothing counts any more") \
X(OUTBOX,  LIVE,     "outbox",  "owner u64, seq u64",            "trace record, JSON text",      "worker, keeper; deleted on the logger's word", "worker, keeper", "when on file") \
X(ALERTS,  LIVE,     "alerts",  "time u64, random u64",          "JSON: an event that operators are told of", "worker, keeper", "keeper", "keeper, when told or an hour old") \
X(LIVEMETA, LIVE,    "livemeta", "name",                         "text or number",               "keeper",           "all",              "never")
/* clang-format on */

#define STORE_TABLE_ENUM(NAME, env, name, key, value, writers, readers,        \
    expiry)                                                                    \
	STORE_##NAME,
enum store_table {
	STORE_TABLES(STORE_TABLE_ENUM) STORE_TABLE_COUNT
};
#undef STORE_TABLE_ENUM

#endif
