/*
 * What a dead owner held: settled by rule (docs/decisions/0003), with a trace
 * record that says so. See ledger.h. Works on a copy of the hold's row, since
 * the store's bytes move with the first write.
 */
#include "base/clock.h"
#include "base/jsonw.h"
#include "base/jsonx.h"
#include "domain/ledger/ledger_row.h"

/* An orphan while it is settled. */
struct orphan {
	struct hold hold; /* slices borrow `bytes` */
	char *bytes;
	struct charge charges[LEDGER_MAX_ENDED + 1]; /* the last: its own */
	bool was_sent;
	int64_t cost_nanos; /* of all attempts */
	int64_t now_nsecs;
};

/* ---- the money ---------------------------------------------------------- */

static int
read_orphan(struct store_txn *t, const struct hold *h, struct orphan *o,
    struct err *err)
{
	struct str bytes;
	struct key k;
	int rc;

	hold_key(&k, h->owner, h->number);
	rc = store_get(t, STORE_HOLDS, key_str(&k), &bytes);
	if (rc < 0)
		return ledger_store_error(t, err);
	if (rc == 0)
		return err_set(err, ERR_NOT_HELD,
		    "hold %llu of owner %llu is not there",
		    (unsigned long long)h->number,
		    (unsigned long long)h->owner);
	o->bytes = str_dup(bytes);
	if (hold_row_read(str_make(o->bytes, bytes.n), &o->hold, o->charges) !=
	    0)
		return ledger_damaged("holds", key_str(&k), bytes, err);
	o->hold.owner = h->owner;
	o->hold.number = h->number;
	return 0;
}

/*
 * What the attempt under way is charged: what was delivered for certain, and
 * the prompt, whose worst price is cut to what is left of the hold. A cap is
 * not passed because an estimate was careful.
 */
static int64_t
own_cost(const struct hold *h, int64_t ended_nanos)
{
	int64_t prompt = h->prompt_nanos;
	int64_t left =
	    h->amount_nanos - (ended_nanos - h->booked_nanos) - h->output_nanos;

	if (h->scope_count > 0 && prompt > left)
		prompt = left > 0 ? left : 0;
	return money_add(prompt, h->output_nanos);
}

/* The rule: docs/decisions/0003. */
static void
charge_orphan(struct orphan *o)
{
	const struct hold *h = &o->hold;
	struct rollup_row *own = &o->charges[h->ended_count].amounts;

	memset(&o->charges[h->ended_count], 0, sizeof(o->charges[0]));
	o->charges[h->ended_count].names = h->names;
	own->requests = 1;
	own->attempts = 1;
	own->failures = 1;
	o->cost_nanos = 0;
	for (size_t i = 0; i < h->ended_count; i++)
		o->cost_nanos =
		    money_add(o->cost_nanos, o->charges[i].amounts.cost_nanos);
	o->was_sent = h->state != HOLD_TAKEN;
	if (!o->was_sent)
		return;
	own->prompt_tokens = h->prompt_tokens;
	own->completion_tokens = h->output_tokens;
	own->cost_nanos = own_cost(h, o->cost_nanos);
	own->estimated_nanos = own->cost_nanos;
	o->cost_nanos = money_add(o->cost_nanos, own->cost_nanos);
}

/* ---- the record --------------------------------------------------------- */

static void
member_str(struct jsonw *w, const char *key, struct str s)
{
	jsonw_key(w, key);
	if (s.n == 0)
		jsonw_null(w);
	else
		jsonw_str(w, s);
}

static void
member_int(struct jsonw *w, const char *key, int64_t v)
{
	jsonw_key(w, key);
	jsonw_int(w, v);
}

static void
member_usd(struct jsonw *w, const char *key, int64_t nanos)
{
	jsonw_key(w, key);
	jsonw_decimal(w, nanos, 9);
}

void
ledger_write_scopes(struct jsonw *w, const struct hold_scope *scopes,
    size_t count)
{
	char cut[ROLLUP_VALUE_BYTES];

	if (count == 0)
		return;
	jsonw_known_key(w, JSON_KEY("scopes"));
	jsonw_open(w, '[');
	for (size_t i = 0; i < count; i++) {
		const struct hold_scope *s = &scopes[i];

		jsonw_open(w, '{');
		jsonw_member_str(w, JSON_KEY("kind"),
		    str_of(scope_name(s->kind)));
		jsonw_member_str(w, JSON_KEY("id"), rollup_value(s->id, cut));
		jsonw_member_int(w, JSON_KEY("start"), s->window_start);
		jsonw_member_int(w, JSON_KEY("end"), s->window_end);
		jsonw_close(w, '}');
	}
	jsonw_close(w, ']');
}

static void
member_latency(struct jsonw *w, const struct orphan *o)
{
	int64_t nsecs = o->now_nsecs - o->hold.taken_nsecs;

	jsonw_key(w, "latency_s");
	jsonw_decimal(w, nsecs > 0 ? nsecs / 1000 : 0, 6);
}

static void
member_source(struct jsonw *w, bool estimated)
{
	member_str(w, "usage_source", str_of(estimated ? "estimated" : ""));
}

/* The opening that hold.record should have been, of what the hold says. */
static void
write_own_opening(struct jsonw *w, const struct hold *h)
{
	char when[CLOCK_RFC3339_BYTES];

	clock_rfc3339(h->taken_nsecs < 0 ? 0 : h->taken_nsecs, when);
	jsonw_key(w, "run_id");
	jsonw_null(w);
	member_str(w, "model", h->names.model);
	member_str(w, "time", str_of(when));
	member_str(w, "requested_model", h->names.group);
	member_str(w, "provider", h->names.provider);
	member_str(w, "deployment", h->names.deployment);
	jsonw_key(w, "stream");
	jsonw_null(w);
	member_str(w, "key", h->names.key);
	member_str(w, "team", h->names.team);
	member_str(w, "user", h->names.user);
	jsonw_key(w, "tags");
	jsonw_open(w, '[');
	for (size_t i = 0; i < h->names.tag_count; i++)
		jsonw_str(w, h->names.tags[i]);
	jsonw_close(w, ']');
}

/* The attempt that was under way: the members of any attempt's entry. */
static void
write_attempt(struct jsonw *w, const struct orphan *o)
{
	static const char *const none[] = { "cached_tokens",
		"cache_write_tokens", "cache_write_1h_tokens",
		"reasoning_tokens", "audio_input_tokens", "audio_output_tokens",
		"image_input_tokens" };
	const struct hold *h = &o->hold;
	const struct rollup_row *row = &o->charges[h->ended_count].amounts;

	jsonw_open(w, '{');
	member_str(w, "deployment", h->names.deployment);
	member_str(w, "provider", h->names.provider);
	member_str(w, "model", h->names.model);
	member_int(w, "status", 0);
	member_str(w, "error", str_of("lost"));
	jsonw_key(w, "error_text");
	jsonw_cstr(w, o->was_sent
			  ? "the process that served it died; charged by rule"
			  : "the process that served it died before it was "
			    "sent");
	member_latency(w, o);
	member_int(w, "prompt_tokens", row->prompt_tokens);
	member_int(w, "completion_tokens", row->completion_tokens);
	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		member_int(w, none[i], 0);
	member_source(w, o->was_sent);
	member_str(w, "price_version", h->price_version);
	member_usd(w, "held_usd", h->amount_nanos);
	member_usd(w, "cost_usd", row->cost_nanos);
	ledger_write_scopes(w, h->scopes, h->scope_count);
	jsonw_close(w, '}');
}

/* Everything behind the opening; the sums are over all attempts. */
static void
write_ending(struct jsonw *w, const struct orphan *o)
{
	const struct hold *h = &o->hold;
	char when[CLOCK_RFC3339_BYTES];
	struct rollup_row sum = { 0 };

	for (size_t i = 0; i <= h->ended_count; i++)
		rollup_row_add(&sum, &o->charges[i].amounts);
	member_latency(w, o);
	member_usd(w, "cost_usd", o->cost_nanos);
	member_int(w, "prompt_tokens", sum.prompt_tokens);
	member_int(w, "completion_tokens", sum.completion_tokens);
	member_int(w, "status", 0);
	member_str(w, "outcome", str_of("lost"));
	member_str(w, "error", str_of("lost"));
	jsonw_key(w, "ttft_s");
	jsonw_null(w);
	member_int(w, "cached_tokens", sum.cached_tokens);
	member_int(w, "reasoning_tokens", sum.reasoning_tokens);
	member_source(w, o->was_sent || sum.cost_nanos > 0);
	jsonw_key(w, "orphan");
	jsonw_bool(w, true);
	if (o->cost_nanos - h->booked_nanos > h->amount_nanos) {
		jsonw_key(w, "overrun");
		jsonw_bool(w, true);
	}
	clock_rfc3339(o->now_nsecs, when);
	member_str(w, "settled", str_of(when));
}

static void
write_record(struct buf *out, const struct orphan *o, bool own_words)
{
	const struct hold *h = &o->hold;
	struct jsonw w;

	buf_clear(out);
	jsonw_init(&w, out);
	jsonw_open(&w, '{');
	if (own_words)
		write_own_opening(&w, h);
	else if (h->record.n > 0)
		jsonw_raw(&w, h->record);
	write_ending(&w, o);
	jsonw_key(&w, "attempts");
	jsonw_open(&w, '[');
	if (!own_words && h->ended_attempts.n > 0)
		jsonw_raw(&w, h->ended_attempts);
	write_attempt(&w, o);
	jsonw_close(&w, ']');
	jsonw_close(&w, '}');
}

/* True when the opening is what ledger.h asks for: the whole is one object
   and no member stands there twice. */
static bool
is_record(struct buf *b)
{
	json_t *json;

	if (b->overflowed)
		return false;
	json = jsonx_parse(buf_str(b), NULL);
	if (json == NULL)
		return false;
	json_decref(json);
	return true;
}

static int
settle(struct store_txn *t, struct orphan *o, struct owner *settler,
    struct orphan_end *end_r, struct err *err)
{
	struct settlement s = {
		.owner = o->hold.owner,
		.number = o->hold.number,
		.cost_nanos = o->cost_nanos,
		.now_nsecs = o->now_nsecs,
		.charge_count = o->hold.ended_count + 1,
		.charges = o->charges,
		.outbox_owner = settler,
	};
	struct buf record;
	int rc;

	buf_init(&record, LEDGER_RECORD_BYTES);
	write_record(&record, o, o->hold.record.n == 0);
	if (!is_record(&record))
		write_record(&record, o, true);
	s.record = buf_str(&record);
	rc = ledger_settle(t, &s, err);
	buf_fini(&record);
	if (rc != 0)
		return -1;
	if (end_r != NULL) {
		end_r->cost_nanos = s.cost_nanos;
		end_r->held_nanos = o->hold.amount_nanos;
		end_r->seq = s.seq_r;
		end_r->overrun = s.overrun_r;
		end_r->uneven = s.uneven_r;
	}
	return 0;
}

int
ledger_settle_orphan(struct store_txn *t, const struct hold *h,
    struct owner *settler, int64_t now_nsecs, struct orphan_end *end_r,
    struct err *err)
{
	struct orphan *o = xcalloc(1, sizeof(*o));
	int rc;

	o->now_nsecs = now_nsecs;
	rc = read_orphan(t, h, o, err);
	if (rc == 0) {
		charge_orphan(o);
		rc = settle(t, o, settler, end_r, err);
	}
	free(o->bytes);
	free(o);
	return rc;
}
