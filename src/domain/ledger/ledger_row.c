/*
 * The ledger's rows as bytes. See ledger_row.h.
 *
 * HOLDS  key: owner u64, number u64 (big-endian)
 *   0  version u8 = 1     1  state u8    2  scope count u8   3  ended count u8
 *   4  output tokens i64  12 output nanos i64
 *   20 amount, prompt nanos, prompt tokens, taken, deadline, booked: i64 each
 *   68 scopes: kind u8, window start u32, window end u32, id text16
 *      names, price version text16, record text32, ended attempts text32,
 *      ended charges: names, then a roll-up row (rollup_row_encode)
 *   names: model, group, provider, deployment, key, team, user text16 each,
 *          tag count u8, tags text16 each
 *   text16, text32: a length of that width, then the bytes
 * SPEND  key: kind u8, window start u32, window end u32, id
 *   0  version u8 = 1     1  alerts u8   2  spent i64        10 held i64
 *
 * Owns nothing. Reading fails with -1 and no more words: the caller has the
 * key.
 */
#include "domain/ledger/ledger_row.h"

#include "base/hash.h"

#include <endian.h>

#define ROW_VERSION 1

/* Of the fields that change in place. */
enum {
	AT_STATE = 1,
	AT_OUTPUT_TOKENS = 4,
	AT_OUTPUT_NANOS = 12,
};

#define HOLD_ROW_MAX_BYTES (256 * 1024)

/* ---- writing ------------------------------------------------------------ */

static void
store_le(unsigned char *out, uint64_t v, size_t width)
{
	v = htole64(v);
	memcpy(out, &v, width);
}

/* Of known width, as take_number() below: a handful of instructions each. */
static inline void
put_number(struct buf *b, uint64_t v, size_t width)
{
	v = htole64(v);
	buf_add(b, &v, width);
}

static inline void
put_i64(struct buf *b, int64_t v)
{
	put_number(b, (uint64_t)v, 8);
}

/* A name or id, cut as everywhere in the store. */
static void
put_name(struct buf *b, struct str s)
{
	char cut[ROLLUP_VALUE_BYTES];

	s = rollup_value(s, cut);
	put_number(b, s.n, 2);
	buf_add_str(b, s);
}

static void
put_names(struct buf *b, const struct rollup_names *names)
{
	size_t tags = names->tag_count < ROLLUP_MAX_TAGS ? names->tag_count
							 : ROLLUP_MAX_TAGS;

	put_name(b, names->model);
	put_name(b, names->group);
	put_name(b, names->provider);
	put_name(b, names->deployment);
	put_name(b, names->key);
	put_name(b, names->team);
	put_name(b, names->user);
	put_number(b, tags, 1);
	for (size_t i = 0; i < tags; i++)
		put_name(b, names->tags[i]);
}

static void
put_head(struct buf *b, const struct hold *h)
{
	put_number(b, ROW_VERSION, 1);
	put_number(b, (uint64_t)h->state, 1);
	put_number(b, h->scope_count, 1);
	put_number(b, h->ended_count, 1);
	put_i64(b, h->output_tokens);
	put_i64(b, h->output_nanos);
	put_i64(b, h->amount_nanos);
	put_i64(b, h->prompt_nanos);
	put_i64(b, h->prompt_tokens);
	put_i64(b, h->taken_nsecs);
	put_i64(b, h->deadline_nsecs);
	put_i64(b, h->booked_nanos);
}

int
hold_row_write(const struct hold *h, struct buf *out, struct err *err)
{
	size_t text = h->record.n + h->ended_attempts.n;

	if (h->scope_count > LEDGER_MAX_CAPS ||
	    h->ended_count > LEDGER_MAX_ENDED)
		return err_set(err, ERR_INTERNAL,
		    "hold: %zu scopes, %zu ended attempts", h->scope_count,
		    h->ended_count);
	if (text > LEDGER_RECORD_BYTES - LEDGER_ENDING_BYTES)
		return err_set(err, ERR_INTERNAL,
		    "hold: its record's opening has %zu bytes", text);
	buf_init(out, HOLD_ROW_MAX_BYTES);
	buf_reserve(out, 512 + text);
	put_head(out, h);
	for (size_t i = 0; i < h->scope_count; i++) {
		const struct hold_scope *s = &h->scopes[i];

		put_number(out, s->kind, 1);
		put_number(out, s->window_start, 4);
		put_number(out, s->window_end, 4);
		put_name(out, s->id);
	}
	put_names(out, &h->names);
	put_name(out, h->price_version);
	put_number(out, h->record.n, 4);
	buf_add_str(out, h->record);
	put_number(out, h->ended_attempts.n, 4);
	buf_add_str(out, h->ended_attempts);
	for (size_t i = 0; i < h->ended_count; i++) {
		unsigned char row[ROLLUP_ROW_BYTES];

		put_names(out, &h->ended[i].names);
		rollup_row_encode(&h->ended[i].amounts, row);
		buf_add(out, row, sizeof(row));
	}
	if (!out->overflowed)
		return 0;
	buf_fini(out);
	return err_set(err, ERR_INTERNAL, "hold: more than %d bytes",
	    HOLD_ROW_MAX_BYTES);
}

void
hold_row_set_state(char *bytes, enum hold_state state)
{
	bytes[AT_STATE] = (char)state;
}

void
hold_row_set_output(char *bytes, int64_t tokens, int64_t nanos)
{
	store_le((unsigned char *)bytes + AT_OUTPUT_TOKENS, (uint64_t)tokens,
	    8);
	store_le((unsigned char *)bytes + AT_OUTPUT_NANOS, (uint64_t)nanos, 8);
}

/* ---- reading ------------------------------------------------------------ */

/* What is left of a row; `bad` stays set, so one look at the end will do. */
struct reader {
	const unsigned char *p;
	size_t n;
	bool bad;
};

static inline const unsigned char *
take(struct reader *r, size_t n)
{
	const unsigned char *p = r->p;

	if (r->bad || r->n < n) {
		r->bad = true;
		return NULL;
	}
	r->p += n;
	r->n -= n;
	return p;
}

static inline uint64_t
take_number(struct reader *r, size_t width)
{
	const unsigned char *p = take(r, width);
	uint64_t v = 0;

	if (p != NULL)
		memcpy(&v, p, width);
	return le64toh(v);
}

static inline int64_t
take_i64(struct reader *r)
{
	return (int64_t)take_number(r, 8);
}

/* An amount or a count: never negative. */
static int64_t
take_amount(struct reader *r)
{
	int64_t v = take_i64(r);

	if (v < 0)
		r->bad = true;
	return v;
}

static struct str
take_text(struct reader *r, size_t width)
{
	size_t n = take_number(r, width);
	const unsigned char *p = take(r, n);

	return p == NULL ? str_make("", 0) : str_make((const char *)p, n);
}

static void
take_names(struct reader *r, struct rollup_names *names)
{
	names->model = take_text(r, 2);
	names->group = take_text(r, 2);
	names->provider = take_text(r, 2);
	names->deployment = take_text(r, 2);
	names->key = take_text(r, 2);
	names->team = take_text(r, 2);
	names->user = take_text(r, 2);
	names->tag_count = take_number(r, 1);
	if (names->tag_count > ROLLUP_MAX_TAGS) {
		r->bad = true;
		names->tag_count = 0;
	}
	for (size_t i = 0; i < names->tag_count; i++)
		names->tags[i] = take_text(r, 2);
}

static void
take_scopes(struct reader *r, struct hold *h)
{
	for (size_t i = 0; i < h->scope_count; i++) {
		struct hold_scope *s = &h->scopes[i];

		s->kind = (uint8_t)take_number(r, 1);
		s->window_start = (uint32_t)take_number(r, 4);
		s->window_end = (uint32_t)take_number(r, 4);
		s->id = take_text(r, 2);
		if (s->kind >= SCOPE_COUNT || s->id.n > ROLLUP_VALUE_BYTES)
			r->bad = true;
	}
}

static void
take_ended(struct reader *r, struct hold *h, struct charge *ended)
{
	struct charge dropped;

	for (size_t i = 0; i < h->ended_count; i++) {
		struct charge *c = ended == NULL ? &dropped : &ended[i];
		const unsigned char *row;

		take_names(r, &c->names);
		row = take(r, ROLLUP_ROW_BYTES);
		if (row == NULL || rollup_row_decode(str_make((const char *)row,
							 ROLLUP_ROW_BYTES),
				       &c->amounts) != 0)
			r->bad = true;
	}
	h->ended = ended;
}

int
hold_row_read(struct str bytes, struct hold *h_r, struct charge *ended)
{
	struct reader r = { (const unsigned char *)bytes.p, bytes.n, false };
	struct hold *h = h_r;
	uint64_t version = take_number(&r, 1);

	memset(h, 0, sizeof(*h));
	h->state = (enum hold_state)take_number(&r, 1);
	h->scope_count = take_number(&r, 1);
	h->ended_count = take_number(&r, 1);
	if (r.bad || version != ROW_VERSION || h->state > HOLD_ANSWERING ||
	    h->scope_count > LEDGER_MAX_CAPS ||
	    h->ended_count > LEDGER_MAX_ENDED)
		return -1;
	h->output_tokens = take_amount(&r);
	h->output_nanos = take_amount(&r);
	h->amount_nanos = take_amount(&r);
	h->prompt_nanos = take_amount(&r);
	h->prompt_tokens = take_amount(&r);
	h->taken_nsecs = take_i64(&r);
	h->deadline_nsecs = take_i64(&r);
	h->booked_nanos = take_amount(&r);
	take_scopes(&r, h);
	take_names(&r, &h->names);
	h->price_version = take_text(&r, 2);
	h->record = take_text(&r, 4);
	h->ended_attempts = take_text(&r, 4);
	take_ended(&r, h, ended);
	return r.bad || r.n != 0 ? -1 : 0;
}

/* ---- keys and spend rows ------------------------------------------------ */

void
hold_key(struct key *k, uint64_t owner, uint64_t number)
{
	key_init(k);
	key_u64(k, owner);
	key_u64(k, number);
}

int
hold_key_read(struct str key, uint64_t *owner_r, uint64_t *number_r)
{
	return key_take_u64(&key, owner_r) == 0 &&
		       key_take_u64(&key, number_r) == 0 && key.n == 0
		   ? 0
		   : -1;
}

void
spend_key(struct key *k, const struct hold_scope *scope)
{
	char cut[ROLLUP_VALUE_BYTES];

	key_init(k);
	key_u8(k, scope->kind);
	key_u32(k, scope->window_start);
	key_u32(k, scope->window_end);
	key_text_last(k, rollup_value(scope->id, cut));
}

int
spend_key_read(struct str key, struct hold_scope *scope_r)
{
	struct hold_scope s;

	if (key_take_u8(&key, &s.kind) != 0 ||
	    key_take_u32(&key, &s.window_start) != 0 ||
	    key_take_u32(&key, &s.window_end) != 0 || s.kind >= SCOPE_COUNT ||
	    key.n > ROLLUP_VALUE_BYTES)
		return -1;
	s.id = key;
	*scope_r = s;
	return 0;
}

size_t
spend_row_write(const struct spend_row *row, unsigned char out[SPEND_ROW_BYTES])
{
	out[0] = ROW_VERSION;
	out[1] = row->alerts;
	store_le(out + 2, (uint64_t)row->spent_nanos, 8);
	store_le(out + 10, (uint64_t)row->held_nanos, 8);
	if (row->before_since == 0)
		return 18;
	store_le(out + 18, (uint64_t)row->before_nanos, 8);
	store_le(out + 26, row->before_since, 4);
	return SPEND_ROW_BYTES;
}

int
spend_row_read(struct str bytes, struct spend_row *row_r)
{
	struct reader r = { (const unsigned char *)bytes.p, bytes.n, false };
	struct spend_row row = { 0 };

	if (take_number(&r, 1) != ROW_VERSION)
		return -1;
	row.alerts = (uint8_t)take_number(&r, 1);
	row.spent_nanos = take_amount(&r);
	row.held_nanos = take_amount(&r);
	if (!r.bad && r.n > 0) {
		row.before_nanos = take_amount(&r);
		row.before_since = (uint32_t)take_number(&r, 4);
	}
	if (r.bad || r.n != 0)
		return -1;
	*row_r = row;
	return 0;
}

/* ---- errors ------------------------------------------------------------- */

int
ledger_damaged(const char *what, struct str key, struct str bytes,
    struct err *err)
{
	char hex[2 * KEY_MAX_BYTES + 1];

	hash_hex((const unsigned char *)key.p, key.n, hex);
	return err_set(err, ERR_STORE,
	    "%s: the row with key %.400s is damaged (%zu bytes)", what, hex,
	    bytes.n);
}

int
ledger_store_error(struct store_txn *t, struct err *err)
{
	if (!store_failed(t, err))
		err_set(err, ERR_STORE, "the store answers with an error");
	return -1;
}
