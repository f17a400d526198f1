/* A request being answered. See job.h. */
#include "sim/job.h"

#include "base/clock.h"
#include "base/log.h"
#include "sim/chat_bedrock.h"
#include "sim/routes.h"

#define MODEL_NAME_MAX 512

void
job_init(struct job *job, struct sim *sim)
{
	memset(job, 0, sizeof(*job));
	job->sim = sim;
	arena_init(&job->arena, 2048);
	chat_init(&job->chat);
	reply_init(&job->reply);
	buf_init(&job->talk.prefix, 64 * 1024);
	job->ended = true;
}

void
job_clear(struct job *job)
{
	chat_fini(&job->chat);
	arena_reset(&job->arena);
	job->req = NULL;
}

void
job_fini(struct job *job)
{
	job_clear(job);
	buf_fini(&job->talk.prefix);
	reply_fini(&job->reply);
	arena_fini(&job->arena);
}

/* ---- settings ---------------------------------------------------------- */

/* "x-sim-latency-ms: 50": settings for this request alone. */
static int
read_headers(struct job *job, struct problem *p)
{
	struct err err;

	if (!job->req->has_faults)
		return 0;
	for (size_t i = 0; i < job->req->header_count; i++) {
		const struct request_header *h = &job->req->headers[i];
		const struct fault_row *row;

		if (h->name.n <= 6 ||
		    !str_is_nocase(str_make(h->name.p, 6), "x-sim-"))
			continue;
		row = faults_find(str_make(h->name.p + 6, h->name.n - 6));
		if (row == NULL)
			return problem_set(p, 400, "",
			    "%.*s: no setting is named so",
			    h->name.n > 60 ? 60 : (int)h->name.n, h->name.p);
		if (faults_set(&job->reply.faults, row, h->value, &err) != 0)
			return problem_set(p, 400, "", "%.300s", err.text);
	}
	return 0;
}

/* Whether this request is one of those that error_status hits. */
static bool
draw_error(struct job *job)
{
	const struct faults *f = &job->reply.faults;
	uint64_t z;

	if (f->error_status == 0)
		return false;
	if (f->error_rate == FAULT_REAL_ONE)
		return true;
	z = (uint64_t)job->sim->options->seed +
	    (atomic_fetch_add(&job->sim->board->draws, 1) + 1) *
		UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	z ^= z >> 31;
	return (int64_t)(z % FAULT_REAL_ONE) < f->error_rate;
}

/* ---- what handlers use ------------------------------------------------- */

void
job_fail(struct job *job, const struct problem *p)
{
	struct reply *r = &job->reply;
	struct jsonw w;
	char id[ANSWER_ID_BYTES + 4];

	snprintf(id, sizeof(id), "req_%s", job->id);
	r->status = p->status;
	r->content_type = "application/json";
	r->source = NULL;
	r->body_tokens = 0;
	buf_clear(&r->body);
	jsonw_init(&w, &r->body);
	if (job->dialect != DIALECT_OPENAI ||
	    !flavor_write_error(&flavors[r->faults.flavor], p, false, &w))
		problem_write(p, job->dialect, str_of(id), &w);
	if (job->dialect == DIALECT_BEDROCK)
		buf_printf(&r->extra, "x-amzn-errortype: %s\r\n",
		    problem_aws_type(p->status));
	if (p->status / 100 == 3)
		buf_add_cstr(&r->extra, "location: /moved\r\n");
}

/* error_status: the answer that was made is thrown away. */
static void
fail_as_told(struct job *job)
{
	const struct faults *f = &job->reply.faults;
	struct problem p;

	problem_script(&p, job->dialect, (int)f->error_status, f->error_code);
	job_fail(job, &p);
	if (f->retry_after >= 0)
		buf_printf(&job->reply.extra, "retry-after: %lld\r\n",
		    (long long)f->retry_after);
}

static bool
is_known_model(const struct options *o, struct str name)
{
	for (size_t i = 0; i < o->model_count; i++) {
		if (str_eq(name, o->models[i]))
			return true;
	}
	return o->model_count == 0;
}

int
job_set_model(struct job *job, struct problem *p)
{
	struct str name = job->chat.model;

	if (name.n == 0 || name.n > MODEL_NAME_MAX ||
	    !is_known_model(job->sim->options, name)) {
		problem_set(p, 404, "model_not_found",
		    "The model `%.*s` does not exist or you do not have "
		    "access to it.",
		    name.n > 100 ? 100 : (int)name.n, name.p);
		return problem_param(p, "model");
	}
	record_text(job->record.model, sizeof(job->record.model), name);
	job->model = board_model(job->sim->board, name);
	counters_begin(job->model);
	return 0;
}

/* The settings in the body, and the model. */
static int
use_body(struct job *job, struct problem *p)
{
	struct chat *chat = &job->chat;
	struct err err;

	if (chat->faults != NULL &&
	    faults_set_json(&job->reply.faults, chat->faults, &err) != 0)
		return problem_set(p, 400, "", "x_sim: %.300s", err.text);
	return job_set_model(job, p);
}

int
job_read_body(struct job *job, struct problem *p)
{
	if (chat_parse(&job->chat, job->req->body, p) != 0)
		return -1;
	return use_body(job, p);
}

int
job_read_converse(struct job *job, struct problem *p)
{
	struct chat *chat = &job->chat;

	if (!chat_bedrock_path(job->req->path, &job->arena, &chat->model,
		&chat->stream))
		return problem_set(p, 404, "", "UnknownOperationException");
	if (chat_bedrock_check(job->req, clock_wall_nsecs(), &job->arena, p) !=
		0 ||
	    chat_bedrock_read(chat, &job->arena, job->req->body, p) != 0)
		return -1;
	return use_body(job, p);
}

/* ---- its life ---------------------------------------------------------- */

/* Into the books: from here on job_end() is due. */
static void
count(struct job *job)
{
	struct board *board = job->sim->board;
	struct str id = { "", 0 };

	job->counted = true;
	counters_begin(&board->counters);
	if (request_header(job->req, "x-request-id", &id))
		record_text(job->record.id, sizeof(job->record.id), id);
	record_text(job->record.path, sizeof(job->record.path), job->req->path);
	board_lock(board);
	recent_add(&board->recent, job->req, clock_wall_nsecs());
	board_unlock(board);
	job->reply.faults =
	    board_use_now(board) ? job->sim->faults : board->start;
}

static void
add_id_header(struct job *job)
{
	static const char *const names[] = { "x-request-id: req_",
		"request-id: req_",
		"mistral-correlation-id: ", "x-amzn-requestid: " };
	struct buf *extra = &job->reply.extra;

	buf_add_cstr(extra, names[job->dialect]);
	buf_add_cstr(extra, job->id);
	buf_add_cstr(extra, "\r\n");
}

static void
reset(struct job *job)
{
	struct sim *sim = job->sim;

	job->ended = false;
	job->counted = false;
	job->model = NULL;
	job->dialect = sim->options->dialect;
	job->number = atomic_fetch_add(&sim->board->next_id, 1) + 1;
	answer_id(sim->options->name, job->number, 0, job->id);
	memset(&job->record, 0, sizeof(job->record));
	memset(&job->answer.usage, 0, sizeof(job->answer.usage));
	chat_init(&job->chat);
	sim_refresh(sim);
	reply_reset(&job->reply);
	faults_init(&job->reply.faults);
	job->talk.created_secs = clock_wall_nsecs() / NSECS_PER_SEC;
	job->reply.server = sim_server_lines(sim, job->talk.created_secs);
}

/* Handler, scripted error, and what can be wrong with either. */
static void
answer(struct job *job, const struct route *route)
{
	struct problem p;

	if (read_headers(job, &p) != 0 || route->handle(job, &p) != 0) {
		job_fail(job, &p);
	} else if (job->reply.body.overflowed) {
		problem_set(&p, 400, "", "The answer would be too large.");
		job_fail(job, &p);
	} else if (route->api && draw_error(job)) {
		fail_as_told(job);
	}
}

void
job_begin(struct job *job, const struct request *req)
{
	const struct route *route;
	struct problem p;

	job->req = req;
	reset(job);
	job->reply.minor = req->minor;
	job->reply.keep_alive = req->keep_alive;
	route = routes_find(req, &job->dialect, &p);
	if (route == NULL || route->api) {
		count(job);
		add_id_header(job);
	}
	if (route == NULL)
		job_fail(job, &p);
	else
		answer(job, route);
	reply_begin(&job->reply, clock_mono_nsecs());
}

void
job_refuse(struct job *job, const struct err *err)
{
	struct problem p;

	reset(job);
	job->reply.minor = 1;
	job->reply.keep_alive = false;
	problem_set(&p, err_info(err->code)->http_status, "", "%.300s",
	    err->text);
	job_fail(job, &p);
	reply_begin(&job->reply, clock_mono_nsecs());
}

static void
fill_record(struct job *job, enum outcome outcome)
{
	const struct usage *u = &job->answer.usage;
	struct record *rec = &job->record;
	bool answered = job->reply.status / 100 == 2;

	rec->time_nsecs = clock_wall_nsecs();
	rec->outcome = outcome;
	rec->status = job->reply.head_sent ? job->reply.status : 0;
	rec->stream = job->chat.stream;
	rec->prompt_tokens = answered ? u->prompt_tokens : 0;
	rec->cached_tokens = answered ? u->cached_tokens : 0;
	rec->completion_tokens = outcome == OUTCOME_SERVED
				     ? u->completion_tokens
				     : job->reply.tokens_sent;
}

void
job_end(struct job *job, enum outcome outcome)
{
	struct board *board = job->sim->board;
	struct err err;

	if (job->ended)
		return;
	job->ended = true;
	if (!job->counted)
		return;
	fill_record(job, outcome);
	if (job->sim->log_fd >= 0 &&
	    reqlog_append(job->sim->log_fd, &job->record, &err) != 0)
		log_fatal(1, "%s", err.text); /* the books would be wrong */
	board_lock(board);
	reqlog_add(&board->log, &job->record);
	board_unlock(board);
	counters_end(&board->counters, &job->record);
	if (job->model != NULL)
		counters_end(job->model, &job->record);
}
