/* The quick reader of chat requests. See scan.h. */
#include "sim/scan.h"

#include <stdint.h>

#define DEPTH_MAX 24 /* of values that are passed over */

struct scan {
	const char *p, *end;
	struct arena *arena;
};

/* A string as it stands between its quotes. */
struct raw {
	struct str s;
	size_t escapes; /* simple ones, each two bytes for one */
};

static void
skip_blanks(struct scan *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' ||
				    *s->p == '\r' || *s->p == '\t'))
		s->p++;
}

static bool
take(struct scan *s, char c)
{
	skip_blanks(s);
	if (s->p == s->end || *s->p != c)
		return false;
	s->p++;
	return true;
}

/* The next byte that is not blank; '\0' at the end. */
static char
peek(struct scan *s)
{
	skip_blanks(s);
	return s->p == s->end ? '\0' : *s->p;
}

/* True when one of the eight bytes ends a string or needs a look. */
static bool
has_special(uint64_t word)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
	uint64_t quote = word ^ ones * '"', slash = word ^ ones * '\\';
	uint64_t hit = ((quote - ones) & ~quote) | ((slash - ones) & ~slash) |
		       ((word - ones * 0x20) & ~word);

	return (hit & tops) != 0;
}

/* Bytes from p that neither end a string nor need a look. */
static const char *
plain_end(const char *p, const char *end)
{
	uint64_t word;

	/* Prompts are long: eight bytes at a time. */
	while (end - p >= 8) {
		memcpy(&word, p, 8);
		if (has_special(word))
			break;
		p += 8;
	}
	while (p < end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20)
		p++;
	return p;
}

static bool
take_string(struct scan *s, struct raw *raw)
{
	const char *from;

	if (!take(s, '"'))
		return false;
	from = s->p;
	raw->escapes = 0;
	for (;;) {
		s->p = plain_end(s->p, s->end);
		if (s->p == s->end)
			return false;
		if (*s->p == '"')
			break;
		/* \uXXXX is left to jansson: surrogates have rules. */
		if (*s->p != '\\' || s->end - s->p < 2 || s->p[1] == '\0' ||
		    strchr("\"\\/bfnrt", s->p[1]) == NULL)
			return false;
		raw->escapes++;
		s->p += 2;
	}
	raw->s = str_make(from, (size_t)(s->p - from));
	s->p++;
	return true;
}

static struct str
decode(struct scan *s, struct raw raw)
{
	static const char codes[] = "bfnrt", bytes[] = "\b\f\n\r\t";
	char *out, *q;

	if (raw.escapes == 0)
		return raw.s;
	q = out = arena_alloc(s->arena, raw.s.n);
	for (size_t i = 0; i < raw.s.n; i++) {
		const char *code;

		if (raw.s.p[i] != '\\') {
			*q++ = raw.s.p[i];
			continue;
		}
		i++;
		code = strchr(codes, raw.s.p[i]);
		*q++ = code == NULL ? raw.s.p[i] : bytes[code - codes];
	}
	return str_make(out, (size_t)(q - out));
}

static size_t
digits(struct scan *s)
{
	const char *from = s->p;

	while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
		s->p++;
	return (size_t)(s->p - from);
}

/* A number by JSON's grammar; *whole when it has no fraction. */
static bool
take_number(struct scan *s, struct str *text, bool *whole)
{
	const char *from;

	skip_blanks(s);
	from = s->p;
	*whole = true;
	if (s->p < s->end && *s->p == '-')
		s->p++;
	if (s->p == s->end)
		return false;
	if (*s->p == '0')
		s->p++;
	else if (digits(s) == 0)
		return false;
	if (s->p < s->end && *s->p == '.') {
		*whole = false;
		s->p++;
		if (digits(s) == 0)
			return false;
	}
	*text = str_make(from, (size_t)(s->p - from));
	/* jansson refuses numbers that are out of range: long ones and those
	   with an exponent are left to it. */
	return text->n <= 17 &&
	       (s->p == s->end || (*s->p != 'e' && *s->p != 'E'));
}

static bool
take_word(struct scan *s, const char *word)
{
	size_t n = strlen(word);

	skip_blanks(s);
	if ((size_t)(s->end - s->p) < n || memcmp(s->p, word, n) != 0)
		return false;
	s->p += n;
	return true;
}

static bool skip_value(struct scan *s, int depth);

static bool
skip_members(struct scan *s, char open, int depth)
{
	char close = open == '{' ? '}' : ']';
	struct raw key;

	if (depth > DEPTH_MAX || !take(s, open))
		return false;
	if (take(s, close))
		return true;
	do {
		if (open == '{' && (!take_string(s, &key) || !take(s, ':')))
			return false;
		if (!skip_value(s, depth + 1))
			return false;
	} while (take(s, ','));
	return take(s, close);
}

static bool
skip_value(struct scan *s, int depth)
{
	struct str number;
	struct raw text;
	bool whole;
	char c = peek(s);

	switch (c) {
	case '{':
	case '[':
		return skip_members(s, c, depth);
	case '"':
		return take_string(s, &text);
	case 't':
		return take_word(s, "true");
	case 'f':
		return take_word(s, "false");
	case 'n':
		return take_word(s, "null");
	default:
		return take_number(s, &number, &whole);
	}
}

static bool
take_bool(struct scan *s, bool *v)
{
	if (take_word(s, "true")) {
		*v = true;
		return true;
	}
	/* null is as good as absent */
	*v = false;
	return take_word(s, "false") || take_word(s, "null");
}

/* A whole number from 1 to `most`; null leaves *v. */
static bool
take_count(struct scan *s, int64_t most, int64_t *v)
{
	struct str text;
	int64_t n = 0;
	bool whole;

	if (peek(s) == 'n')
		return take_word(s, "null");
	if (!take_number(s, &text, &whole) || !whole || text.p[0] == '-' ||
	    text.n > 9)
		return false;
	for (size_t i = 0; i < text.n; i++)
		n = n * 10 + (text.p[i] - '0');
	if (n < 1 || n > most)
		return false;
	*v = n;
	return true;
}

/* Marks a bit and says whether it was clear: members come once. */
static bool
once(unsigned *seen, unsigned bit)
{
	bool fresh = (*seen & bit) == 0;

	*seen |= bit;
	return fresh;
}

static bool
note_message(struct scan *s, struct chat *chat, struct str role,
    struct raw content)
{
	bool user = str_is(role, "user");

	if (!user && !str_is(role, "assistant") && !str_is(role, "system") &&
	    !str_is(role, "developer"))
		return false;
	chat->messages++;
	chat->text_bytes += (int64_t)(content.s.n - content.escapes);
	if (user)
		chat->user_text = decode(s, content);
	if (user)
		chat->last = CHAT_LAST_USER;
	else if (str_is(role, "assistant"))
		chat->last = CHAT_LAST_OTHER;
	return true;
}

/* {"role":"user","content":"text"}, in any order, perhaps with a name. */
static bool
take_message(struct scan *s, struct chat *chat)
{
	struct raw key, role = { { NULL, 0 }, 0 }, content = role;
	unsigned seen = 0;

	if (!take(s, '{'))
		return false;
	do {
		struct raw name;

		if (!take_string(s, &key) || !take(s, ':') || key.escapes > 0)
			return false;
		if (str_is(key.s, "role")) {
			if (!once(&seen, 1) || !take_string(s, &role))
				return false;
		} else if (str_is(key.s, "content")) {
			if (!once(&seen, 2) || !take_string(s, &content))
				return false;
		} else if (!str_is(key.s, "name") || !take_string(s, &name)) {
			return false;
		}
	} while (take(s, ','));
	if (!take(s, '}') || seen != 3)
		return false;
	return note_message(s, chat, role.s, content);
}

static bool
take_messages(struct scan *s, struct chat *chat)
{
	if (!take(s, '['))
		return false;
	do {
		if (!take_message(s, chat))
			return false;
	} while (take(s, ','));
	return take(s, ']');
}

/* {"include_usage":true} and nothing else. */
static bool
take_stream_options(struct scan *s, struct chat *chat)
{
	struct raw key;

	if (peek(s) == 'n')
		return take_word(s, "null");
	return take(s, '{') && take_string(s, &key) &&
	       str_is(key.s, "include_usage") && take(s, ':') &&
	       take_bool(s, &chat->include_usage) && take(s, '}');
}

/* Members that change nothing in the answer, whatever they hold. */
static bool
is_idle(struct str key)
{
	static const char *const idle[] = { "temperature", "top_p", "user",
		"seed", "metadata", "presence_penalty", "frequency_penalty",
		"logit_bias", "store", "service_tier", "safety_identifier",
		"reasoning_effort", "verbosity", "prompt_cache_key" };

	for (size_t i = 0; i < ARRAY_LEN(idle); i++) {
		if (str_is(key, idle[i]))
			return true;
	}
	return false;
}

/* One member of the body; `seen` holds those already met. */
static bool
take_member(struct scan *s, struct chat *chat, struct str key, unsigned *seen,
    int64_t *limits)
{
	struct raw text;
	bool ok = false;

	if (str_is(key, "model")) {
		ok =
		    once(seen, 1) && take_string(s, &text) && text.escapes == 0;
		chat->model = ok ? text.s : str_make("", 0);
	} else if (str_is(key, "messages")) {
		ok = once(seen, 2) && take_messages(s, chat);
	} else if (str_is(key, "stream")) {
		ok = once(seen, 4) && take_bool(s, &chat->stream);
	} else if (str_is(key, "max_tokens")) {
		ok = once(seen, 8) && take_count(s, INT32_MAX, &limits[0]);
	} else if (str_is(key, "max_completion_tokens")) {
		ok = once(seen, 16) && take_count(s, INT32_MAX, &limits[1]);
	} else if (str_is(key, "stream_options")) {
		ok = once(seen, 32) && take_stream_options(s, chat);
	} else if (is_idle(key)) {
		ok = skip_value(s, 0);
	}
	return ok;
}

static bool
take_body(struct scan *s, struct chat *chat)
{
	int64_t limits[2] = { -1, -1 };
	unsigned seen = 0;
	struct raw key;

	if (!take(s, '{'))
		return false;
	do {
		if (!take_string(s, &key) || !take(s, ':') ||
		    !take_member(s, chat, key.s, &seen, limits))
			return false;
	} while (take(s, ','));
	if (!take(s, '}') || (seen & 3) != 3)
		return false;
	skip_blanks(s);
	/* The newer name wins, as in chat_openai.c. */
	chat->max_tokens = limits[1] >= 0 ? limits[1] : limits[0];
	/* stream_options without a stream is a mistake to be reported */
	return s->p == s->end && (chat->stream || (seen & 32) == 0);
}

bool
scan_chat(struct str body, struct arena *arena, struct chat *chat)
{
	struct scan s = { body.p, body.p + body.n, arena };

	if (body.n > 0 && str_utf8_ok(body) && take_body(&s, chat))
		return true;
	chat_init(chat);
	return false;
}
