/* Room under caps. See budget_room.h. */
#include "domain/ledger/budget_room.h"

/* What is spent and held in the window that the cap is in now. */
static int
read_room(struct store_txn *t, const struct cap *cap, int64_t now_nsecs,
    struct budget_room *room_r, struct err *err)
{
	struct spend_row row;

	if (ledger_cap_spend(t, cap, now_nsecs, &row, err) != 0)
		return -1;
	room_r->cap = *cap;
	room_r->spent_nanos = ledger_counted_nanos(&row);
	room_r->held_nanos = row.held_nanos;
	room_r->room_nanos = ledger_room_nanos(cap, &row);
	room_r->window_start = row.window_start;
	room_r->window_end = row.window_end;
	return 0;
}

int
budget_room_list(struct store_txn *t, const struct budgets *b,
    const struct budget_subject *who, int64_t now_nsecs, struct arena *arena,
    struct budget_room rooms_r[LEDGER_MAX_CAPS], struct err *err)
{
	struct cap caps[LEDGER_MAX_CAPS];
	int n = budgets_apply(b, who, arena, caps, err);

	for (int i = 0; i < n; i++) {
		if (read_room(t, &caps[i], now_nsecs, &rooms_r[i], err) != 0)
			return -1;
	}
	return n;
}

const struct budget_room *
budget_room_least(const struct budget_room *rooms, size_t count)
{
	const struct budget_room *least = NULL;

	for (size_t i = 0; i < count; i++) {
		if (least == NULL || rooms[i].room_nanos < least->room_nanos)
			least = &rooms[i];
	}
	return least;
}
