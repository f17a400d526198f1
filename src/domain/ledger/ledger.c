/*
 * The ledger: holds against caps, and their settlement. See ledger.h and
 * docs/ledger.md. Rows as bytes: ledger_row.c; walks: ledger_walk.c; what
 * dead owners held: ledger_orphan.c.
 *
 * Every function reads all it needs, decides, and only then writes: what
 * fails before the first write leaves the transaction as it was, what fails
 * after it fails the transaction. Owns nothing between calls.
 */
#include "domain/ledger/ledger.h"

#include "base/buf.h"
#include "domain/ledger/ledger_row.h"

#define SCOPE_WORD(NAME, word) word,
static const char *const scope_words[SCOPE_COUNT] = { SCOPES(SCOPE_WORD) };
#undef SCOPE_WORD

const char *
scope_name(enum scope_kind kind)
{
	return scope_words[kind];
}

int
scope_parse(struct str word, enum scope_kind *kind_r)
{
	for (int i = 0; i < SCOPE_COUNT; i++) {
		if (str_is(word, scope_words[i])) {
			*kind_r = (enum scope_kind)i;
			return 0;
		}
	}
	return -1;
}

const char *
hold_state_name(enum hold_state state)
{
	switch (state) {
	case HOLD_TAKEN:
		return "taken";
	case HOLD_SENT:
		return "sent";
	case HOLD_ANSWERING:
		return "answering";
	}
	return "";
}

/* ---- spend rows of one operation ---------------------------------------- */

/* The rows an operation touches: each window once, read before any write. */
struct spend_slot {
	const struct hold_scope *scope;
	struct key key;
	struct spend_row row;
	bool changed;
	bool learned; /* what was before the cap: to be written in any case */
};

struct spend_set {
	size_t count;
	/* Two holds' windows, and room for the key that is looked for. */
	struct spend_slot slots[2 * LEDGER_MAX_CAPS + 1];
};

static int
read_spend(struct store_txn *t, const struct key *k, struct spend_row *row_r,
    struct err *err)
{
	struct str bytes;
	int rc = store_get(t, STORE_SPEND, key_str(k), &bytes);

	if (rc < 0)
		return ledger_store_error(t, err);
	memset(row_r, 0, sizeof(*row_r));
	if (rc == 1 && spend_row_read(bytes, row_r) != 0)
		return ledger_damaged("spend", key_str(k), bytes, err);
	return 0;
}

/* The slot of this key, read when it is new. NULL: failed. */
static struct spend_slot *
add_slot(struct store_txn *t, struct spend_set *set,
    const struct hold_scope *scope, struct err *err)
{
	struct spend_slot *slot = &set->slots[set->count];

	spend_key(&slot->key, scope);
	for (size_t i = 0; i < set->count; i++) {
		if (str_eq(key_str(&set->slots[i].key), key_str(&slot->key)))
			return &set->slots[i];
	}
	if (read_spend(t, &slot->key, &slot->row, err) != 0)
		return NULL;
	slot->scope = scope;
	slot->changed = slot->learned = false;
	set->count++;
	return slot;
}

static int
write_spend(struct store_txn *t, const struct key *k,
    const struct spend_row *row)
{
	unsigned char bytes[SPEND_ROW_BYTES];
	size_t n = spend_row_write(row, bytes);

	return store_put(t, STORE_SPEND, key_str(k),
	    str_make((const char *)bytes, n));
}

static int
write_set(struct store_txn *t, const struct spend_set *set, struct err *err)
{
	for (size_t i = 0; i < set->count; i++) {
		const struct spend_slot *slot = &set->slots[i];

		if ((slot->changed || slot->learned) &&
		    write_spend(t, &slot->key, &slot->row) != 0)
			return ledger_store_error(t, err);
	}
	return 0;
}

/* A refusal changes no amount; what it has found out is kept all the same, so
   that the next one need not look again. */
static int
write_learned(struct store_txn *t, const struct spend_set *set, struct err *err)
{
	for (size_t i = 0; i < set->count; i++) {
		const struct spend_slot *slot = &set->slots[i];

		if (slot->learned && !slot->changed &&
		    write_spend(t, &slot->key, &slot->row) != 0)
			return ledger_store_error(t, err);
	}
	return 0;
}

static void
add_held(struct spend_slot *slot, int64_t nanos)
{
	if (nanos == 0)
		return;
	slot->row.held_nanos = money_add(slot->row.held_nanos, nanos);
	slot->changed = true;
}

static void
add_spent(struct spend_slot *slot, int64_t nanos)
{
	if (nanos == 0)
		return;
	slot->row.spent_nanos = money_add(slot->row.spent_nanos, nanos);
	slot->changed = true;
}

/* Takes a hold's amount back; false: less than that was held. */
static bool
take_held(struct spend_slot *slot, int64_t nanos)
{
	bool even = slot->row.held_nanos >= nanos;

	if (nanos == 0)
		return true;
	slot->row.held_nanos = even ? slot->row.held_nanos - nanos : 0;
	slot->changed = true;
	return even;
}

/* ---- deciding ----------------------------------------------------------- */

/* A cap and the slot of its window. */
struct cap_view {
	const struct spend_slot *slot;
	int64_t room_nanos; /* may be negative after an overrun */
};

int64_t
ledger_counted_nanos(const struct spend_row *row)
{
	return money_add(row->spent_nanos, row->before_nanos);
}

int64_t
ledger_room_nanos(const struct cap *cap, const struct spend_row *row)
{
	return money_add(cap->cap_nanos,
	    -money_add(ledger_counted_nanos(row), row->held_nanos));
}

/* Index of the cap with the least room among those with room below
   `below_nanos`, and, when refusing_only, that do not clamp; -1 none. */
static int
tightest(const struct hold_request *request, const struct cap_view *views,
    int64_t below_nanos, bool refusing_only)
{
	int found = -1;

	for (size_t i = 0; i < request->cap_count; i++) {
		if (views[i].room_nanos >= below_nanos ||
		    (refusing_only && request->caps[i].policy == CAP_CLAMP))
			continue;
		if (found < 0 || views[i].room_nanos < views[found].room_nanos)
			found = (int)i;
	}
	return found;
}

static void
describe(struct hold_answer *answer, const struct cap_view *views, int index)
{
	const struct spend_slot *slot;

	answer->cap_index = index;
	if (index < 0)
		return;
	slot = views[index].slot;
	answer->cap_spent_nanos = ledger_counted_nanos(&slot->row);
	answer->cap_held_nanos = slot->row.held_nanos;
	answer->cap_room_nanos = views[index].room_nanos;
	answer->cap_window_start = slot->scope->window_start;
	answer->cap_window_end = slot->scope->window_end;
}

/* The verdict, from rooms alone. */
static void
decide(const struct hold_request *request, const struct cap_view *views,
    struct hold_answer *answer)
{
	int64_t worst = request->worst_nanos, least = request->least_nanos;
	int short_cap, refusing;

	memset(answer, 0, sizeof(*answer));
	answer->verdict = HOLD_GRANTED;
	answer->amount_nanos = worst;
	describe(answer, views, tightest(request, views, INT64_MAX, false));
	/* What costs nothing needs no room, not even of an overrun cap. */
	short_cap = worst == 0 ? -1 : tightest(request, views, worst, false);
	if (short_cap < 0)
		return;
	if (least > worst)
		least = worst;
	refusing = tightest(request, views, worst, true);
	if (refusing >= 0) {
		describe(answer, views, refusing);
	} else if (views[short_cap].room_nanos > 0 &&
		   views[short_cap].room_nanos >= least) {
		answer->verdict = HOLD_CLAMPED;
		answer->amount_nanos = views[short_cap].room_nanos;
		return;
	}
	answer->verdict = HOLD_REFUSED;
	answer->amount_nanos = 0;
}

/* ---- hold --------------------------------------------------------------- */

static int
check_request(const struct hold_request *request, const struct hold *h,
    struct err *err)
{
	if (h->number == 0 || request->cap_count > LEDGER_MAX_CAPS ||
	    request->track_count > LEDGER_MAX_CAPS - request->cap_count ||
	    request->worst_nanos < 0 || request->least_nanos < 0 ||
	    h->prompt_nanos < 0 || h->prompt_tokens < 0 ||
	    h->output_nanos < 0 || h->output_tokens < 0 || h->booked_nanos < 0)
		return err_set(err, ERR_INTERNAL,
		    "hold %llu: %zu caps, worst %lld, least %lld",
		    (unsigned long long)h->number, request->cap_count,
		    (long long)request->worst_nanos,
		    (long long)request->least_nanos);
	if (request->unpriced && request->cap_count > 0) {
		const struct cap *cap = &request->caps[0];

		return err_set(err, ERR_UNPRICED,
		    "the model has no known price and a budget applies "
		    "(%s %.100s)",
		    scope_name(cap->kind), cap->id);
	}
	return 0;
}

static int
learn_before(struct store_txn *t, const struct cap *cap, int64_t now_nsecs,
    struct spend_slot *slot, struct err *err)
{
	int rc = ledger_find_before(t, cap, slot->scope, now_nsecs, &slot->row);

	if (rc < 0)
		return ledger_store_error(t, err);
	slot->learned |= rc == 1;
	return 0;
}

/* The windows that the caps are in now: h->scopes, each once. */
static int
find_windows(struct store_txn *t, const struct hold_request *request,
    struct hold *h, struct spend_set *set, struct cap_view *views,
    struct err *err)
{
	const struct window_rule *rule = NULL;
	uint32_t start = 0, end = 0;

	h->scope_count = 0;
	for (size_t i = 0; i < request->cap_count + request->track_count; i++) {
		const struct cap *cap = &request->caps[i];
		struct hold_scope *scope = &h->scopes[h->scope_count];
		struct spend_slot *slot;
		size_t before = set->count;

		window_next(&cap->rule, rule, request->now_nsecs, &start, &end);
		rule = &cap->rule;
		scope->kind = (uint8_t)cap->kind;
		scope->id = str_of(cap->id);
		scope->window_start = start;
		scope->window_end = end;
		slot = add_slot(t, set, scope, err);
		if (slot == NULL)
			return -1;
		views[i].slot = slot;
		if (set->count > before)
			h->scope_count++;
		if (i < request->cap_count &&
		    learn_before(t, cap, request->now_nsecs, slot, err) != 0)
			return -1;
	}
	return 0;
}

/* Reads a hold by its name. ERR_NOT_HELD when it is not there. */
static int
read_hold(struct store_txn *t, uint64_t owner, uint64_t number,
    struct hold *h_r, struct err *err)
{
	struct str bytes;
	struct key k;
	int rc;

	hold_key(&k, owner, number);
	rc = store_get(t, STORE_HOLDS, key_str(&k), &bytes);
	if (rc < 0)
		return ledger_store_error(t, err);
	if (rc == 0)
		return err_set(err, ERR_NOT_HELD,
		    "hold %llu of owner %llu is not there",
		    (unsigned long long)number, (unsigned long long)owner);
	if (hold_row_read(bytes, h_r, NULL) != 0)
		return ledger_damaged("holds", key_str(&k), bytes, err);
	h_r->owner = owner;
	h_r->number = number;
	return 0;
}

/* held -= amount, spent += nanos in the hold's own windows, in the set. */
static int
leave_windows(struct store_txn *t, const struct hold *h, int64_t spent_nanos,
    struct spend_set *set, bool *even_r, struct err *err)
{
	*even_r = true;
	for (size_t i = 0; i < h->scope_count; i++) {
		struct spend_slot *slot = add_slot(t, set, &h->scopes[i], err);

		if (slot == NULL)
			return -1;
		if (!take_held(slot, h->amount_nanos))
			*even_r = false;
		add_spent(slot, spent_nanos);
	}
	return 0;
}

/* Gives an old hold back; what its attempt cost, which has ended, counts in the
   windows it was held in. */
static int
give_back(struct store_txn *t, const struct hold *old, const struct hold *h,
    struct spend_set *set, struct err *err)
{
	int64_t nanos = h->booked_nanos - old->booked_nanos;
	bool even;

	if (nanos < 0)
		return err_set(err, ERR_INTERNAL,
		    "hold %llu: booked %lld, then %lld",
		    (unsigned long long)h->number, (long long)old->booked_nanos,
		    (long long)h->booked_nanos);
	return leave_windows(t, old, nanos, set, &even, err);
}

static void
set_rooms(const struct hold_request *request, struct cap_view *views)
{
	for (size_t i = 0; i < request->cap_count; i++)
		views[i].room_nanos =
		    ledger_room_nanos(&request->caps[i], &views[i].slot->row);
}

int
ledger_ask(struct store_txn *t, const struct hold_request *request,
    struct hold_answer *answer, struct err *err)
{
	struct cap_view views[LEDGER_MAX_CAPS];
	struct hold h = { .number = 1 };
	struct spend_set set;

	set.count = 0;
	if (check_request(request, &h, err) != 0 ||
	    find_windows(t, request, &h, &set, views, err) != 0)
		return -1;
	set_rooms(request, views);
	decide(request, views, answer);
	return 0;
}

/* Writes the hold's row; a new one must not be there. */
static int
put_hold(struct store_txn *t, const struct hold *h, bool is_new, struct str row,
    struct err *err)
{
	struct key k;
	int rc;

	hold_key(&k, h->owner, h->number);
	if (is_new)
		rc = store_insert(t, STORE_HOLDS, key_str(&k), row);
	else
		rc = store_put(t, STORE_HOLDS, key_str(&k), row) == 0 ? 1 : -1;
	if (rc < 0)
		return ledger_store_error(t, err);
	if (rc == 0)
		return err_set(err, ERR_INTERNAL,
		    "hold %llu of owner %llu is taken already",
		    (unsigned long long)h->number,
		    (unsigned long long)h->owner);
	return 0;
}

/* Takes a hold in place of `old` (NULL: of nothing). */
static int
take_hold(struct store_txn *t, const struct hold_request *request,
    struct hold *h, const struct hold *old, struct hold_answer *answer,
    struct err *err)
{
	struct cap_view views[LEDGER_MAX_CAPS];
	struct spend_set set;
	struct buf row;
	int rc;

	set.count = 0;
	if (find_windows(t, request, h, &set, views, err) != 0 ||
	    (old != NULL && give_back(t, old, h, &set, err) != 0))
		return -1;
	set_rooms(request, views);
	decide(request, views, answer);
	if (answer->verdict == HOLD_REFUSED)
		return write_learned(t, &set, err);
	h->amount_nanos = answer->amount_nanos;
	if (hold_row_write(h, &row, err) != 0)
		return -1;
	/* The new windows are the first slots of the set. */
	for (size_t i = 0; i < h->scope_count; i++)
		add_held(&set.slots[i], h->amount_nanos);
	rc = put_hold(t, h, old == NULL, buf_str(&row), err);
	buf_fini(&row);
	return rc == 0 ? write_set(t, &set, err) : -1;
}

int
ledger_hold(struct store_txn *t, const struct hold_request *request,
    struct hold *h, struct hold_answer *answer, struct err *err)
{
	if (check_request(request, h, err) != 0)
		return -1;
	return take_hold(t, request, h, NULL, answer, err);
}

int
ledger_rehold(struct store_txn *t, const struct hold_request *request,
    struct hold *h, struct hold_answer *answer, struct err *err)
{
	struct hold old, fresh = *h;

	if (check_request(request, h, err) != 0 ||
	    read_hold(t, h->owner, h->number, &old, err) != 0 ||
	    take_hold(t, request, &fresh, &old, answer, err) != 0)
		return -1;
	/* Refused: the caller's hold says what is still in the store. */
	if (answer->verdict != HOLD_REFUSED)
		*h = fresh;
	return 0;
}

/* ---- what is known of it ------------------------------------------------ */

/* A copy of a hold's row to change; the caller frees it. NULL: failed. */
static char *
copy_row(struct store_txn *t, const struct key *k, size_t *n_r, struct err *err)
{
	struct hold h;
	struct str bytes;
	int rc = store_get(t, STORE_HOLDS, key_str(k), &bytes);

	if (rc < 0) {
		ledger_store_error(t, err);
		return NULL;
	}
	if (rc == 0) {
		err_set(err, ERR_NOT_HELD, "the hold is not there");
		return NULL;
	}
	if (hold_row_read(bytes, &h, NULL) != 0) {
		ledger_damaged("holds", key_str(k), bytes, err);
		return NULL;
	}
	*n_r = bytes.n;
	return str_dup(bytes);
}

/* Puts a changed copy back and frees it. */
static int
put_copy(struct store_txn *t, const struct key *k, char *bytes, size_t n,
    struct err *err)
{
	int rc = store_put(t, STORE_HOLDS, key_str(k), str_make(bytes, n));

	free(bytes);
	return rc == 0 ? 0 : ledger_store_error(t, err);
}

int
ledger_mark(struct store_txn *t, uint64_t owner, uint64_t number,
    enum hold_state state, struct err *err)
{
	struct key k;
	char *bytes;
	size_t n;

	hold_key(&k, owner, number);
	bytes = copy_row(t, &k, &n, err);
	if (bytes == NULL)
		return -1;
	hold_row_set_state(bytes, state);
	return put_copy(t, &k, bytes, n, err);
}

int
ledger_progress(struct store_txn *t, uint64_t owner, uint64_t number,
    int64_t output_tokens, int64_t output_nanos, struct err *err)
{
	struct key k;
	char *bytes;
	size_t n;

	if (output_tokens < 0 || output_nanos < 0)
		return err_set(err, ERR_INTERNAL, "hold: output below 0");
	hold_key(&k, owner, number);
	bytes = copy_row(t, &k, &n, err);
	if (bytes == NULL)
		return -1;
	hold_row_set_state(bytes, HOLD_ANSWERING);
	hold_row_set_output(bytes, output_tokens, output_nanos);
	return put_copy(t, &k, bytes, n, err);
}

/* ---- settle ------------------------------------------------------------- */

static int
check_settlement(const struct settlement *s, struct err *err)
{
	int64_t sum = 0;

	for (size_t i = 0; i < s->charge_count; i++)
		sum = money_add(sum, s->charges[i].amounts.cost_nanos);
	if (s->cost_nanos < 0 || sum != s->cost_nanos ||
	    s->second_cost_nanos < 0 || s->second_cost_nanos > sum ||
	    (s->second_cost_nanos > 0 && s->second_number == 0))
		return err_set(err, ERR_INTERNAL,
		    "settlement of hold %llu: cost %lld, its charges %lld",
		    (unsigned long long)s->number, (long long)s->cost_nanos,
		    (long long)sum);
	if (s->record.n < 2 || s->record.n > LEDGER_RECORD_BYTES ||
	    s->record.p[0] != '{' || s->record.p[s->record.n - 1] != '}')
		return err_set(err, ERR_INTERNAL,
		    "settlement of hold %llu: its record is no JSON object "
		    "of at most %d bytes",
		    (unsigned long long)s->number, LEDGER_RECORD_BYTES);
	return 0;
}

/* Of the cost: what does not count as spent yet. */
static int64_t
unbooked(const struct hold *h, int64_t cost_nanos)
{
	return cost_nanos > h->booked_nanos ? cost_nanos - h->booked_nanos : 0;
}

static int
remove_hold(struct store_txn *t, uint64_t owner, uint64_t number,
    struct err *err)
{
	struct key k;

	if (number == 0)
		return 0;
	hold_key(&k, owner, number);
	return store_del(t, STORE_HOLDS, key_str(&k)) == 0
		   ? 0
		   : ledger_store_error(t, err);
}

/* One of a settlement's holds, in the set; nothing for number 0. */
static int
settle_hold(struct store_txn *t, struct settlement *s, uint64_t number,
    int64_t cost_nanos, struct hold *h, struct spend_set *set, struct err *err)
{
	bool even;

	h->scope_count = 0;
	if (number == 0)
		return 0;
	if (read_hold(t, s->owner, number, h, err) != 0 ||
	    leave_windows(t, h, unbooked(h, cost_nanos), set, &even, err) != 0)
		return -1;
	s->overrun_r |= unbooked(h, cost_nanos) > h->amount_nanos;
	s->uneven_r |= !even;
	return 0;
}

/* The record under the owner's next sequence. */
static int
put_record(struct store_txn *t, struct settlement *s, struct err *err)
{
	struct key k;

	if (owner_next_seq(t, s->outbox_owner, &s->seq_r) != 0)
		return ledger_store_error(t, err);
	key_init(&k);
	key_u64(&k, s->outbox_owner->id);
	key_u64(&k, s->seq_r);
	if (store_put(t, STORE_OUTBOX, key_str(&k), s->record) != 0)
		return ledger_store_error(t, err);
	return 0;
}

/* The windows of the first hold are the first of the set. */
static void
tell_rows(const struct hold *first, const struct spend_set *set,
    struct spend_row *rows)
{
	for (size_t i = 0; rows != NULL && i < first->scope_count; i++) {
		rows[i] = set->slots[i].row;
		rows[i].window_start = first->scopes[i].window_start;
		rows[i].window_end = first->scopes[i].window_end;
	}
}

int
ledger_settle(struct store_txn *t, struct settlement *s, struct err *err)
{
	struct hold first, second;
	struct spend_set set;

	if (check_settlement(s, err) != 0)
		return -1;
	set.count = 0;
	s->overrun_r = s->uneven_r = false;
	if (settle_hold(t, s, s->number, s->cost_nanos - s->second_cost_nanos,
		&first, &set, err) != 0 ||
	    settle_hold(t, s, s->second_number, s->second_cost_nanos, &second,
		&set, err) != 0)
		return -1;
	/* From here on the transaction writes. */
	if (put_record(t, s, err) != 0)
		return -1;
	for (size_t i = 0; i < s->charge_count; i++) {
		if (rollup_add(t, &s->charges[i].names, &s->charges[i].amounts,
			s->now_nsecs) != 0)
			return ledger_store_error(t, err);
	}
	if (write_set(t, &set, err) != 0 ||
	    remove_hold(t, s->owner, s->number, err) != 0 ||
	    remove_hold(t, s->owner, s->second_number, err) != 0)
		return -1;
	tell_rows(&first, &set, s->rows_r);
	return 0;
}

int
ledger_release(struct store_txn *t, uint64_t owner, uint64_t number,
    struct err *err)
{
	struct spend_set set;
	struct hold h;
	bool even;

	set.count = 0;
	if (read_hold(t, owner, number, &h, err) != 0 ||
	    leave_windows(t, &h, 0, &set, &even, err) != 0 ||
	    write_set(t, &set, err) != 0)
		return -1;
	return remove_hold(t, owner, number, err);
}

/* ---- spend rows one by one ---------------------------------------------- */

int
ledger_spend(struct store_txn *t, const struct hold_scope *scope,
    struct spend_row *row_r, struct err *err)
{
	struct key k;

	spend_key(&k, scope);
	if (read_spend(t, &k, row_r, err) != 0)
		return -1;
	row_r->window_start = scope->window_start;
	row_r->window_end = scope->window_end;
	return 0;
}

int
ledger_cap_spend(struct store_txn *t, const struct cap *cap, int64_t now_nsecs,
    struct spend_row *row_r, struct err *err)
{
	struct hold_scope scope = { .kind = (uint8_t)cap->kind,
		.id = str_of(cap->id) };

	window_at(&cap->rule, now_nsecs, &scope.window_start,
	    &scope.window_end);
	if (ledger_spend(t, &scope, row_r, err) != 0)
		return -1;
	return ledger_find_before(t, cap, &scope, now_nsecs, row_r) < 0
		   ? ledger_store_error(t, err)
		   : 0;
}

int
ledger_book(struct store_txn *t, const struct hold_scope *scope,
    int64_t cost_nanos, struct err *err)
{
	struct spend_row row;
	struct key k;

	if (cost_nanos == 0)
		return 0;
	spend_key(&k, scope);
	if (read_spend(t, &k, &row, err) != 0)
		return -1;
	row.spent_nanos = money_add(row.spent_nanos, cost_nanos);
	return write_spend(t, &k, &row) == 0 ? 0 : ledger_store_error(t, err);
}

int
ledger_alerted(struct store_txn *t, const struct hold_scope *scope,
    uint8_t bits, struct err *err)
{
	struct spend_row row;
	struct key k;

	spend_key(&k, scope);
	if (read_spend(t, &k, &row, err) != 0)
		return -1;
	if ((row.alerts & bits) == bits)
		return 0;
	row.alerts |= bits;
	return write_spend(t, &k, &row) == 0 ? 1 : ledger_store_error(t, err);
}
