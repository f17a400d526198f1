/*
 * Rows of LIMITS. See limit_row.h. Owns nothing; a row is read, changed and
 * written by value.
 */
#include "domain/routing/limit_row.h"

#include "base/clock.h"

#define ROW_VERSION 1
#define HEAD_BYTES  offsetof(struct limit_row, slots)
/* A second this far ahead was taken before the clock was set back. */
#define AHEAD_NSECS LIMITER_WINDOW_NSECS

/* Rows are stored as they are: no padding. */
_Static_assert(HEAD_BYTES == 8 && sizeof(struct limit_slot) == 16 &&
		   sizeof(struct limit_tick) == 24,
    "limit_row changed");

/* ---- keys --------------------------------------------------------------- */

void
limit_row_key(const struct limit_scope *scope, struct key *k)
{
	key_init(k);
	key_u8(k, (uint8_t)scope->kind);
	key_u8(k, (uint8_t)scope->with);
	key_text(k, scope->id);
	key_text_last(k, scope->with_id);
}

int
limit_row_scope(struct str key, struct limit_scope *scope)
{
	uint8_t kind, with;

	if (key_take_u8(&key, &kind) != 0 || key_take_u8(&key, &with) != 0 ||
	    key_take_text(&key, &scope->id) != 0 || kind >= SCOPE_COUNT ||
	    with >= SCOPE_COUNT)
		return -1;
	scope->kind = (enum scope_kind)kind;
	scope->with = (enum scope_kind)with;
	scope->with_id = key;
	return 0;
}

/* ---- reading and writing ------------------------------------------------ */

static int64_t
tick_nsecs(const struct limit_tick *tick)
{
	return (int64_t)tick->second * NSECS_PER_SEC + tick->last_nsec;
}

static bool
tick_counts(const struct limit_tick *tick, int64_t now_nsecs)
{
	int64_t age = now_nsecs - tick_nsecs(tick);

	return age < LIMITER_WINDOW_NSECS && age > -AHEAD_NSECS;
}

static void
fresh(struct limit_row *row)
{
	row->version = ROW_VERSION;
	row->slot_count = row->tick_count = 0;
}

bool
limit_row_read(struct str value, int64_t now_nsecs, struct limit_row *row)
{
	size_t slots_bytes, ticks_bytes, n;
	const char *p = value.p + HEAD_BYTES;

	if (value.n < HEAD_BYTES) {
		fresh(row);
		return false;
	}
	memcpy(row, value.p, HEAD_BYTES);
	slots_bytes = row->slot_count * sizeof(row->slots[0]);
	ticks_bytes = row->tick_count * sizeof(row->ticks[0]);
	if (row->version != ROW_VERSION || row->slot_count > LIMIT_MAX_SLOTS ||
	    row->tick_count > LIMIT_MAX_TICKS ||
	    value.n != HEAD_BYTES + slots_bytes + ticks_bytes) {
		fresh(row);
		return false;
	}
	memcpy(row->slots, p, slots_bytes);
	n = 0;
	for (size_t i = 0; i < row->tick_count; i++) {
		memcpy(&row->ticks[n],
		    p + slots_bytes + i * sizeof(row->ticks[0]),
		    sizeof(row->ticks[0]));
		n += tick_counts(&row->ticks[n], now_nsecs);
	}
	row->tick_count = (uint16_t)n;
	return true;
}

int
limit_row_get(struct store_txn *t, const struct limit_scope *scope,
    int64_t now_nsecs, struct limit_row *row)
{
	struct str value;
	struct key k;
	int found;

	limit_row_key(scope, &k);
	found = store_get(t, STORE_LIMITS, key_str(&k), &value);
	if (found < 0)
		return -1;
	return limit_row_read(found ? value : str_make("", 0), now_nsecs, row);
}

bool
limit_row_is_empty(const struct limit_row *row)
{
	return row->slot_count == 0 && row->tick_count == 0;
}

int
limit_row_put(struct store_txn *t, const struct limit_scope *scope,
    const struct limit_row *row)
{
	size_t slots_bytes = row->slot_count * sizeof(row->slots[0]);
	size_t ticks_bytes = row->tick_count * sizeof(row->ticks[0]);
	char bytes[sizeof(*row)];
	struct key k;

	limit_row_key(scope, &k);
	if (limit_row_is_empty(row))
		return store_del(t, STORE_LIMITS, key_str(&k));
	memcpy(bytes, row, HEAD_BYTES + slots_bytes);
	memcpy(bytes + HEAD_BYTES + slots_bytes, row->ticks, ticks_bytes);
	return store_put(t, STORE_LIMITS, key_str(&k),
	    str_make(bytes, HEAD_BYTES + slots_bytes + ticks_bytes));
}

/* ---- what counts -------------------------------------------------------- */

void
limit_row_use(const struct limit_row *row, int64_t now_nsecs,
    struct limit_use *use)
{
	memset(use, 0, sizeof(*use));
	for (size_t i = 0; i < row->slot_count; i++)
		use->calls += (int64_t)row->slots[i].calls;
	for (size_t i = 0; i < row->tick_count; i++) {
		const struct limit_tick *tick = &row->ticks[i];

		use->requests += tick->requests;
		use->tokens += tick->tokens;
		use->clear_nsecs =
		    tick_nsecs(tick) + LIMITER_WINDOW_NSECS - now_nsecs;
		if (i == 0)
			use->next_nsecs = use->clear_nsecs;
	}
}

int64_t
limit_row_wait(const struct limit_row *row, int64_t now_nsecs, int64_t requests,
    int64_t tokens)
{
	int64_t wait = 0;

	for (size_t i = 0; i < row->tick_count; i++) {
		const struct limit_tick *tick = &row->ticks[i];

		if (requests <= 0 && tokens <= 0)
			break;
		requests -= tick->requests;
		tokens -= tick->tokens;
		wait = tick_nsecs(tick) + LIMITER_WINDOW_NSECS - now_nsecs;
	}
	return wait;
}

/* ---- changes ------------------------------------------------------------ */

static void
merge_oldest(struct limit_row *row)
{
	row->ticks[1].requests += row->ticks[0].requests;
	row->ticks[1].tokens += row->ticks[0].tokens;
	row->tick_count--;
	memmove(&row->ticks[0], &row->ticks[1],
	    row->tick_count * sizeof(row->ticks[0]));
}

struct limit_tick *
limit_row_tick(struct limit_row *row, int64_t now_nsecs)
{
	uint32_t second = (uint32_t)(now_nsecs / NSECS_PER_SEC);
	uint32_t nsec = (uint32_t)(now_nsecs % NSECS_PER_SEC);
	struct limit_tick *tick;
	size_t i;

	if (row->tick_count == LIMIT_MAX_TICKS)
		merge_oldest(row);
	i = row->tick_count;
	while (i > 0 && row->ticks[i - 1].second > second)
		i--;
	if (i > 0 && row->ticks[i - 1].second == second) {
		tick = &row->ticks[i - 1];
		if (tick->last_nsec < nsec)
			tick->last_nsec = nsec;
		return tick;
	}
	tick = &row->ticks[i];
	memmove(tick + 1, tick, (row->tick_count - i) * sizeof(*tick));
	*tick = (struct limit_tick){ .second = second, .last_nsec = nsec };
	row->tick_count++;
	return tick;
}

void
limit_row_correct(struct limit_row *row, uint32_t second, int64_t requests,
    int64_t tokens)
{
	for (size_t i = 0; i < row->tick_count; i++) {
		struct limit_tick *tick = &row->ticks[i];

		if (tick->second != second)
			continue;
		tick->requests += requests;
		tick->tokens += tokens;
		if (tick->requests > 0 || tick->tokens > 0)
			return;
		row->tick_count--;
		memmove(tick, tick + 1, (row->tick_count - i) * sizeof(*tick));
		return;
	}
}

static struct limit_slot *
find_slot(struct limit_row *row, uint64_t owner)
{
	for (size_t i = 0; i < row->slot_count; i++) {
		if (row->slots[i].owner == owner)
			return &row->slots[i];
	}
	return NULL;
}

int
limit_row_enter(struct limit_row *row, uint64_t owner)
{
	struct limit_slot *slot = find_slot(row, owner);

	if (slot == NULL) {
		if (row->slot_count == LIMIT_MAX_SLOTS)
			return -1;
		slot = &row->slots[row->slot_count++];
		*slot = (struct limit_slot){ .owner = owner };
	}
	slot->calls++;
	return 0;
}

static void
remove_slot(struct limit_row *row, struct limit_slot *slot)
{
	*slot = row->slots[--row->slot_count];
}

void
limit_row_leave(struct limit_row *row, uint64_t owner)
{
	struct limit_slot *slot = find_slot(row, owner);

	if (slot != NULL && --slot->calls == 0)
		remove_slot(row, slot);
}

int64_t
limit_row_drop(struct limit_row *row, uint64_t owner)
{
	struct limit_slot *slot = find_slot(row, owner);
	int64_t calls;

	if (slot == NULL)
		return 0;
	calls = (int64_t)slot->calls;
	remove_slot(row, slot);
	return calls;
}
