/* City, sum and call in a question. See question.h. */
#include "sim/question.h"

#define CITY_WORDS_MAX 4

static bool
ends_place(char c)
{
	return strchr("?,.!;:\n\"()", c) != NULL;
}

static bool
begins_name(char c)
{
	return (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
}

/* The words of a place at the beginning of s. */
static struct str
take_place(struct str s)
{
	size_t end = 0;

	for (int word = 0; word < CITY_WORDS_MAX; word++) {
		size_t i = end == 0 ? 0 : end + 1; /* past the blank */
		size_t from = i;

		if (i >= s.n || (word > 0 && !begins_name(s.p[i])))
			break;
		while (i < s.n && s.p[i] != ' ' && !ends_place(s.p[i]))
			i++;
		if (i == from)
			break;
		end = i;
		/* "in paris": one word when it is no proper name */
		if (i >= s.n || s.p[i] != ' ' || !begins_name(s.p[from]))
			break;
	}
	return str_make(s.p, end);
}

int
question_city(struct str text, struct str *city_r)
{
	static const char *const before[] = { " in ", " for ", " at " };
	ptrdiff_t topic = str_find_nocase(text, "weather");

	if (topic < 0)
		topic = str_find_nocase(text, "temperature");
	if (topic < 0)
		topic = str_find_nocase(text, "forecast");
	if (topic < 0)
		return 0;
	/* Behind the topic first: "… and in Rome, what is the weather in X?" */
	for (int pass = 0; pass < 2; pass++) {
		struct str where = text;

		if (pass == 0) {
			where.p += topic;
			where.n -= (size_t)topic;
		}
		for (size_t i = 0; i < ARRAY_LEN(before); i++) {
			ptrdiff_t at = str_find_nocase(where, before[i]);
			size_t skip = strlen(before[i]);
			struct str place;

			if (at < 0)
				continue;
			place = take_place(str_make(where.p + at + skip,
			    where.n - (size_t)at - skip));
			if (place.n > 0) {
				*city_r = place;
				return 1;
			}
		}
	}
	return 0;
}

int
question_call(struct str text, struct str name, struct str *rest_r)
{
	ptrdiff_t at;

	while ((at = str_find(text, "call ")) >= 0) {
		bool is_word = at == 0 || text.p[at - 1] <= ' ';

		text.p += at + 5;
		text.n -= (size_t)at + 5;
		if (is_word && text.n > name.n && text.p[name.n] == ' ' &&
		    memcmp(text.p, name.p, name.n) == 0) {
			*rest_r =
			    str_make(text.p + name.n + 1, text.n - name.n - 1);
			return 1;
		}
	}
	return 0;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_sum_byte(char c)
{
	return is_digit(c) || (c != '\0' && strchr("+-*/%^(). ", c) != NULL);
}

/* Without what cannot begin or end a sum: blanks, operators, a full stop. */
static struct str
trim_sum(struct str s)
{
	while (s.n > 0 && !is_digit(s.p[0]) && s.p[0] != '(' &&
	       !(s.p[0] == '-' && s.n > 1 && is_digit(s.p[1]))) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && !is_digit(s.p[s.n - 1]) && s.p[s.n - 1] != ')')
		s.n--;
	return s;
}

/* Two numbers with an operator between them, and brackets that pair. */
static bool
is_sum(struct str s)
{
	bool number = false, joiner = false;
	int depth = 0, joined = 0;

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (is_digit(c)) {
			joined += number && joiner;
			number = true;
			joiner = false;
		} else if (c == '(') {
			depth++;
		} else if (c == ')') {
			if (--depth < 0)
				return false;
		} else if (strchr("+-*/%^", c) != NULL) {
			joiner = true;
		} else if (c == ' ' && number && !joiner && i + 1 < s.n &&
			   is_digit(s.p[i + 1])) {
			return false; /* "17 43": no operator between */
		}
	}
	return joined > 0 && depth == 0;
}

int
question_sum(struct str text, struct str *sum_r)
{
	struct str best = { NULL, 0 };
	size_t i = 0;

	while (i < text.n) {
		size_t from = i;
		struct str run;

		while (i < text.n && is_sum_byte(text.p[i]))
			i++;
		run = trim_sum(str_make(text.p + from, i - from));
		if (run.n > best.n && is_sum(run))
			best = run;
		if (i == from)
			i++;
	}
	if (best.n == 0)
		return 0;
	*sum_r = best;
	return 1;
}
