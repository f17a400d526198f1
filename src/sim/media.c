/* See media.h. */
#include "sim/media.h"

#define IMAGES_MAX 10

/* A picture of one pixel (PNG). */
static const char pixel[] =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGA"
    "WjR9awAAAABJRU5ErkJggg==";

/* How many: the elements of a list, 1 for anything else. */
static size_t
count_of(const json_t *v)
{
	return json_is_array(v) ? json_array_size(v) : 1;
}

static void
open_answer(struct job *job, struct jsonw *w)
{
	jsonw_init(w, &job->reply.body);
	jsonw_open(w, '{');
	jsonw_key(w, "id");
	jsonw_cstr(w, job->id);
	jsonw_key(w, "model");
	jsonw_str(w, job->chat.model);
}

int
media_moderations(struct job *job, struct problem *p)
{
	struct jsonw w;
	size_t n;

	if (job_read_body(job, p) != 0)
		return -1;
	n = count_of(json_object_get(job->chat.root, "input"));
	open_answer(job, &w);
	jsonw_put_open(&w, "results", '[');
	for (size_t i = 0; i < n; i++)
		jsonw_raw(&w,
		    str_of("{\"flagged\":false,\"categories\":{\"violence\":"
			   "false},\"category_scores\":{\"violence\":0.01},"
			   "\"category_applied_input_types\":{\"violence\":["
			   "\"text\"]}}"));
	jsonw_close(&w, ']');
	jsonw_close(&w, '}');
	return 0;
}

int
media_rerank(struct job *job, struct problem *p)
{
	const json_t *documents;
	struct jsonw w;
	size_t n;

	if (job_read_body(job, p) != 0)
		return -1;
	documents = json_object_get(job->chat.root, "documents");
	if (!json_is_array(documents)) {
		problem_set(p, 400, "invalid_type",
		    "'documents' must be an array.");
		return problem_param(p, "documents");
	}
	n = json_array_size(documents);
	open_answer(job, &w);
	jsonw_put_open(&w, "results", '[');
	for (size_t i = 0; i < n; i++) {
		jsonw_open(&w, '{');
		jsonw_key(&w, "index");
		jsonw_int(&w, (int64_t)i);
		jsonw_key(&w, "relevance_score");
		jsonw_decimal(&w, 1000 / ((int64_t)i + 1), 3);
		jsonw_close(&w, '}');
	}
	jsonw_close(&w, ']');
	jsonw_close(&w, '}');
	return 0;
}

int
media_images(struct job *job, struct problem *p)
{
	static const int64_t range[2] = { 1, IMAGES_MAX };
	int64_t n = 1;
	struct jsonw w;

	if (job_read_body(job, p) != 0 ||
	    chat_int(job->chat.root, "n", range, &n, p) < 0)
		return -1;
	jsonw_init(&w, &job->reply.body);
	jsonw_open(&w, '{');
	jsonw_key(&w, "created");
	jsonw_int(&w, 1767225600);
	jsonw_put_open(&w, "data", '[');
	for (int64_t i = 0; i < n; i++) {
		jsonw_open(&w, '{');
		jsonw_key(&w, "b64_json");
		jsonw_cstr(&w, pixel);
		jsonw_close(&w, '}');
	}
	jsonw_close(&w, ']');
	jsonw_close(&w, '}');
	return 0;
}

int
media_speech(struct job *job, struct problem *p)
{
	struct str input;

	if (job_read_body(job, p) != 0)
		return -1;
	input = jsonx_str(job->chat.root, "input");
	buf_add(&job->reply.body, "ID3", 4); /* with a NUL: it is no text */
	for (size_t i = 0; i < input.n * MEDIA_BYTES_PER_CHARACTER; i++)
		buf_add_char(&job->reply.body, (char)(0x80 + i % 128));
	job->reply.content_type = "audio/mpeg";
	return 0;
}

/* The value of a form's field, found by its name. */
static int
find_field(struct str body, const char *head, struct str *value_r)
{
	ptrdiff_t at = str_find(body, head), end = str_find(body, "\r\n");
	char delimiter[128];

	if (at < 0 || end < 0)
		return -1;
	/* Its first line is the boundary. */
	snprintf(delimiter, sizeof(delimiter), "\r\n%.*s",
	    end < 100 ? (int)end : 100, body.p);
	body.p += at;
	body.n -= (size_t)at;
	at = str_find(body, "\r\n\r\n");
	if (at < 0)
		return -1;
	body.p += at + 4;
	body.n -= (size_t)at + 4;
	end = str_find(body, delimiter);
	if (end < 0)
		return -1;
	*value_r = str_make(body.p, (size_t)end);
	return 0;
}

int
media_transcript(struct job *job, struct problem *p)
{
	struct str body = job->req->body, file;
	char text[64];
	struct jsonw w;

	if (find_field(body, "name=\"model\"", &job->chat.model) != 0) {
		problem_set(p, 400, "missing_required_parameter",
		    "you must provide a model parameter");
		return problem_param(p, "model");
	}
	if (find_field(body, "name=\"file\"", &file) != 0) {
		problem_set(p, 400, "missing_required_parameter",
		    "you must provide a file");
		return problem_param(p, "file");
	}
	if (job_set_model(job, p) != 0)
		return -1;
	snprintf(text, sizeof(text), "%zu bytes", file.n);
	jsonw_init(&w, &job->reply.body);
	jsonw_open(&w, '{');
	jsonw_key(&w, "text");
	jsonw_cstr(&w, text);
	jsonw_key(&w, "usage");
	jsonw_raw(&w, str_of("{\"type\":\"duration\",\"seconds\":3}"));
	jsonw_close(&w, '}');
	return 0;
}
