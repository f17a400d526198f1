/*
 * The router: request + catalog + shared state → an ordered list of
 * candidates, each with its reason, and each refused one with its reason. A
 * pure function: time, randomness and state are handed in. `tallyctl explain`
 * prints the same structure. docs/router.md says all of it in words.
 *
 *   route()            the asked group, then its fallback groups
 *   route_fallbacks()  after a failure that has a list of its own
 *
 * A plan and what it points to live in the arena and the catalog.
 */
#ifndef DOMAIN_ROUTER_H
#define DOMAIN_ROUTER_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/jsonw.h"
#include "domain/routing/breaker.h"
#include "domain/routing/catalog.h"

#define ROUTE_REASON_BYTES 120
/* The asked group and what it falls back to, whatever max_fallbacks says. */
#define ROUTE_MAX_GROUPS 32

struct route_request {
	struct str model;     /* the client's name for it */
	int64_t prompt_bound; /* tokens at most; 0 unknown */
	int64_t prompt_guess; /* a fair guess; 0: the bound. The context filter
				 uses it: the bound is several times as long */
	int64_t max_output;   /* CONFIG_UNSET: not asked */
	enum service_tier tier; /* asked for */
	bool stream;
	/* Only providers that keep responses can answer; of them only the
	   deployment of this tag (domain/routing/state_tag.h; "" any). */
	bool needs_state;
	struct str state_tag;
	size_t tag_count;
	const struct str *tags;
	bool disable_fallbacks;
	/* The client's own lists of fallback groups; instead of the configured
	   ones for the group it asked for. */
	struct route_names {
		size_t count;
		const struct str *items;
	} fallbacks[FALLBACK_KIND_COUNT];
};

/* What the router may ask of the outside; all are optional (NULL). */
struct route_state {
	void *arg;
	/* Health of a deployment; false: none known. */
	bool (*health)(void *arg, const struct deployment *d,
	    struct health_row *row_r);
	/* What counts at a deployment over all workers (deployment->limits
	   says what is counted); false: nothing. */
	bool (*use)(void *arg, const struct deployment *d,
	    struct limit_use *use_r);
	/* false: no budget room there, with the reason. */
	bool (*has_room)(void *arg, const struct deployment *d,
	    char reason[ROUTE_REASON_BYTES]);
	/* Uniform in [0, 1). Never NULL. */
	double (*random)(void *arg);
	int64_t now_nsecs; /* wall */
};

struct candidate {
	const struct deployment *deployment;
	const struct group *group;
	const char *model;          /* the public name it is tried under: the
				       asked one, or a fallback's */
	const char *upstream_model; /* what the provider is asked for: not the
				       deployment's for wildcards */
	const struct price *price;  /* of that model; never NULL */
	int64_t max_input_tokens;   /* CONFIG_UNSET */
	int64_t max_output_tokens;  /* CONFIG_UNSET */
	uint32_t group_index;       /* 0: asked group, 1..: fallback groups */
	/* Its breaker wants one probe: breaker_enter() decides who gets it. */
	bool probe;
	char reason[ROUTE_REASON_BYTES];
};

/* Why a deployment is not in the list; X(NAME, "word"). In the order of the
   filters: the first that says no names the reason. */
/* clang-format off */
#define ROUTE_REFUSALS(X) \
X(NONE,    "none")    \
X(BREAKER, "breaker") \
X(BUDGET,  "budget")  \
X(LIMIT,   "limit")   \
X(CONTEXT, "context") \
X(TAGS,    "tags")    \
X(STATE,   "state")
/* clang-format on */
#define ROUTE_REFUSAL_ENUM(NAME, word) REFUSED_##NAME,
enum route_refusal {
	ROUTE_REFUSALS(ROUTE_REFUSAL_ENUM) REFUSED_COUNT
};
#undef ROUTE_REFUSAL_ENUM
const char *route_refusal_name(enum route_refusal why);

struct refused {
	const struct deployment *deployment;
	const struct group *group;
	uint32_t group_index;
	enum route_refusal why;
	int64_t retry_nsecs; /* when it may be tried again, from now; 0 n/a */
	char reason[ROUTE_REASON_BYTES];
};

/* A group of the plan, tried in this order. */
struct plan_group {
	const struct group *group;
	const char *model; /* the client's name, or the fallback's */
	struct str name;   /* what that stands for; see catalog_match() */
};

struct plan {
	const struct group *group; /* the asked one */
	const char *asked;         /* NUL-terminated copy of the name */
	size_t count;
	struct candidate *candidates; /* in the order they are tried */
	size_t refused_count;
	struct refused *refused;
	size_t group_count; /* [0]: the asked group */
	struct plan_group *groups;
	size_t fallback_count; /* groups behind the first */
	/* Nothing left (count 0): what stands behind that in the asked group,
	   and the least wait; 0 unknown. */
	enum route_refusal why;
	int64_t retry_nsecs;
	/* Made by route_fallbacks(): the plan that failed, and how many of its
	   groups had been tried; else NULL. */
	const struct plan *before;
	size_t before_groups;
};

/*
 * Makes the plan in `arena`. The asked group's members in the strategy's
 * order, then those of its fallback groups (fallbacks[group], "*"), depth
 * first, each group once, at most max_fallbacks groups. When all members are
 * too small for the prompt, context_window_fallbacks come first. A name that
 * is not known goes to the first default fallback, if there is one. count 0 =
 * nothing can be tried now: see plan_error().
 * -1 ERR_MODEL_UNKNOWN with the name and the nearest known ones.
 */
int route(const struct catalog *c, const struct route_request *request,
    const struct route_state *state, struct arena *arena, struct plan *plan_r,
    struct err *err) MUST_CHECK;

/* A failure that asks for another list. */
struct route_failure {
	enum fallback_kind kind;
	const struct plan *plan; /* must live as long as the new plan */
	size_t candidate;        /* the one of the plan that failed */
};
/*
 * The groups that list names for the failed candidate's group, and what those
 * fall back to. Groups that were tried before, in the failed plan or in those
 * it came from, are left out, and all together are at most max_fallbacks.
 * Group indexes begin at 1. Where the configuration has no list of this kind
 * at all, the ordinary one is used; where it has one without this group, the
 * plan is empty: the failure is the answer.
 */
void route_fallbacks(const struct catalog *c,
    const struct route_request *request, const struct route_state *state,
    const struct route_failure *failure, struct arena *arena,
    struct plan *plan_r);

/* An empty plan as the client's error: BUDGET, CONTEXT_LENGTH, FORBIDDEN
   (tags) or NO_DEPLOYMENT with the seconds to wait. Returns -1. */
int plan_error(const struct plan *p, struct err *err);
/* A table for people, and one JSON object. */
void plan_format(const struct plan *p, struct buf *out);
void plan_to_json(const struct plan *p, struct buf *out);
/* Its members only, for an object that says more. */
void plan_write(const struct plan *p, struct jsonw *w);

/*
 * What a request costs at this price if all goes as one would expect: the guess
 * of its prompt, and the output it asks for (1024 tokens when it does not say;
 * no more than the model gives). 0 for an unknown price.
 */
int64_t route_expected_nanos(const struct route_request *request,
    const struct price *price, int64_t max_output_tokens);

/* The breaker's rule for a deployment under this configuration. */
void route_breaker_rule(const struct catalog *c, const struct deployment *d,
    struct breaker_rule *rule_r);

#endif
