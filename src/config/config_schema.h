/*
 * Every key the configuration knows, as one table: path, type, default, range,
 * effect, help. The loader, the "did you mean", docs/config.md and
 * tallygate.yaml(5) all read it. To add a key: one row here, one field in
 * config.h; see HACKING.md.
 */
#ifndef CONFIG_CONFIG_SCHEMA_H
#define CONFIG_CONFIG_SCHEMA_H

#include "base/buf.h"
#include "base/str.h"

#include <stdint.h>

/*
 * X(name, text for people). A type says how a value is read and what field it
 * goes to; config_value.c has one function for each.
 */
/* clang-format off */
#define CONFIG_TYPES(X) \
X(ANY,         "any")              /* not looked at */ \
X(MAP,         "map")              /* has rows of its own */ \
X(LIST,        "list")             /* its items have rows of their own */ \
X(BOOL,        "true or false")    /* bool */ \
X(TRISTATE,    "true or false")    /* int: 1, 0, CONFIG_UNSET */ \
X(INT,         "whole number")     /* int64_t */ \
X(WORKERS,     "auto or whole number") /* int64_t, 0 = auto */ \
X(SECONDS,     "seconds")          /* int64_t milliseconds */ \
X(DURATION,    "duration")         /* int64_t milliseconds: 200ms, 30s, 5m */ \
X(SIZE,        "size")             /* int64_t bytes: 64K, 256M, 1G */ \
X(WEIGHT,      "number")           /* int64_t millionths */ \
X(STRING,      "text")             /* const char *, one line */ \
X(SECRET,      "text (secret)")    /* const char *, never printed */ \
X(STRINGS,     "list of texts")    /* struct config_strings */ \
X(MONEY,       "amount in USD")    /* const char *, exact decimal */ \
X(PERIOD,      "period")           /* const char *: 30s, 1h, 7d, 1mo */ \
X(PRICE,       "price in USD")     /* struct config_pairs, exact decimal */ \
X(HEADERS,     "map of texts")     /* struct config_pairs */ \
X(SWITCH,      "choice")           /* bool: the second of two choices */ \
X(CHOICE,      "choice")           /* const char * */ \
X(STRATEGY,    "choice")           /* enum config_strategy */ \
X(JSON,        "map")              /* const char *, as JSON */ \
X(MOCK,        "text or map")      /* mock_response */ \
X(BODY,        "any")              /* default for the request body */ \
X(BODY_INT,    "whole number")     /* the same */ \
X(BODY_NUMBER, "number")           /* the same */ \
X(FALLBACKS,   "list of maps")     /* struct config_fallbacks */ \
X(DEFAULT_FALLBACKS, "list of texts") /* struct config_fallbacks, "*" */ \
X(ALIASES,     "map")              /* config.router.aliases */
/* clang-format on */

#define CONFIG_TYPE_ENUM(name, text) TYPE_##name,
enum config_type {
	CONFIG_TYPES(CONFIG_TYPE_ENUM) TYPE_COUNT
};
#undef CONFIG_TYPE_ENUM

enum config_effect {
	EFFECT_USED,      /* fills struct config, or is acted on by its part */
	EFFECT_NONE,      /* LiteLLM's: known, "read, no effect here yet" */
	EFFECT_MISPLACED, /* seen in the wild where nobody reads it: a warning,
			     the row's help says what to do */
	EFFECT_EXTRA,     /* kept and given back as it is (model_info) */
};

enum config_key_flag {
	KEY_QUOTED = 1,     /* a number may be in quotes (a warning) */
	KEY_ONE = 2,        /* one text stands for a list of one */
	KEY_ZERO_UNSET = 4, /* 0 means not given */
	KEY_ENV_QUIET = 8,  /* an unset variable is reported elsewhere */
	KEY_EMPTY_QUIET =
	    16,        /* EFFECT_NONE: nothing to say about [] or false */
	KEY_GATE = 32, /* EFFECT_NONE: it bounds or refuses something there;
			  whoever relies on it has to hear that nobody does
			  it here */
};

#define CONFIG_NOWHERE SIZE_MAX /* the row fills no field by itself */

struct config_key {
	const char *path; /* "model_list[].litellm_params.timeout" */
	enum config_type type;
	enum config_effect effect;
	size_t offset;        /* of the field in the section's struct */
	const char *fallback; /* the default as it would be written; NULL:
				 unset */
	int64_t min, max;     /* in the field's unit; both 0: no range */
	const char *choices;  /* "a|b|c", or NULL */
	unsigned flags;       /* enum config_key_flag */
	const char *help;     /* one sentence, no full stop */
};

extern const struct config_key config_keys[];
extern const size_t config_key_count;

/* The row of `key` under a section ("" for the top level), or NULL. */
const struct config_key *config_key_find(const char *section, struct str key);
/* The known key under this section that is most like `key` (at most two
   letters off), or NULL. Borrowed from the table. */
const char *config_key_near(const char *section, struct str key);
/* Another section's row with this very name that is acted on, or NULL. */
const struct config_key *config_key_elsewhere(const char *section,
    struct str key);
/* True when the section ("model_list[].litellm_params") has rows. */
bool config_key_is_section(const char *path);
/* The part of a row's path after its section. */
const char *config_key_name(const struct config_key *k);
const char *config_type_text(enum config_type type);
/* True for names whose values are never shown: api_key, password ... */
bool config_name_is_secret(struct str name);

/*
 * The whole table for docs/config.md ("markdown") or tallygate.yaml(5)
 * ("mdoc"). -1 for another format, or when out is too small.
 */
int config_schema_print(struct buf *out, const char *format) MUST_CHECK;

#endif
