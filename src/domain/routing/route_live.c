/* The shared state for the router. See route_live.h. */
#include "domain/routing/route_live.h"

#include "base/hash.h"

static bool
read_health(void *arg, const struct deployment *d, struct health_row *row_r)
{
	const struct route_live *live = arg;

	return live->txn != NULL && health_get(live->txn, d->id, row_r) == 1;
}

static bool
read_use(void *arg, const struct deployment *d, struct limit_use *use_r)
{
	const struct route_live *live = arg;
	struct limit_demand demand = deployment_demand(d);

	if (live->txn == NULL || limiter_read(live->txn, &demand.scope,
				     live->state.now_nsecs, use_r) != 1)
		memset(use_r, 0, sizeof(*use_r));
	if (live->asking != NULL)
		use_r->calls += live->asking[d->index];
	return true;
}

static double
random_number(void *arg)
{
	(void)arg;
	return random_unit();
}

void
route_live_open(struct route_live *live, struct store *s, int64_t now_nsecs)
{
	*live = (struct route_live){
		.state = {
			.arg = live,
			.health = read_health,
			.use = read_use,
			.random = random_number,
			.now_nsecs = now_nsecs,
		},
	};
	if (s == NULL || store_read(s, STORE_LIVE, &live->txn, NULL) != 0)
		live->txn = NULL;
}

void
route_live_close(struct route_live *live)
{
	if (live->txn != NULL)
		store_abort(&live->txn);
}
