/* Which deployment is asked when. See probes.h. */
#include "keeper/probes.h"

#include "base/clock.h"
#include "base/log.h"
#include "exchange/probe.h"

/* Under way at a time. */
#define PROBES_MAX 16

/* One deployment's next question. */
struct turn {
	int64_t due_nsecs; /* mono */
	bool asking;
	bool down; /* as of the last answer: a change is logged */
};

struct probes {
	struct exchange_env env;
	struct catalog *catalog;
	struct budgets *budgets;
	struct turn *turns; /* by deployment->index */
	size_t under_way;
	bool stopped;
};

static int64_t
interval_nsecs(const struct probes *p)
{
	return p->env.config->probes.interval_msecs * NSECS_PER_MSEC;
}

static void
on_end(void *arg, const struct deployment *d, enum probe_result result,
    const char *text)
{
	struct probes *p = arg;
	struct turn *turn = &p->turns[d->index];

	p->under_way--;
	turn->asking = false;
	if (result == PROBE_NOT_ASKED) {
		log_debug("probe of %s: %s", d->id, text);
		return;
	}
	if (result == PROBE_DOWN && !turn->down)
		log_warn("probe: deployment %s (%s) is down: %s", d->id,
		    d->config->litellm_model, text);
	else if (result == PROBE_ALIVE && turn->down)
		log_info("probe: deployment %s (%s) answers again", d->id,
		    d->config->litellm_model);
	turn->down = result == PROBE_DOWN;
}

static void
ask(struct probes *p, const struct deployment *d)
{
	const struct config_probes *c = &p->env.config->probes;
	int64_t own = d->config->probe_timeout_msecs;
	struct probe_options options = {
		.method = c->completion ? PROBE_COMPLETION : PROBE_MODELS,
		.timeout_msecs = own != CONFIG_UNSET ? own : c->timeout_msecs,
		.on_end = on_end,
		.arg = p,
	};

	p->under_way++;
	p->turns[d->index].asking = true;
	probe_start(&p->env, d, &options);
}

void
probes_tick(struct probes *p)
{
	int64_t now = clock_mono_nsecs();

	for (size_t i = 0; i < p->catalog->deployment_count; i++) {
		struct turn *turn = &p->turns[i];

		if (p->stopped || p->under_way >= PROBES_MAX)
			return;
		if (turn->asking || now < turn->due_nsecs)
			continue;
		turn->due_nsecs = now + interval_nsecs(p);
		ask(p, &p->catalog->deployments[i]);
	}
}

/* The first round is spread over one interval, so all later ones are. */
static void
spread(struct probes *p)
{
	size_t n = p->catalog->deployment_count;
	int64_t now = clock_mono_nsecs();

	p->turns = xcalloc(n, sizeof(*p->turns));
	for (size_t i = 0; i < n; i++)
		p->turns[i].due_nsecs =
		    now + interval_nsecs(p) / (int64_t)n * (int64_t)i;
}

static int
open_all(struct probes *p, const struct probes_options *o, struct err *err)
{
	struct upstream_options up = {
		.connect_timeout_msecs =
		    o->config->limits.connect_timeout_msecs,
		.verify_tls = true,
	};

	if (catalog_open(o->config, &p->catalog, err) != 0 ||
	    budgets_build(o->config, &p->budgets, err) != 0 ||
	    upstream_new(o->base, &up, &p->env.upstream, err) != 0)
		return -1;
	p->env.prices = price_book_new(o->store);
	if (price_book_add_catalog(p->env.prices, p->catalog, err) != 0)
		return -1;
	p->env.base = o->base;
	p->env.config = o->config;
	p->env.catalog = p->catalog;
	p->env.budgets = p->budgets;
	p->env.store = o->store;
	p->env.batch = o->batch;
	p->env.owner = o->owner;
	p->env.on_settled = o->on_settled;
	p->env.arg = o->arg;
	exchange_env_init(&p->env);
	return 0;
}

int
probes_new(const struct probes_options *options, struct probes **p_r,
    struct err *err)
{
	struct probes *p = xcalloc(1, sizeof(*p));

	if (open_all(p, options, err) != 0)
		return -1; /* the keeper ends */
	spread(p);
	*p_r = p;
	return 0;
}

void
probes_free(struct probes **pp)
{
	struct probes *p = *pp;

	if (p == NULL)
		return;
	*pp = NULL;
	if (p->under_way > 0)
		return; /* the process ends; they are settled as its orphans */
	exchange_env_fini(&p->env);
	upstream_free(&p->env.upstream);
	price_book_free(&p->env.prices);
	budgets_free(&p->budgets);
	catalog_free(&p->catalog);
	free(p->turns);
	free(p);
}

void
probes_stop(struct probes *p)
{
	p->stopped = true;
}

size_t
probes_under_way(const struct probes *p)
{
	return p->under_way;
}
