/* What the fuzz targets of relays share: an answer, whole or in pieces, and
   what came of it. */
#ifndef TESTS_FUZZ_FUZZ_RELAY_H
#define TESTS_FUZZ_FUZZ_RELAY_H

#include "fuzz.h"

#include "wire/dialect.h"

struct fuzz_run {
	struct buf out; /* for the client; the caller frees it */
	struct relay_facts facts;
	int result;
	enum err_code code;
};

/*
 * Through a relay in pieces of so many bytes (0: of sizes that the input
 * decides), each in memory of exactly its size. tells: what went wrong is said
 * to the client too, as the exchange does behind the first bytes.
 */
static inline void
fuzz_relay(const struct relay_ops *ops, const struct relay_options *options,
    struct str text, size_t piece, bool tells, struct fuzz_run *run)
{
	uint32_t seed = (uint32_t)text.n;
	struct err err = { .code = ERR_NONE };
	struct relay relay;

	buf_init(&run->out, 64 << 20);
	run->result = 0;
	FUZZ_CHECK(relay_open(&relay, ops, options, &err) == 0);
	while (text.n > 0 && run->result == 0) {
		size_t n = piece > 0 ? piece : 1 + fuzz_next(&seed) % 50;
		struct str part;

		n = n < text.n ? n : text.n;
		part = fuzz_text((const uint8_t *)text.p, n);
		run->result = ops->feed(&relay, part, &run->out, &err);
		free((void *)(uintptr_t)part.p);
		text.p += n;
		text.n -= n;
	}
	if (run->result == 0)
		run->result = ops->finish(&relay, &run->out, &err);
	if (run->result != 0 && tells)
		ops->fail(&relay, err.code, err.text, &run->out);
	if (run->out.len > 0)
		fuzz_mask(run->out.data, run->out.len);
	run->facts = relay.facts;
	run->code = err.code;
	relay_close(&relay);
}

/* An answer that failed has a reason among the facts. */
static inline void
fuzz_check_reason(const struct fuzz_run *run)
{
	FUZZ_CHECK(run->result == 0 || run->facts.malformed ||
		   run->facts.error_event || run->code == ERR_UPSTREAM_CUT);
}

#endif
