/* Paths and who answers them. See routes.h. */
#include "sim/routes.h"

#include "sim/chat_anthropic.h"
#include "sim/chat_bedrock.h"
#include "sim/chat_mistral.h"
#include "sim/chat_openai.h"
#include "sim/chat_responses.h"
#include "sim/completion.h"
#include "sim/control.h"
#include "sim/embeddings.h"
#include "sim/media.h"
#include "sim/responses.h"
#include "sim/scan.h"

/* ---- answers of the API ------------------------------------------------ */

static int
say_fixed(struct job *job)
{
	const struct sim *sim = job->sim;

	buf_add_str(&job->reply.body, buf_str(&sim->fixed_body));
	job->reply.content_type = sim->fixed_type;
	job->answer.usage = sim->fixed_usage;
	job->reply.body_tokens = sim->fixed_usage.completion_tokens;
	return 0;
}

/* The event of error_after_chunks. */
static void
prepare_error(struct job *job)
{
	const struct faults *f = &job->reply.faults;
	struct problem p;
	struct jsonw w;

	problem_script(&p, job->dialect,
	    f->error_status > 0 ? (int)f->error_status : 500, f->error_code);
	jsonw_init(&w, &job->reply.error_json);
	if (job->dialect != DIALECT_OPENAI ||
	    !flavor_write_error(&flavors[f->flavor], &p, true, &w))
		problem_write(&p, job->dialect, str_of(job->id), &w);
	if (job->dialect == DIALECT_ANTHROPIC)
		job->reply.error_event = "error";
	else if (job->dialect == DIALECT_BEDROCK)
		job->reply.error_event = problem_aws_type(p.status);
}

/* The request is read: makes the answer, whole or as a stream. */
static int
say(struct job *job, void (*write)(const struct talk *t, struct buf *out),
    reply_source next)
{
	struct reply *r = &job->reply;
	struct talk *t = &job->talk;

	if (job->sim->fixed_body.len > 0)
		return say_fixed(job);
	answer_make(&job->answer, &job->chat, &r->faults, &job->arena,
	    job->sim->options->name, job->number);
	talk_begin(t, &job->chat, &job->answer);
	t->dialect = job->dialect;
	t->flavor = &flavors[r->faults.flavor];
	t->id = job->id;
	t->no_usage = r->faults.no_usage != 0;
	r->body_tokens = job->answer.usage.completion_tokens;
	if (!job->chat.stream) {
		write(t, &r->body);
		return 0;
	}
	r->source = next;
	r->source_ctx = t;
	if (next == chat_openai_next)
		r->comment = t->flavor->comment;
	r->content_type = "text/event-stream; charset=utf-8";
	buf_add_cstr(&r->extra, "cache-control: no-cache\r\n");
	if (r->faults.error_after_chunks >= 0)
		prepare_error(job);
	return 0;
}

static int
handle_chat(struct job *job, struct problem *p)
{
	struct chat *chat = &job->chat;

	if (job->dialect == DIALECT_OPENAI && job->reply.faults.flavor == 0 &&
	    scan_chat(job->req->body, &job->arena, chat)) {
		if (job_set_model(job, p) != 0)
			return -1;
	} else {
		if (job_read_body(job, p) != 0)
			return -1;
		if (job->dialect == DIALECT_MISTRAL &&
		    chat_mistral_check(chat, p) != 0)
			return -1;
		if (flavor_check(&flavors[job->reply.faults.flavor], chat, p) !=
			0 ||
		    chat_openai_read(chat, &job->arena, p) != 0)
			return -1;
	}
	return say(job, chat_openai_write, chat_openai_next);
}

static int
handle_completion(struct job *job, struct problem *p)
{
	if (job_read_body(job, p) != 0 ||
	    completion_read(&job->chat, &job->arena, p) != 0)
		return -1;
	return say(job, completion_write, completion_next);
}

static struct str
version_of(const struct job *job)
{
	struct str version = str_make("", 0);

	(void)request_header(job->req, "anthropic-version", &version);
	return version;
}

static int
handle_messages(struct job *job, struct problem *p)
{
	if (job_read_body(job, p) != 0 ||
	    chat_anthropic_read(&job->chat, &job->arena, version_of(job), p) !=
		0)
		return -1;
	return say(job, chat_anthropic_write, chat_anthropic_next);
}

static int
handle_responses(struct job *job, struct problem *p)
{
	if (job_read_body(job, p) != 0 ||
	    chat_responses_read(&job->chat, &job->arena, p) != 0 ||
	    responses_go_on(job, p) != 0 ||
	    say(job, chat_responses_write, chat_responses_next) != 0)
		return -1;
	responses_keep(job);
	return 0;
}

static int
handle_converse(struct job *job, struct problem *p)
{
	if (job_read_converse(job, p) != 0 ||
	    say(job, chat_bedrock_write, chat_bedrock_next) != 0)
		return -1;
	if (job->reply.source != NULL) {
		job->reply.frames = true;
		job->reply.content_type = "application/vnd.amazon.eventstream";
	}
	return 0;
}

static int
handle_count_tokens(struct job *job, struct problem *p)
{
	struct jsonw w;

	if (job_read_body(job, p) != 0 ||
	    chat_anthropic_read_count(&job->chat, &job->arena, version_of(job),
		p) != 0)
		return -1;
	jsonw_init(&w, &job->reply.body);
	jsonw_open(&w, '{');
	jsonw_key(&w, "input_tokens");
	jsonw_int(&w, answer_prompt_tokens(&job->chat));
	jsonw_close(&w, '}');
	return 0;
}

static int
handle_embeddings(struct job *job, struct problem *p)
{
	const struct faults *f = &job->reply.faults;
	struct usage *u = &job->answer.usage;
	struct embeddings e;

	if (job_read_body(job, p) != 0 ||
	    embeddings_read(&e, &job->chat, &job->arena, p) != 0)
		return -1;
	if (job->sim->fixed_body.len > 0)
		return say_fixed(job);
	answer_usage(u, &job->chat, f, 0);
	embeddings_write(&e, &job->chat, f->no_usage ? NULL : u,
	    &job->reply.body);
	return 0;
}

/* ---- models ------------------------------------------------------------- */

static const struct str default_models[] = { STR_LIT("sim-small"),
	STR_LIT("sim-large") };

static void
write_model(const struct job *job, struct str name, struct jsonw *w)
{
	bool anthropic = job->dialect == DIALECT_ANTHROPIC;

	jsonw_open(w, '{');
	jsonw_key(w, "id");
	jsonw_str(w, name);
	jsonw_key(w, anthropic ? "type" : "object");
	jsonw_cstr(w, "model");
	jsonw_key(w, anthropic ? "display_name" : "owned_by");
	jsonw_str(w, anthropic ? name : str_of("tallysim"));
	jsonw_key(w, anthropic ? "created_at" : "created");
	if (anthropic)
		jsonw_cstr(w, "2026-01-01T00:00:00Z");
	else
		jsonw_int(w, 1767225600); /* the same moment */
	jsonw_close(w, '}');
}

static int
handle_models(struct job *job, struct problem *p)
{
	const struct options *o = job->sim->options;
	const struct str *names = o->model_count ? o->models : default_models;
	size_t count =
	    o->model_count ? o->model_count : ARRAY_LEN(default_models);
	bool anthropic = job->dialect == DIALECT_ANTHROPIC;
	struct jsonw w;

	(void)p;
	jsonw_init(&w, &job->reply.body);
	jsonw_open(&w, '{');
	if (!anthropic) {
		jsonw_key(&w, "object");
		jsonw_cstr(&w, "list");
	}
	jsonw_put_open(&w, "data", '[');
	for (size_t i = 0; i < count; i++)
		write_model(job, names[i], &w);
	jsonw_close(&w, ']');
	if (anthropic) {
		jsonw_key(&w, "has_more");
		jsonw_bool(&w, false);
		jsonw_key(&w, "first_id");
		jsonw_str(&w, names[0]);
		jsonw_key(&w, "last_id");
		jsonw_str(&w, names[count - 1]);
	}
	jsonw_close(&w, '}');
	return 0;
}

static int
handle_model(struct job *job, struct problem *p)
{
	struct str path = job->req->path;
	size_t skip = (size_t)str_find(path, "models/") + 7;
	struct jsonw w;

	job->chat.model = str_make(path.p + skip, path.n - skip);
	if (job_set_model(job, p) != 0)
		return -1;
	jsonw_init(&w, &job->reply.body);
	write_model(job, job->chat.model, &w);
	return 0;
}

static int
handle_health(struct job *job, struct problem *p)
{
	(void)p;
	buf_add_cstr(&job->reply.body, "{\"status\":\"ok\"}");
	return 0;
}

/* ---- the table ---------------------------------------------------------- */

/* clang-format off */
static const struct route routes[] = {
	{ "POST", "/v1/chat/completions",      handle_chat,         true, -1 },
	{ "POST", "/chat/completions",         handle_chat,         true, -1 },
	{ "POST", "/v1/messages",              handle_messages,     true, DIALECT_ANTHROPIC },
	{ "POST", "/v1/messages/count_tokens", handle_count_tokens, true, DIALECT_ANTHROPIC },
	{ "POST", "/model/*",                  handle_converse,     true, DIALECT_BEDROCK },
	{ "POST", "/v1/responses",             handle_responses,    true, -1 },
	{ "POST", "/responses",                handle_responses,    true, -1 },
	{ "GET",  "/v1/responses/*",           responses_get,       true, -1 },
	{ "DELETE", "/v1/responses/*",         responses_delete,    true, -1 },
	{ "POST", "/v1/responses/*",           responses_cancel,    true, -1 },
	{ "POST", "/v1/embeddings",            handle_embeddings,   true, -1 },
	{ "POST", "/embeddings",               handle_embeddings,   true, -1 },
	{ "POST", "/v1/completions",           handle_completion,   true, -1 },
	{ "POST", "/completions",              handle_completion,   true, -1 },
	{ "POST", "/v1/moderations",           media_moderations,   true, -1 },
	{ "POST", "/v1/rerank",                media_rerank,        true, -1 },
	{ "POST", "/v1/images/generations",    media_images,        true, -1 },
	{ "POST", "/v1/audio/speech",          media_speech,        true, -1 },
	{ "POST", "/v1/audio/transcriptions",  media_transcript,    true, -1 },
	{ "POST", "/v1/audio/translations",    media_transcript,    true, -1 },
	{ "GET",  "/v1/models",                handle_models,       true, -1 },
	{ "GET",  "/models",                   handle_models,       true, -1 },
	{ "GET",  "/v1/models/*",              handle_model,        true, -1 },
	{ "GET",  "/models/*",                 handle_model,        true, -1 },
	{ "GET",  "/health",                   handle_health,       false, -1 },
	{ "GET",  "/control",                  control_get,         false, -1 },
	{ "POST", "/control",                  control_post,        false, -1 },
	{ "GET",  "/control/log",              control_log,         false, -1 },
	{ "GET",  "/control/last",             control_last,        false, -1 },
};
/* clang-format on */

/* "/openai/deployments/NAME/chat/completions" is "/chat/completions": Azure's
   form. The body names the model, too. */
static struct str
without_deployment(struct str path)
{
	static const char head[] = "/openai/deployments/";
	struct str rest = path;

	if (!str_starts(path, head))
		return path;
	rest.p += sizeof(head) - 1;
	rest.n -= sizeof(head) - 1;
	str_cut(&rest, '/');
	return rest.p != NULL ? str_make(rest.p - 1, rest.n + 1) : path;
}

/* The OpenAI-like APIs of Gemini, Groq, OpenRouter and Fireworks. */
static struct str
without_base(struct str path)
{
	static const char *const bases[] = { "/v1beta/openai", "/openai/v1",
		"/api/v1", "/inference/v1" };

	for (size_t i = 0; i < ARRAY_LEN(bases); i++) {
		size_t n = strlen(bases[i]);

		if (str_starts(path, bases[i]) && path.n > n &&
		    path.p[n] == '/')
			return str_make(path.p + n, path.n - n);
	}
	return path;
}

/* A path without the pattern's "/v1" matches, too. */
static bool
path_matches(struct str path, const char *pattern)
{
	size_t n;

	path = without_base(without_deployment(path));
	if (!str_starts(path, "/v1/") && str_starts(str_of(pattern), "/v1/"))
		pattern += 3;
	n = strlen(pattern);
	if (pattern[n - 1] != '*')
		return path.n == n && memcmp(path.p, pattern, n) == 0;
	return path.n > n - 1 && memcmp(path.p, pattern, n - 1) == 0;
}

const struct route *
routes_find(const struct request *req, enum dialect *dialect, struct problem *p)
{
	bool path_known = false;

	for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
		if (!path_matches(req->path, routes[i].path))
			continue;
		path_known = true;
		if (routes[i].dialect >= 0)
			*dialect = (enum dialect)routes[i].dialect;
		if (str_is(req->method, routes[i].method))
			return &routes[i];
	}
	if (path_known)
		problem_set(p, 405, "method_not_allowed",
		    "Not allowed method for this URL: %.*s",
		    req->method.n > 20 ? 20 : (int)req->method.n,
		    req->method.p);
	else
		problem_set(p, 404, "unknown_url",
		    "Unknown request URL: %.*s %.*s",
		    req->method.n > 20 ? 20 : (int)req->method.n, req->method.p,
		    req->path.n > 100 ? 100 : (int)req->path.n, req->path.p);
	return NULL;
}
