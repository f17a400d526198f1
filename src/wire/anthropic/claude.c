/* The table of Claude's families. See claude.h. */
#include "wire/anthropic/claude.h"

#include "wire/pick.h"

#define NEW_EFFORTS "low medium high xhigh max"
#define OLD_EFFORTS "low medium high"

#define LEAST_BUDGET 1024 /* Anthropic takes no less */

/* clang-format off */
/* family, schema, disable, force, one call, sampling, thinking, efforts */
static const struct claude families[] = {
	{ "sonnet-5-5",  true,  false, false, true,  SAMPLING_REFUSED, THINKING_ADAPTIVE, NEW_EFFORTS },
	{ "opus-5-5",    true,  false, false, true,  SAMPLING_REFUSED, THINKING_ADAPTIVE, NEW_EFFORTS },
	{ "fable-5-1",   true,  false, false, true,  SAMPLING_REFUSED, THINKING_ADAPTIVE, NEW_EFFORTS },
	{ "haiku-5-5",   true,  true,  true,  true,  SAMPLING_REFUSED, THINKING_ADAPTIVE, NEW_EFFORTS },
	{ "fable-5",     true,  false, true,  true,  SAMPLING_REFUSED, THINKING_ADAPTIVE, NEW_EFFORTS },
	{ "opus-5",      true,  true,  true,  true,  SAMPLING_REFUSED, THINKING_ADAPTIVE, NEW_EFFORTS },
	{ "sonnet-5",    true,  true,  true,  true,  SAMPLING_REFUSED, THINKING_ADAPTIVE, NEW_EFFORTS },
	{ "opus-4-8",    true,  true,  true,  true,  SAMPLING_REFUSED, THINKING_ADAPTIVE, NEW_EFFORTS },
	{ "opus-4-7",    true,  true,  true,  true,  SAMPLING_REFUSED, THINKING_ADAPTIVE, NEW_EFFORTS },
	{ "opus-4-6",    true,  true,  true,  true,  SAMPLING_ONE,     THINKING_ADAPTIVE, OLD_EFFORTS " max" },
	{ "sonnet-4-6",  true,  true,  true,  true,  SAMPLING_ONE,     THINKING_ADAPTIVE, OLD_EFFORTS },
	{ "opus-4-5",    true,  true,  true,  true,  SAMPLING_ONE,     THINKING_BUDGET,   "" },
	{ "sonnet-4-5",  true,  true,  true,  true,  SAMPLING_ONE,     THINKING_BUDGET,   "" },
	{ "haiku-4-5",   true,  true,  true,  true,  SAMPLING_ONE,     THINKING_BUDGET,   "" },
	{ "opus-4-1",    true,  true,  true,  false, SAMPLING_ONE,     THINKING_BUDGET,   "" },
	{ "opus-4",      false, true,  true,  false, SAMPLING_ALL,     THINKING_BUDGET,   "" },
	{ "sonnet-4",    false, true,  true,  false, SAMPLING_ALL,     THINKING_BUDGET,   "" },
	{ "4-opus",      false, true,  true,  false, SAMPLING_ALL,     THINKING_BUDGET,   "" },
	{ "4-sonnet",    false, true,  true,  false, SAMPLING_ALL,     THINKING_BUDGET,   "" },
	{ "3-7-sonnet",  false, true,  true,  false, SAMPLING_ALL,     THINKING_BUDGET,   "" },
	{ "3-5-sonnet",  false, true,  true,  false, SAMPLING_ALL,     THINKING_NONE,     "" },
	{ "3-5-haiku",   false, true,  true,  false, SAMPLING_ALL,     THINKING_NONE,     "" },
	{ "3-opus",      false, true,  true,  false, SAMPLING_ALL,     THINKING_NONE,     "" },
	{ "3-sonnet",    false, true,  true,  false, SAMPLING_ALL,     THINKING_NONE,     "" },
	{ "3-haiku",     false, true,  true,  false, SAMPLING_ALL,     THINKING_NONE,     "" },
};

static const struct claude unknown_claude =
	{ "",            true,  true,  true,  true,  SAMPLING_REFUSED, THINKING_ADAPTIVE, NEW_EFFORTS };
static const struct claude other_vendor =
	{ "",            false, true,  true,  false, SAMPLING_ALL,     THINKING_BUDGET,   "" };
/* clang-format on */

/* "sonnet-4" is that of "sonnet-4-20250514" and "sonnet-4@latest", not of
   "sonnet-4-9": one or two digits are a version, eight are a day. */
static bool
is_of(struct str name, const char *family)
{
	size_t n = strlen(family), digits = 0;

	if (!str_starts(name, family))
		return false;
	if (name.n == n)
		return true;
	if (name.p[n] != '-' && name.p[n] != '@' && name.p[n] != ':')
		return false;
	for (size_t i = n + 1; i < name.n; i++, digits++) {
		if (name.p[i] < '0' || name.p[i] > '9')
			break;
	}
	return name.p[n] != '-' || digits == 0 || digits > 2;
}

const struct claude *
claude_find(struct str model)
{
	ptrdiff_t at = str_find_nocase(model, "claude-");
	struct str name;

	if (at < 0)
		return &other_vendor;
	name = str_make(model.p + at + 7, model.n - (size_t)at - 7);
	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		if (is_of(name, families[i].family))
			return &families[i];
	}
	return &unknown_claude;
}

const char *
claude_effort(const struct claude *c, struct str wish)
{
	static const char *const words[] = { "low", "medium", "high", "xhigh",
		"max" };
	struct str rest = str_of(c->efforts);

	if (str_is(wish, "minimal"))
		return "low";
	while (rest.n > 0) {
		if (!str_eq(str_cut(&rest, ' '), wish))
			continue;
		for (size_t i = 0; i < ARRAY_LEN(words); i++) {
			if (str_is(wish, words[i]))
				return words[i];
		}
	}
	return "high";
}

int64_t
claude_budget(struct str wish)
{
	static const struct {
		const char *word;
		int64_t tokens;
	} rows[] = { { "minimal", 1024 }, { "low", 1024 }, { "medium", 2048 },
		{ "high", 4096 }, { "xhigh", 8192 }, { "max", 16384 } };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (str_is(wish, rows[i].word))
			return rows[i].tokens;
	}
	return 0;
}

struct str
claude_fit_thinking(const struct skim_value *thinking, int64_t limit,
    struct arena *arena)
{
	struct skim_value budget = pick_one(thinking, "budget_tokens");
	struct str whole = thinking->value;
	int64_t tokens;

	if (budget.type != SKIM_NUMBER || skim_int(&budget, &tokens) != 0 ||
	    tokens < limit)
		return whole;
	if (limit <= LEAST_BUDGET)
		return str_of("");
	return str_of(arena_printf(arena, "%.*s%lld%.*s",
	    (int)(budget.value.p - whole.p), whole.p, (long long)limit - 1,
	    (int)(whole.p + whole.n - budget.value.p - budget.value.n),
	    budget.value.p + budget.value.n));
}
