/* Relaying answers: golden cases, each with the provider's bytes whole, one at
   a time and cut at random, with the same result. */
#include "arena_fixture.h"

#include "base/hash.h"
#include "config/config.h"
#include "wire/dialect.h"

/* clang-format off */
#define M \
	"\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]"
#define PLAIN  "{" M "}"
#define STREAM "{" M ",\"stream\":true}"
#define STREAM_USAGE \
	"{" M ",\"stream\":true,\"stream_options\":{\"include_usage\":true}}"
/* clang-format on */

struct expected {
	int result;         /* of feed and finish */
	enum err_code code; /* when -1 */
	bool finished, first_token, error_event, malformed, done;
	int64_t prompt, completion; /* -1: no usage */
	const char *finish_reason;
};

struct golden {
	const char *name;
	enum wire_api api;
	const char *request, *upstream, *client;
	struct expected want;
};

#define OK(reason, prompt, completion)                                         \
	{                                                                      \
		0, ERR_NONE, true, true, false, false, true, prompt,           \
		    completion, reason                                         \
	}
#define OK_PLAIN(reason, prompt, completion)                                   \
	{                                                                      \
		0, ERR_NONE, true, true, false, false, false, prompt,          \
		    completion, reason                                         \
	}
#define BAD(code, error, broken)                                               \
	{                                                                      \
		-1, ERR_##code, false, false, error, broken, false, -1, -1, "" \
	}

/* clang-format off */
#define HEAD  "{\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":17,\"model\":\"up-1\",\"choices\":["
#define OUT   "{\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":17,\"model\":\"mine\",\"choices\":["
#define ROLE  "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}"
#define HI    "{\"index\":0,\"delta\":{\"content\":\"Hi there\"},\"finish_reason\":null}"
#define STOP  "{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}"
#define USAGE "\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2,\"total_tokens\":11}"
#define DATA(x) "data: " x "\n\n"
#define DONE  "data: [DONE]\n\n"

static const struct golden goldens[] = {
	/* ---- plain ---- */
	{ "plain", WIRE_CHAT, PLAIN,
	  "{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":17,\"model\":\"up-1\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"Hi\"},"
	  "\"finish_reason\":\"stop\"}]," USAGE ",\"x\":18446744073709551615}",
	  "{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":17,\"model\":\"mine\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"Hi\"},"
	  "\"finish_reason\":\"stop\"}]," USAGE ",\"x\":18446744073709551615}", OK_PLAIN("stop", 9, 2) },
	{ "plain, blank lines first (DeepSeek)", WIRE_CHAT, PLAIN,
	  "\n\n\r\n {\"id\":\"c\",\"object\":\"chat.completion\",\"created\":17,\"model\" : \"up\" , \"choices\":[{\"index\":0,\"message\":{\"content\":\"Hi\"},\"finish_reason\":\"stop\"}]}\n",
	  "{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":17,\"model\" : \"mine\" , \"choices\":[{\"index\":0,\"message\":{\"content\":\"Hi\"},\"finish_reason\":\"stop\"}]}", OK_PLAIN("stop", -1, -1) },
	{ "plain, finish reasons clients know", WIRE_CHAT, PLAIN,
	  "{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":17,\"choices\":[{\"index\":0,\"message\":{\"content\":\"Hi\"},\"finish_reason\":\"model_length\"}]}",
	  "{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":17,\"choices\":[{\"index\":0,\"message\":{\"content\":\"Hi\"},\"finish_reason\":\"length\"}]}", OK_PLAIN("length", -1, -1) },
	{ "plain, tool calls are left alone", WIRE_CHAT, PLAIN,
	  "{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":17,\"choices\":[{\"index\":0,\"message\":{\"tool_calls\":[{\"id\":\"1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},\"finish_reason\":\"tool_calls\"}]}",
	  "{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":17,\"choices\":[{\"index\":0,\"message\":{\"tool_calls\":[{\"id\":\"1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},\"finish_reason\":\"tool_calls\"}]}",
	  OK_PLAIN("tool_calls", -1, -1) },
	{ "plain, an error with status 200", WIRE_CHAT, PLAIN,
	  "{\"error\":{\"code\":502,\"message\":\"upstream died\"},\"choices\":[]}", "", BAD(UPSTREAM, true, false) },
	{ "plain, an error in a choice", WIRE_CHAT, PLAIN,
	  "{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":17,\"choices\":[{\"index\":0,\"message\":{\"content\":\"\"},\"finish_reason\":\"stop\",\"error\":{\"message\":\"x\"}}]}", "", BAD(UPSTREAM, true, false) },
	{ "plain, an error in a list (Gemini)", WIRE_CHAT, PLAIN,
	  "[{\"error\":{\"code\":429,\"message\":\"slow\",\"status\":\"RESOURCE_EXHAUSTED\"}}]", "", BAD(UPSTREAM, true, false) },
	{ "plain, error null is none", WIRE_CHAT, PLAIN,
	  "{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":17,\"error\":null,\"choices\":[{\"index\":0,\"message\":{\"content\":\"Hi\"}}]}",
	  "{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":17,\"error\":null,\"choices\":[{\"index\":0,\"message\":{\"content\":\"Hi\"}}]}", OK_PLAIN("", -1, -1) },
	{ "plain, truncated", WIRE_CHAT, PLAIN, "{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":17,\"choices\":[{\"index\":0,\"message\":{\"content\":\"Hi", "", BAD(UPSTREAM_FORMAT, false, true) },
	{ "plain, no choices", WIRE_CHAT, PLAIN, "{\"ok\":true}", "", BAD(UPSTREAM_FORMAT, false, true) },
	{ "plain, empty", WIRE_CHAT, PLAIN, " \n", "", BAD(UPSTREAM_FORMAT, false, true) },
	{ "plain, HTML", WIRE_CHAT, PLAIN, "<html>hi</html>", "", BAD(UPSTREAM_FORMAT, false, true) },
	{ "plain, a stream instead", WIRE_CHAT, PLAIN, DATA(HEAD HI "]}") DONE, "", BAD(UPSTREAM_FORMAT, false, true) },
	{ "completions, plain", WIRE_COMPLETIONS, "{\"model\":\"a\",\"prompt\":\"x\"}",
	  "{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":17,\"model\":\"up\",\"choices\":[{\"text\":\"Hi\",\"index\":0,\"finish_reason\":\"stop\"}]," USAGE "}",
	  "{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":17,\"model\":\"mine\",\"choices\":[{\"text\":\"Hi\",\"index\":0,\"finish_reason\":\"stop\"}]," USAGE "}", OK_PLAIN("stop", 9, 2) },
	{ "embeddings", WIRE_EMBEDDINGS, "{\"model\":\"a\",\"input\":\"x\"}",
	  "{\"object\":\"list\",\"data\":[{\"embedding\":[0.1,-2e-5]}],\"model\":\"up\",\"usage\":{\"prompt_tokens\":3,\"total_tokens\":3}}",
	  "{\"object\":\"list\",\"data\":[{\"embedding\":[0.1,-2e-5]}],\"model\":\"mine\",\"usage\":{\"prompt_tokens\":3,\"total_tokens\":3}}",
	  { 0, ERR_NONE, true, false, false, false, false, 3, 0, "" } },
	{ "embeddings without data", WIRE_EMBEDDINGS, "{\"model\":\"a\",\"input\":\"x\"}", "{\"choices\":[]}", "", BAD(UPSTREAM_FORMAT, false, true) },

	/* ---- streams ---- */
	{ "OpenAI, usage hidden", WIRE_CHAT, STREAM,
	  DATA(HEAD ROLE "],\"usage\":null}") DATA(HEAD HI "],\"usage\":null}") DATA(HEAD STOP "],\"usage\":null,\"z\":1}")
	  DATA(HEAD "]," USAGE "}") DONE,
	  DATA(OUT ROLE "]}") DATA(OUT HI "]}") DATA(OUT STOP "],\"z\":1}") DONE, OK("stop", 9, 2) },
	{ "OpenAI, usage asked", WIRE_CHAT, STREAM_USAGE,
	  DATA(HEAD ROLE "],\"usage\":null}") DATA(HEAD HI "],\"usage\":null}") DATA(HEAD STOP "],\"usage\":null}") DATA(HEAD "]," USAGE "}") DONE,
	  DATA(OUT ROLE "],\"usage\":null}") DATA(OUT HI "],\"usage\":null}") DATA(OUT STOP "],\"usage\":null}") DATA(OUT "]," USAGE "}") DONE,
	  OK("stop", 9, 2) },
	{ "Mistral: usage with the finish, hidden", WIRE_CHAT, STREAM,
	  DATA(HEAD ROLE "]}") DATA(HEAD "{\"index\":0,\"delta\":{\"content\":\"Hi\"},\"finish_reason\":\"stop\"}]," USAGE "}") DONE,
	  DATA(OUT ROLE "]}") DATA(OUT "{\"index\":0,\"delta\":{\"content\":\"Hi\"},\"finish_reason\":\"stop\"}]}") DONE, OK("stop", 9, 2) },
	{ "Mistral: usage with the finish, asked", WIRE_CHAT, STREAM_USAGE,
	  DATA(HEAD ROLE "]}") DATA(HEAD "{\"index\":0,\"delta\":{\"content\":\"Hi\"},\"finish_reason\":\"stop\"}]," USAGE "}") DONE,
	  DATA(OUT ROLE "]}") DATA(OUT "{\"index\":0,\"delta\":{\"content\":\"Hi\"},\"finish_reason\":\"stop\"}],\"usage\":null}")
	  DATA(OUT "]," USAGE "}") DONE, OK("stop", 9, 2) },
	{ "usage is the first member", WIRE_CHAT, STREAM,
	  DATA("{ " USAGE " , \"id\":\"c\",\"object\":\"x\",\"created\":17,\"choices\":[" ROLE "]}") DATA("{\"id\":\"c\",\"object\":\"x\",\"created\":17,\"choices\":[" STOP "]}") DONE,
	  DATA("{  \"id\":\"c\",\"object\":\"x\",\"created\":17,\"choices\":[" ROLE "]}") DATA("{\"id\":\"c\",\"object\":\"x\",\"created\":17,\"choices\":[" STOP "]}") DONE,
	  { 0, ERR_NONE, true, false, false, false, true, 9, 2, "stop" } },
	{ "Groq: x_groq.usage, asked", WIRE_CHAT, STREAM_USAGE,
	  DATA(HEAD ROLE "],\"x_groq\":{\"id\":\"r\"}}") DATA(HEAD HI "]}") DATA(HEAD STOP "],\"x_groq\":{\"id\":\"r\"," USAGE "}}") DONE,
	  DATA(OUT ROLE "],\"x_groq\":{\"id\":\"r\"}}") DATA(OUT HI "]}") DATA(OUT STOP "],\"x_groq\":{\"id\":\"r\"," USAGE "}}")
	  DATA(OUT "]," USAGE "}") DONE, OK("stop", 9, 2) },
	{ "usage on every chunk: the last counts", WIRE_CHAT, STREAM,
	  DATA(HEAD ROLE "],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":0}}") DATA(HEAD HI "],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":1}}")
	  DATA(HEAD STOP "]," USAGE "}") DONE,
	  DATA(OUT ROLE "]}") DATA(OUT HI "]}") DATA(OUT STOP "]}") DONE, OK("stop", 9, 2) },
	{ "the client asked for continuous usage", WIRE_CHAT,
	  "{" M ",\"stream\":true,\"stream_options\":{\"include_usage\":true,\"continuous_usage_stats\":true}}",
	  DATA(HEAD HI "],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":1}}") DATA(HEAD STOP "]}") DATA(HEAD "]," USAGE "}") DONE,
	  DATA("{\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":17,\"model\":\"mine\",\"choices\":["
	  "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"Hi there\"},\"finish_reason\":null}],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":1}}")
	  DATA(OUT STOP "]}") DATA(OUT "]," USAGE "}") DONE, OK("stop", 9, 2) },
	{ "Azure: first chunk without choices", WIRE_CHAT, STREAM,
	  DATA("{\"id\":\"\",\"created\":0,\"model\":\"\",\"choices\":[],\"prompt_filter_results\":[{\"prompt_index\":0}]}")
	  DATA(HEAD ROLE "]}") DATA(HEAD HI "]}") DATA(HEAD STOP "]}") DATA(HEAD "]," USAGE "}") DONE,
	  DATA(OUT ROLE "]}") DATA(OUT HI "]}") DATA(OUT STOP "]}") DONE, OK("stop", 9, 2) },
	{ "Gemini: no role, no index, stop after tools", WIRE_CHAT, STREAM,
	  DATA(HEAD "{\"index\":0,\"delta\":{\"tool_calls\":[{\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}},"
	  "{ \"id\":\"b\",\"type\":\"function\",\"extra_content\":{\"google\":{\"thought_signature\":\"s\"}},\"function\":{\"name\":\"g\",\"arguments\":\"{}\"}}]},\"finish_reason\":null}]}")
	  DATA(HEAD "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"h\",\"arguments\":\"\"}}]},\"finish_reason\":\"stop\"}]," USAGE "}") DONE,
	  DATA(OUT "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}},"
	  "{\"index\":1, \"id\":\"b\",\"type\":\"function\",\"extra_content\":{\"google\":{\"thought_signature\":\"s\"}},\"function\":{\"name\":\"g\",\"arguments\":\"{}\"}}]},\"finish_reason\":null}]}")
	  DATA(OUT "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"tool_calls\":[{\"index\":2,\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"h\",\"arguments\":\"\"}}]},\"finish_reason\":\"tool_calls\"}]}") DONE,
	  OK("tool_calls", 9, 2) },
	{ "vLLM: stop with numbered tools stays", WIRE_CHAT, STREAM,
	  DATA(HEAD "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\"}}]},\"finish_reason\":\"stop\"}]}") DONE,
	  DATA(OUT "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\"}}]},\"finish_reason\":\"stop\"}]}") DONE,
	  OK("stop", -1, -1) },
	{ "empty role, empty finish", WIRE_CHAT, STREAM,
	  DATA("{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":17,\"choices\":[{\"index\":0,\"delta\":{\"role\":\"\",\"content\":\"a\"},\"finish_reason\":\"\"}]}") DATA("{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":17,\"choices\":[{\"index\":0,\"delta\":{\"role\":null,\"content\":\"b\"},\"finish_reason\":\"stop\"}]}") DONE,
	  DATA("{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":17,\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"a\"},\"finish_reason\":null}]}") DATA("{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":17,\"choices\":[{\"index\":0,\"delta\":{\"role\":null,\"content\":\"b\"},\"finish_reason\":\"stop\"}]}") DONE,
	  OK("stop", -1, -1) },
	{ "reasoning counts as token", WIRE_CHAT, STREAM,
	  DATA("{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":17,\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"reasoning_content\":\"hm\"}}]}") DATA("{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":17,\"choices\":[{\"index\":0,\"delta\":{\"reasoning\":\"hm\"},\"finish_reason\":\"eos\"}]}") DONE,
	  DATA("{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":17,\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"reasoning_content\":\"hm\"}}]}") DATA("{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":17,\"choices\":[{\"index\":0,\"delta\":{\"reasoning_content\":\"hm\",\"reasoning\":\"hm\"},\"finish_reason\":\"stop\"}]}") DONE,
	  OK("stop", -1, -1) },
	{ "no [DONE], but finished", WIRE_CHAT, STREAM_USAGE,
	  DATA(HEAD ROLE "]}") DATA(HEAD HI "]}") DATA(HEAD STOP "]," USAGE "}"),
	  DATA(OUT ROLE "]}") DATA(OUT HI "]}") DATA(OUT STOP "],\"usage\":null}") DATA(OUT "]," USAGE "}") DONE, OK("stop", 9, 2) },
	{ "last blank line missing", WIRE_CHAT, STREAM,
	  DATA(HEAD ROLE "]}") DATA(HEAD HI "]}") "data: " HEAD STOP "]}\n", DATA(OUT ROLE "]}") DATA(OUT HI "]}") DATA(OUT STOP "]}") DONE, OK("stop", -1, -1) },
	{ "[DONE] without any line end", WIRE_CHAT, STREAM,
	  DATA(HEAD ROLE "]}") DATA(HEAD HI "]}") DATA(HEAD STOP "]}") "data: [DONE]", DATA(OUT ROLE "]}") DATA(OUT HI "]}") DATA(OUT STOP "]}") DONE, OK("stop", -1, -1) },
	{ "[DONE] with more behind it", WIRE_CHAT, STREAM,
	  DATA(HEAD ROLE "]}") DATA(HEAD HI "]}") "data:[DONE] \n\n" DATA("garbage"), DATA(OUT ROLE "]}") DATA(OUT HI "]}") DONE, OK("", -1, -1) },
	{ "cut after text", WIRE_CHAT, STREAM, DATA(HEAD ROLE "]}") DATA(HEAD HI "]}"),
	  DATA(OUT ROLE "]}") DATA(OUT HI "]}"), { -1, ERR_UPSTREAM_CUT, false, true, false, false, false, -1, -1, "" } },
	{ "cut inside of an event", WIRE_CHAT, STREAM, DATA(HEAD ROLE "]}") DATA(HEAD HI "]}") "data: {\"choi",
	  DATA(OUT ROLE "]}") DATA(OUT HI "]}"), { -1, ERR_UPSTREAM_CUT, false, true, false, false, false, -1, -1, "" } },
	{ "nothing at all", WIRE_CHAT, STREAM, "", "", BAD(UPSTREAM_CUT, false, false) },
	{ "only comments", WIRE_CHAT, STREAM, ": a\n\n: b\n\n", "", BAD(UPSTREAM_CUT, false, false) },
	{ "[DONE] at once", WIRE_CHAT, STREAM, DONE, "", BAD(UPSTREAM_FORMAT, false, true) },
	{ "comments, CRLF, names, ids", WIRE_CHAT, STREAM,
	  ": OPENROUTER PROCESSING\r\n\r\nid: 1\r\nevent: x\r\ndata: " HEAD ROLE "]}\r\n\r\n: ping\r\n\r\nretry: 5\r\n\r\ndata:\r\n\r\ndata:" HEAD STOP "]}\r\n\r\n" DONE,
	  DATA(OUT ROLE "]}") ": keep-alive\n\n" DATA(OUT STOP "]}") DONE, { 0, ERR_NONE, true, false, false, false, true, -1, -1, "stop" } },
	{ "JSON over several data lines", WIRE_CHAT, STREAM,
	  "data: {\"id\":\"c\",\"object\":\"x\",\"created\":17,\"choices\":[\ndata: " ROLE "\ndata: ]}\n\n" DATA("{\"id\":\"c\",\"object\":\"x\",\"created\":17,\"choices\":[" STOP "]}") DONE,
	  DATA("{\"id\":\"c\",\"object\":\"x\",\"created\":17,\"choices\":[ " ROLE " ]}") DATA("{\"id\":\"c\",\"object\":\"x\",\"created\":17,\"choices\":[" STOP "]}") DONE, { 0, ERR_NONE, true, false, false, false, true, -1, -1, "stop" } },
	{ "events that are no chunks are dropped", WIRE_CHAT, STREAM,
	  DATA("{\"type\":\"ping\"}") DATA(HEAD ROLE "]}") DATA("{\"choices\":null}") DATA(HEAD STOP "]}") DONE,
	  DATA(OUT ROLE "]}") DATA(OUT STOP "]}") DONE, { 0, ERR_NONE, true, false, false, false, true, -1, -1, "stop" } },
	{ "an error event first", WIRE_CHAT, STREAM, DATA("{\"error\":{\"message\":\"overloaded\",\"type\":\"server_error\",\"code\":503}}"), "", BAD(UPSTREAM, true, false) },
	{ "an error event later, then [DONE] (vLLM)", WIRE_CHAT, STREAM,
	  DATA(HEAD ROLE "]}") DATA("{\"error\":{\"message\":\"died\",\"code\":500}}") DONE, DATA(OUT ROLE "]}"), BAD(UPSTREAM, true, false) },
	{ "an error in a chunk (OpenRouter)", WIRE_CHAT, STREAM,
	  DATA(HEAD ROLE "]}") DATA("{\"id\":\"x\",\"error\":{\"code\":\"server_error\",\"message\":\"x\"},\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\"},\"finish_reason\":\"error\"}]}"),
	  DATA(OUT ROLE "]}"), BAD(UPSTREAM, true, false) },
	{ "finish_reason error (Mistral)", WIRE_CHAT, STREAM, DATA(HEAD "{\"index\":0,\"delta\":{},\"finish_reason\":\"error\"}]}"), "", BAD(UPSTREAM, true, false) },
	{ "x_groq.error", WIRE_CHAT, STREAM, DATA(HEAD "],\"x_groq\":{\"id\":\"r\",\"error\":\"over capacity\"}}"), "", BAD(UPSTREAM, true, false) },
	{ "no JSON", WIRE_CHAT, STREAM, DATA(HEAD ROLE "]}") DATA("{oops") DONE, DATA(OUT ROLE "]}"), BAD(UPSTREAM_FORMAT, false, true) },
	{ "an HTML page", WIRE_CHAT, STREAM, "<html></html>", "", BAD(UPSTREAM_FORMAT, false, true) },
	{ "n = 2, one unfinished", WIRE_CHAT, "{" M ",\"stream\":true,\"n\":2}",
	  DATA(HEAD "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"a\"},\"finish_reason\":\"stop\"}]}") DATA(HEAD "{\"index\":1,\"delta\":{\"content\":\"b\"},\"finish_reason\":null}]}"),
	  DATA(OUT "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"a\"},\"finish_reason\":\"stop\"}]}") DATA(OUT "{\"index\":1,\"delta\":{\"role\":\"assistant\",\"content\":\"b\"},\"finish_reason\":null}]}"),
	  { -1, ERR_UPSTREAM_CUT, false, true, false, false, false, -1, -1, "stop" } },
	{ "n = 2, in one chunk", WIRE_CHAT, "{" M ",\"stream\":true,\"n\":2}",
	  DATA(HEAD "{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"},{\"index\":1,\"delta\":{\"content\":\"b\"},\"finish_reason\":\"length\"}]}"),
	  DATA(OUT "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"a\"},\"finish_reason\":\"stop\"},{\"index\":1,\"delta\":{\"role\":\"assistant\",\"content\":\"b\"},\"finish_reason\":\"length\"}]}") DONE,
	  OK("stop", -1, -1) },
	{ "completions, stream", WIRE_COMPLETIONS, "{\"model\":\"a\",\"prompt\":\"x\",\"stream\":true,\"stream_options\":{\"include_usage\":true}}",
	  DATA("{\"id\":\"p1\",\"object\":\"text_completion\",\"created\":3,\"model\":\"up\",\"choices\":[{\"text\":\"Hi\",\"index\":0,\"finish_reason\":\"stop\"}]," USAGE "}") DONE,
	  DATA("{\"id\":\"p1\",\"object\":\"text_completion\",\"created\":3,\"model\":\"mine\",\"choices\":[{\"text\":\"Hi\",\"index\":0,\"finish_reason\":\"stop\"}],\"usage\":null}")
	  DATA("{\"id\":\"p1\",\"object\":\"text_completion\",\"created\":3,\"model\":\"mine\",\"choices\":[]," USAGE "}") DONE, OK("stop", 9, 2) },
	{ "Unicode, escapes and surrogates pass", WIRE_CHAT, STREAM,
	  DATA("{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":17,\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"h\xc3\xa9\xf0\x9f\x98\x80\\ud83d\"},\"finish_reason\":\"stop\",\"f\":1e400}]}") DONE,
	  DATA("{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":17,\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"h\xc3\xa9\xf0\x9f\x98\x80\\ud83d\"},\"finish_reason\":\"stop\",\"f\":1e400}]}") DONE, OK("stop", -1, -1) },

	/* ---- plain answers to clients that want a stream ---- */
	{ "JSON instead of a stream", WIRE_CHAT, STREAM_USAGE,
	  "\n{\"id\":\"c9\",\"object\":\"chat.completion\",\"created\":5,\"model\":\"up\",\"choices\":[{\"index\":0,\"message\":{\"content\":\"Hi\",\"tool_calls\":[{\"id\":\"t\"}]},"
	  "\"logprobs\":{\"content\":[]},\"finish_reason\":\"model_length\"}]," USAGE "}",
	  DATA("{\"id\":\"c9\",\"object\":\"chat.completion.chunk\",\"created\":5,\"model\":\"mine\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"Hi\",\"tool_calls\":[{\"index\":0,\"id\":\"t\"}]},"
	  "\"logprobs\":{\"content\":[]},\"finish_reason\":null}]}")
	  DATA("{\"id\":\"c9\",\"object\":\"chat.completion.chunk\",\"created\":5,\"model\":\"mine\",\"choices\":[{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"length\"}]}")
	  DATA("{\"id\":\"c9\",\"object\":\"chat.completion.chunk\",\"created\":5,\"model\":\"mine\",\"choices\":[]," USAGE "}") DONE, OK("length", 9, 2) },
	{ "JSON instead of a stream, completions", WIRE_COMPLETIONS, "{\"model\":\"a\",\"prompt\":\"x\",\"stream\":true}",
	  "{\"id\":\"p\",\"created\":5,\"choices\":[{\"text\":\"Hi\",\"index\":0,\"finish_reason\":\"stop\"}]}",
	  DATA("{\"id\":\"p\",\"object\":\"text_completion\",\"created\":5,\"model\":\"mine\",\"choices\":[{\"index\":0,\"text\":\"Hi\",\"logprobs\":null,\"finish_reason\":null}]}")
	  DATA("{\"id\":\"p\",\"object\":\"text_completion\",\"created\":5,\"model\":\"mine\",\"choices\":[{\"index\":0,\"text\":\"\",\"logprobs\":null,\"finish_reason\":\"stop\"}]}") DONE,
	  OK("stop", -1, -1) },
	{ "a JSON error instead of a stream", WIRE_CHAT, STREAM, "{\"error\":{\"message\":\"no\",\"type\":\"invalid_request_error\"}}", "", BAD(UPSTREAM, true, false) },
};
/* clang-format on */

struct run {
	struct wire_request request;
	struct relay relay;
	struct buf out;
	struct err err;
	int result;
};

static void
open_run(struct run *run, enum wire_api api, const char *body, int64_t limit)
{
	struct relay_options o = { .request = &run->request,
		.client_model = "mine",
		.upstream_model = "up",
		.max_event_bytes = 65536,
		.max_answer_bytes = 65536,
		.stop_after_tokens = limit };
	const char *param;

	memset(run, 0, sizeof(*run));
	arena_reset(&arena);
	if (wire_request_parse(api, str_of(body), &arena, &run->request, &param,
		&run->err) != 0)
		fail_msg("%s: %s", body, run->err.text);
	assert_int_equal(relay_open(&run->relay, dialect_openai.relay(api), &o,
			     &run->err),
	    0);
	buf_init(&run->out, 1 << 20);
}

static void
close_run(struct run *run)
{
	relay_close(&run->relay);
	buf_fini(&run->out);
}

/* Feeds in pieces of `piece` bytes (0: random ones), each in its own memory. */
static void
feed_pieces(struct run *run, struct str text, size_t piece)
{
	while (text.n > 0 && run->result == 0) {
		size_t n = piece > 0 ? piece : 1 + random_u64() % 40;
		char *copy;

		n = n < text.n ? n : text.n;
		copy = xmalloc(n);
		memcpy(copy, text.p, n);
		run->result = run->relay.ops->feed(&run->relay,
		    str_make(copy, n), &run->out, &run->err);
		free(copy);
		text.p += n;
		text.n -= n;
	}
}

static void
check_facts(const struct golden *g, const struct run *run)
{
	const struct relay_facts *f = &run->relay.facts;

	assert_int_equal(f->finished, g->want.finished);
	assert_int_equal(f->error_event, g->want.error_event);
	assert_int_equal(f->malformed, g->want.malformed);
	assert_int_equal(f->done_marker, g->want.done);
	if (g->want.result == 0)
		assert_int_equal(f->first_token, g->want.first_token);
	if (g->want.prompt >= 0) {
		assert_int_equal(f->usage.source, USAGE_PROVIDER);
		assert_int_equal(f->usage.prompt_tokens, g->want.prompt);
		assert_int_equal(f->usage.completion_tokens,
		    g->want.completion);
	} else {
		assert_int_equal(f->usage.source, USAGE_NONE);
	}
	if (g->want.result == 0)
		assert_string_equal(f->finish_reason, g->want.finish_reason);
	if (g->want.error_event || g->want.malformed)
		assert_true(f->error_text[0] != '\0');
}

static void
run_golden(const struct golden *g, size_t piece)
{
	struct run run;

	open_run(&run, g->api, g->request, -1);
	feed_pieces(&run, str_of(g->upstream), piece);
	if (run.result == 0)
		run.result =
		    run.relay.ops->finish(&run.relay, &run.out, &run.err);
	if (run.result != g->want.result)
		fail_msg("%s, pieces of %zu: %d %s", g->name, piece, run.result,
		    run.err.text);
	if (run.result != 0 && run.err.code != g->want.code)
		fail_msg("%s: %s", g->name, run.err.text);
	if (strcmp(buf_cstr(&run.out), g->client) != 0)
		fail_msg("%s, pieces of %zu:\n%s\n--- not\n%s", g->name, piece,
		    buf_cstr(&run.out), g->client);
	check_facts(g, &run);
	close_run(&run);
}

static void
test_golden_cases_however_they_are_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(goldens); i++) {
		run_golden(&goldens[i], SIZE_MAX);
		run_golden(&goldens[i], 1);
		for (int k = 0; k < 20; k++)
			run_golden(&goldens[i], 0);
	}
}

/* What of the stream is no event of the provider's must be one SDKs can read:
   JSON with choices and their deltas. */
static void
test_clients_get_only_chunks(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(goldens); i++) {
		struct str text = str_of(goldens[i].client), line;
		struct err err;

		if (!str_starts(text, "data:"))
			continue;
		while (text.n > 0) {
			struct skim_value choices;
			struct skim_wanted wanted = { "choices", &choices };

			line = str_cut(&text, '\n');
			if (line.n == 0 || line.p[0] == ':' ||
			    str_is(line, "data: [DONE]"))
				continue;
			line.p += 6;
			line.n -= 6;
			if (skim(line, &wanted, 1, NULL, &err) != 0)
				fail_msg("%s: %s", goldens[i].name, err.text);
			assert_int_equal(choices.type, SKIM_ARRAY);
		}
	}
}

static void
test_facts_of_the_provider(void **state)
{
	struct run run;

	(void)state;
	open_run(&run, WIRE_CHAT, PLAIN, -1);
	feed_pieces(&run,
	    str_of("{\"model\":\"gpt-x\\u002d1\",\"service_tier\":\"flex\","
		   "\"choices\":[{\"index\":0,\"message\":{\"content\":"
		   "\"0123456789\"}}],"
		   "\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}"),
	    SIZE_MAX);
	assert_int_equal(run.out.len, 0); /* nothing before the end */
	assert_int_equal(run.relay.ops->finish(&run.relay, &run.out, &run.err),
	    0);
	assert_string_equal(run.relay.facts.model, "gpt-x-1");
	assert_int_equal(run.relay.facts.usage.tier, TIER_FLEX);
	assert_int_equal(run.relay.facts.delivered_bytes, 10);
	assert_int_equal(run.relay.facts.output_guess_tokens, 3);
	close_run(&run);
}

static void
test_errors_in_band_are_classed(void **state)
{
	static const struct {
		const char *body;
		int status;
		enum outcome outcome;
		const char *text;
	} rows[] = {
		{ "{\"error\":{\"code\":429,\"message\":\"slow sk-abcdef\"}}",
		    429, OUTCOME_RATE_LIMIT, "slow [key]" },
		{ "{\"error\":{\"code\":\"context_length_exceeded\","
		  "\"message\":\"m\"}}",
		    0, OUTCOME_CONTEXT_LENGTH, "m" },
		{ "{\"error\":\"boom\"}", 0, OUTCOME_SERVER_ERROR, "boom" },
		{ "{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":17,"
		  "\"choices\":[{\"error\":{\"message\":\"m\",\"code\":503}}]"
		  "}",
		    503, OUTCOME_SERVER_ERROR, "m" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct run run;

		open_run(&run, WIRE_CHAT, PLAIN, -1);
		feed_pieces(&run, str_of(rows[i].body), SIZE_MAX);
		assert_int_equal(run.relay.ops->finish(&run.relay, &run.out,
				     &run.err),
		    -1);
		assert_int_equal(run.relay.facts.error_status, rows[i].status);
		assert_string_equal(run.relay.facts.error_text, rows[i].text);
		if (rows[i].status != 503)
			assert_int_equal(run.relay.facts.error_outcome,
			    rows[i].outcome);
		close_run(&run);
	}
}

/* A stream of text chunks of ten bytes each. */
static void
feed_text(struct run *run, int chunks)
{
	for (int i = 0; i < chunks && run->result == 0; i++)
		feed_pieces(run,
		    str_of(DATA(HEAD "{\"index\":0,\"delta\":{\"content\":"
				     "\"0123456789\"}}]}")),
		    SIZE_MAX);
}

static void
test_a_stream_over_its_limit_ends_as_length(void **state)
{
	struct run run;

	(void)state;
	/* A chunk is a token at least, however few its bytes are. */
	open_run(&run, WIRE_CHAT, STREAM_USAGE, 3);
	feed_text(&run, 3);
	assert_false(run.relay.facts.stopped);
	buf_clear(&run.out);
	feed_text(&run, 1);
	assert_true(run.relay.facts.stopped);
	assert_true(run.relay.facts.finished);
	assert_true(run.relay.facts.done_marker);
	assert_string_equal(run.relay.facts.finish_reason, "length");
	assert_int_equal(run.relay.facts.delivered_bytes, 30);
	/* The usage it asked for can only be an estimate. */
	assert_string_equal(buf_cstr(&run.out),
	    DATA(OUT "{\"index\":0,\"delta\":{},\"logprobs\":null,"
		     "\"finish_reason\":\"length\"}]}")
		DATA(OUT "],\"usage\":{\"prompt_tokens\":4,"
			 "\"completion_tokens\":3,\"total_tokens\":7}}") DONE);
	/* Nothing follows, whatever comes. */
	buf_clear(&run.out);
	feed_text(&run, 5);
	assert_int_equal(run.relay.ops->finish(&run.relay, &run.out, &run.err),
	    0);
	(run.relay.ops->fail)(&run.relay, ERR_UPSTREAM_CUT, "x", &run.out);
	assert_int_equal(run.out.len, 0);
	close_run(&run);
}

static void
test_the_limit_ends_every_open_choice(void **state)
{
	struct run run;

	(void)state;
	open_run(&run, WIRE_CHAT, "{" M ",\"stream\":true,\"n\":3}", 0);
	feed_pieces(&run,
	    str_of(DATA(HEAD "{\"index\":1,\"delta\":{\"role\":\"assistant\"},"
			     "\"finish_reason\":\"stop\"}]}")),
	    SIZE_MAX);
	buf_clear(&run.out);
	feed_pieces(&run,
	    str_of(DATA(HEAD "{\"index\":0,\"delta\":{\"content\":\"x\"},"
			     "\"finish_reason\":\"stop\"}]}")),
	    SIZE_MAX);
	assert_string_equal(buf_cstr(&run.out),
	    DATA(OUT "{\"index\":0,\"delta\":{\"role\":\"assistant\","
		     "\"content\":\"\"},\"logprobs\":null,\"finish_reason\":"
		     "\"length\"}]}")
		DATA(OUT "{\"index\":2,\"delta\":{\"role\":\"assistant\","
			 "\"content\":\"\"},\"logprobs\":null,"
			 "\"finish_reason\":\"length\"}]}") DONE);
	close_run(&run);
}

static void
test_running_usage_stops_a_stream_too(void **state)
{
	struct run run;

	(void)state;
	open_run(&run, WIRE_CHAT, STREAM, 50);
	feed_pieces(&run,
	    str_of(DATA(HEAD HI "],\"usage\":{\"prompt_tokens\":1,"
				"\"completion_tokens\":50}}")),
	    SIZE_MAX);
	assert_false(run.relay.facts.stopped);
	feed_text(&run, 1);
	assert_true(run.relay.facts.stopped);
	close_run(&run);
}

/* A usage that came early says little about a stream that is cut later. */
static void
test_old_usage_becomes_an_estimate(void **state)
{
	struct run run;

	(void)state;
	open_run(&run, WIRE_CHAT, STREAM, -1);
	feed_pieces(&run,
	    str_of(DATA(HEAD ROLE "],\"usage\":{\"prompt_tokens\":30,"
				  "\"completion_tokens\":1}}")),
	    SIZE_MAX);
	assert_int_equal(run.relay.facts.usage.source, USAGE_PROVIDER);
	feed_text(&run, 10);
	assert_int_equal(run.relay.facts.usage.source, USAGE_ESTIMATED);
	assert_int_equal(run.relay.facts.usage.prompt_tokens, 30);
	assert_int_equal(run.relay.facts.usage.completion_tokens, 25);
	assert_int_equal(run.relay.ops->finish(&run.relay, &run.out, &run.err),
	    -1);
	close_run(&run);
}

static void
test_small_deltas_are_a_token_each(void **state)
{
	struct run run;

	(void)state;
	open_run(&run, WIRE_CHAT, STREAM, -1);
	for (int i = 0; i < 20; i++)
		feed_pieces(&run,
		    str_of(DATA(
			"{\"id\":\"c\",\"object\":\"chat.completion\","
			"\"created\":17,\"choices\":[{\"index\":0,\"delta\":{"
			"\"content\":\"a\"}}"
			"]}")),
		    SIZE_MAX);
	assert_int_equal(run.relay.facts.delivered_bytes, 20);
	assert_int_equal(run.relay.facts.output_guess_tokens, 20);
	close_run(&run);
}

static void
test_fail_is_an_error_event_without_done(void **state)
{
	struct run run;

	(void)state;
	open_run(&run, WIRE_CHAT, STREAM, -1);
	feed_text(&run, 1);
	buf_clear(&run.out);
	(run.relay.ops->fail)(&run.relay, ERR_UPSTREAM_CUT, "it broke",
	    &run.out);
	assert_string_equal(buf_cstr(&run.out),
	    "data: {\"error\":{\"message\":\"The provider closed the "
	    "connection before its answer was complete: it broke\","
	    "\"type\":\"upstream_error\",\"param\":null,"
	    "\"code\":\"upstream_cut\"}}\n\n");
	assert_false(run.relay.facts.done_marker);
	assert_false(run.relay.facts.finished);
	buf_clear(&run.out);
	(run.relay.ops->fail)(&run.relay, ERR_UPSTREAM_CUT, "again", &run.out);
	feed_text(&run, 1);
	assert_int_equal(run.out.len, 0);
	close_run(&run);
}

static void
test_answers_and_events_have_a_maximum(void **state)
{
	static char big[70000];
	struct run run;

	(void)state;
	memset(big, 'x', sizeof(big));
	memcpy(big, "{\"a\":\"", 6);
	open_run(&run, WIRE_CHAT, PLAIN, -1);
	feed_pieces(&run, str_make(big, sizeof(big)), 1000);
	assert_int_equal(run.result, -1);
	assert_int_equal(run.err.code, ERR_UPSTREAM_FORMAT);
	assert_true(run.relay.facts.too_large);
	close_run(&run);
	memcpy(big, "data: ", 6);
	open_run(&run, WIRE_CHAT, STREAM, -1);
	feed_pieces(&run, str_make(big, sizeof(big)), 1000);
	assert_int_equal(run.result, -1);
	assert_true(run.relay.facts.too_large);
	close_run(&run);
}

static void
test_no_room_for_the_client_is_said(void **state)
{
	struct run run;

	(void)state;
	open_run(&run, WIRE_CHAT, STREAM, -1);
	buf_fini(&run.out);
	buf_init(&run.out, 100);
	feed_text(&run, 1);
	assert_int_equal(run.result, -1);
	assert_int_equal(run.err.code, ERR_OVERLOADED);
	close_run(&run);
}

static void
test_the_clients_name_is_escaped(void **state)
{
	struct run run;
	struct relay_options o;

	(void)state;
	open_run(&run, WIRE_CHAT, PLAIN, -1);
	o = run.relay.options;
	o.client_model = "a\"b\\c\n\xff";
	relay_close(&run.relay);
	assert_int_equal(relay_open(&run.relay, dialect_openai.relay(WIRE_CHAT),
			     &o, &run.err),
	    0);
	feed_pieces(&run,
	    str_of("{\"id\":\"c\",\"object\":\"chat.completion\","
		   "\"created\":17,\"model\":\"up\",\"choices\":[]}"),
	    1);
	assert_int_equal(run.relay.ops->finish(&run.relay, &run.out, &run.err),
	    0);
	assert_string_equal(buf_cstr(&run.out),
	    "{\"id\":\"c\",\"object\":\"chat.completion\","
	    "\"created\":17,\"model\":\"a\\\"b\\\\c\\n\xef\xbf\xbd\","
	    "\"choices\":[]}");
	close_run(&run);
}

/* More tool calls without index than can be mended in one chunk: an honest
   refusal, no half-mended chunk. */
static void
test_more_than_can_be_mended(void **state)
{
	struct run run;
	struct buf b;

	(void)state;
	for (int count = 30; count <= 33; count += 3) {
		buf_init(&b, 65536);
		buf_add_cstr(&b, "data: {\"choices\":[");
		for (int k = 0; k < 3; k++) {
			buf_printf(&b,
			    "%s{\"index\":%d,\"delta\":{"
			    "\"tool_calls\":[",
			    k > 0 ? "," : "", k);
			for (int i = 0; i < count; i++)
				buf_printf(&b, "%s{\"id\":\"%d\"}",
				    i > 0 ? "," : "", i);
			buf_add_cstr(&b, "]}}");
		}
		buf_add_cstr(&b, "]}\n\n");
		open_run(&run, WIRE_CHAT, STREAM, -1);
		feed_pieces(&run, buf_str(&b), SIZE_MAX);
		assert_int_equal(run.result, -1);
		assert_true(run.relay.facts.malformed);
		assert_int_equal(run.out.len, 0);
		close_run(&run);
		buf_fini(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden_cases_however_they_are_cut),
		cmocka_unit_test(test_clients_get_only_chunks),
		cmocka_unit_test(test_facts_of_the_provider),
		cmocka_unit_test(test_errors_in_band_are_classed),
		cmocka_unit_test(test_a_stream_over_its_limit_ends_as_length),
		cmocka_unit_test(test_the_limit_ends_every_open_choice),
		cmocka_unit_test(test_running_usage_stops_a_stream_too),
		cmocka_unit_test(test_old_usage_becomes_an_estimate),
		cmocka_unit_test(test_small_deltas_are_a_token_each),
		cmocka_unit_test(test_fail_is_an_error_event_without_done),
		cmocka_unit_test(test_answers_and_events_have_a_maximum),
		cmocka_unit_test(test_no_room_for_the_client_is_said),
		cmocka_unit_test(test_the_clients_name_is_escaped),
		cmocka_unit_test(test_more_than_can_be_mended),
	};

	return cmocka_run_group_tests(tests, arena_set_up, arena_tear_down);
}
