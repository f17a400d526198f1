/* Responses that are kept. See responses.h. */
#include "sim/responses.h"

#include "sim/chat_responses.h"

#define INPUT_ITEMS "/input_items"
#define CANCEL      "/cancel"

/* ---- keeping ------------------------------------------------------------- */

int
responses_go_on(struct job *job, struct problem *p)
{
	struct str id = jsonx_str(job->chat.root, "previous_response_id");
	struct board *board = job->sim->board;
	const struct kept_row *row;

	if (id.n == 0)
		return 0;
	board_lock(board);
	row = kept_find(&board->kept, id);
	if (row != NULL) {
		job->chat.messages += row->messages;
		job->chat.text_bytes += row->text_bytes;
	}
	board_unlock(board);
	if (row != NULL)
		return 0;
	problem_set(p, 400, "previous_response_not_found",
	    "Previous response with id '%.*s' not found.",
	    id.n > 100 ? 100 : (int)id.n, id.p);
	return problem_param(p, "previous_response_id");
}

/* The request's input as a list of items with ids. */
static json_t *
input_items(const struct job *job)
{
	json_t *input = json_object_get(job->chat.root, "input");
	json_t *list, *item;
	size_t i;

	if (json_is_array(input)) {
		list = json_deep_copy(input);
	} else {
		list = json_pack("[{s:s, s:s, s:[{s:s, s:O}]}]", "type",
		    "message", "role", "user", "content", "type", "input_text",
		    "text", input);
	}
	json_array_foreach(list, i, item) {
		char *id = xasprintf("msg_%s_%zu", job->id, i);

		if (json_object_get(item, "id") == NULL)
			json_object_set_new(item, "id", json_string(id));
		free(id);
	}
	return list;
}

void
responses_keep(struct job *job)
{
	struct board *board = job->sim->board;
	struct kept_row *row;
	struct buf body;
	json_t *list;
	char *input;

	if (json_is_false(json_object_get(job->chat.root, "store")) ||
	    job->reply.faults.error_status > 0 || job->sim->fixed_body.len > 0)
		return;
	buf_init(&body, KEPT_BODY_BYTES);
	chat_responses_write(&job->talk, &body);
	list = input_items(job);
	input = jsonx_dump(list);
	if (!body.overflowed && strlen(input) < KEPT_INPUT_BYTES) {
		board_lock(board);
		row = kept_new(&board->kept);
		snprintf(row->id, sizeof(row->id), "resp_%s", job->id);
		row->messages = job->chat.messages + 1;
		row->text_bytes =
		    job->chat.text_bytes + (int64_t)job->answer.text.n;
		row->body_bytes = body.len;
		memcpy(row->body, body.data, body.len);
		row->input_bytes = strlen(input);
		memcpy(row->input, input, row->input_bytes);
		board_unlock(board);
	}
	free(input);
	json_decref(list);
	buf_fini(&body);
}

/* ---- what is kept -------------------------------------------------------- */

/* What stands behind ".../responses/", without this tail. */
static struct str
id_of(const struct job *job, const char *tail)
{
	struct str path = job->req->path;
	size_t skip = (size_t)str_find(path, "responses/") + 10;
	struct str id = str_make(path.p + skip, path.n - skip);

	if (str_ends(id, tail))
		id.n -= strlen(tail);
	return id;
}

static int
not_found(struct str id, struct problem *p)
{
	return problem_set(p, 404, "", "Response with id '%.*s' not found.",
	    id.n > 100 ? 100 : (int)id.n, id.p);
}

static void
write_list(const struct kept_row *row, struct buf *out)
{
	buf_add_cstr(out, "{\"object\":\"list\",\"data\":");
	buf_add(out, row->input, row->input_bytes);
	buf_add_cstr(out,
	    ",\"first_id\":null,\"last_id\":null,\"has_more\":false}");
}

int
responses_get(struct job *job, struct problem *p)
{
	bool items = str_ends(job->req->path, INPUT_ITEMS);
	struct str id = id_of(job, items ? INPUT_ITEMS : "");
	struct board *board = job->sim->board;
	const struct kept_row *row;

	board_lock(board);
	row = kept_find(&board->kept, id);
	if (row != NULL && items)
		write_list(row, &job->reply.body);
	else if (row != NULL)
		buf_add(&job->reply.body, row->body, row->body_bytes);
	board_unlock(board);
	return row != NULL ? 0 : not_found(id, p);
}

int
responses_delete(struct job *job, struct problem *p)
{
	struct board *board = job->sim->board;
	struct str id = id_of(job, "");
	struct kept_row *row;
	struct jsonw w;

	board_lock(board);
	row = kept_find(&board->kept, id);
	if (row != NULL)
		row->id[0] = '\0';
	board_unlock(board);
	if (row == NULL)
		return not_found(id, p);
	jsonw_init(&w, &job->reply.body);
	jsonw_open(&w, '{');
	jsonw_key(&w, "id");
	jsonw_str(&w, id);
	jsonw_key(&w, "object");
	jsonw_cstr(&w, "response");
	jsonw_key(&w, "deleted");
	jsonw_bool(&w, true);
	jsonw_close(&w, '}');
	return 0;
}

int
responses_cancel(struct job *job, struct problem *p)
{
	struct board *board = job->sim->board;
	struct str id = id_of(job, CANCEL);
	bool kept;

	board_lock(board);
	kept = kept_find(&board->kept, id) != NULL;
	board_unlock(board);
	if (!kept)
		return not_found(id, p);
	return problem_set(p, 400, "", "Cannot cancel a synchronous response.");
}
