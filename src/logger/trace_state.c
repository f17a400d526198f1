/* The trace file's state file. See trace_state.h. Owns nothing. */
#include "logger/trace_state.h"

#include "base/fd.h"
#include "base/jsonw.h"
#include "base/jsonx.h"
#include "base/num.h"

/* SEQ_MARKS_MAX owners with their sequences fit many times over. */
#define STATE_MAX_BYTES (4 * 1024 * 1024)

static int
take(const json_t *json, struct trace_state *s_r, struct seq_marks *marks)
{
	json_t *owners = json_object_get(json, "owners"), *v;
	struct trace_state s = { 0 };
	struct str hash = jsonx_str(json, "hash");
	const char *key;
	int64_t owner;

	if (jsonx_int(json, "inode", &s.inode) != 1 ||
	    jsonx_int(json, "offset", &s.offset) != 1 || s.offset < 0 ||
	    (hash.n != 0 && hash.n != SHA256_HEX_BYTES - 1) ||
	    !json_is_object(owners))
		return 0;
	if (hash.n > 0)
		memcpy(s.hash, hash.p, hash.n);
	json_object_foreach(owners, key, v) {
		int64_t seq = json_integer_value(v);

		if (num_int64(str_of(key), &owner) == 0 && owner > 0 && seq > 0)
			seq_marks_raise(marks, (uint64_t)owner, (uint64_t)seq);
	}
	*s_r = s;
	return 1;
}

int
trace_state_load(const char *path, struct trace_state *s_r,
    struct seq_marks *marks)
{
	json_t *json = NULL;
	struct buf text;
	int rc = 0;

	buf_init(&text, STATE_MAX_BYTES);
	if (file_read(path, &text, NULL) == 0)
		json = jsonx_parse(buf_str(&text), NULL);
	buf_fini(&text);
	if (json != NULL)
		rc = take(json, s_r, marks);
	json_decref(json);
	return rc;
}

int
trace_state_save(const char *path, const struct trace_state *s,
    const struct seq_marks *marks, struct err *err)
{
	struct jsonw w;
	struct buf text;
	int rc;

	buf_init(&text, STATE_MAX_BYTES);
	jsonw_init(&w, &text);
	jsonw_open(&w, '{');
	jsonw_key(&w, "inode");
	jsonw_int(&w, s->inode);
	jsonw_key(&w, "offset");
	jsonw_int(&w, s->offset);
	jsonw_key(&w, "hash");
	jsonw_cstr(&w, s->hash);
	jsonw_put_open(&w, "owners", '{');
	for (size_t i = 0; i < marks->count; i++) {
		char id[NUM_TEXT_BYTES];

		num_format_uint(marks->items[i].owner, id);
		jsonw_key(&w, id);
		jsonw_int(&w, (int64_t)marks->items[i].seq);
	}
	jsonw_close(&w, '}');
	jsonw_close(&w, '}');
	buf_add_char(&text, '\n');
	rc = text.overflowed ? err_set(err, ERR_IO, "%s: too large", path)
			     : file_write(path, buf_str(&text), err);
	buf_fini(&text);
	return rc;
}
