/*
 * The rows of HEALTH: reading, writing, fresh ones. See breaker.h for what is
 * in them. A row of another length or version is not an error: health is
 * learned again in a few calls, so it is taken as absent.
 */
#include "domain/routing/breaker.h"

#include "store/key.h"

#define HEALTH_VERSION 1

/* Rows are stored as they are: no padding, and another layout is another
   length (or another HEALTH_VERSION). */
_Static_assert(sizeof(struct health_row) == 312, "health_row changed");

void
health_row_init(struct health_row *row)
{
	memset(row, 0, sizeof(*row));
	row->version = HEALTH_VERSION;
}

static bool
row_is_sound(const struct health_row *row)
{
	return row->version == HEALTH_VERSION &&
	       row->state <= BREAKER_HALF_OPEN && row->cause <= CAUSE_HAND &&
	       row->last_event < HEALTH_EVENT_COUNT &&
	       memchr(row->last_error, '\0', sizeof(row->last_error)) != NULL;
}

bool
health_row_read(struct str value, struct health_row *row)
{
	if (value.n == sizeof(*row)) {
		memcpy(row, value.p, sizeof(*row));
		if (row_is_sound(row))
			return true;
	}
	health_row_init(row);
	return false;
}

static struct str
row_key(struct key *k, const char *deployment_id)
{
	key_init(k);
	key_text_last(k, str_of(deployment_id));
	return key_str(k);
}

int
health_get(struct store_txn *t, const char *deployment_id,
    struct health_row *row)
{
	struct str value;
	struct key k;
	int found =
	    store_get(t, STORE_HEALTH, row_key(&k, deployment_id), &value);

	if (found < 0)
		return -1;
	return health_row_read(found ? value : str_make("", 0), row);
}

int
health_put(struct store_txn *t, const char *deployment_id,
    const struct health_row *row)
{
	struct key k;

	return store_put(t, STORE_HEALTH, row_key(&k, deployment_id),
	    str_make((const char *)row, sizeof(*row)));
}
