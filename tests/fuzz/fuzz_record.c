/*
 * Packets of the trace channel as a peer may send them. What must hold: no
 * read past the packet, frames that lie in it one behind the other, and what
 * is taken is what record_add() writes, byte for byte.
 */
#include "fuzz.h"

#include "ipc/record.h"

/* The frame as we would have sent it. */
static void
check_frame(const struct record_head *head, struct str payload,
    struct str frame)
{
	struct buf again;

	FUZZ_CHECK(payload.n == head->length);
	FUZZ_CHECK(head->owner != 0);
	buf_init(&again, RECORD_PACKET_BYTES);
	FUZZ_CHECK(record_add(&again, (enum record_type)head->type, head->owner,
		       head->seq, payload) == 0);
	FUZZ_CHECK(str_eq(buf_str(&again), frame));
	buf_fini(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct str whole = fuzz_text(data, n);
	struct str packet = whole, before = packet, payload;
	struct record_head head;
	struct err err = { 0 };
	int rc;

	while ((rc = record_next(&packet, &head, &payload, &err)) == 1) {
		size_t used = before.n - packet.n;

		FUZZ_CHECK(used == sizeof(head) + payload.n);
		FUZZ_CHECK(packet.p == before.p + used);
		FUZZ_CHECK(payload.p == before.p + sizeof(head));
		check_frame(&head, payload, str_make(before.p, used));
		before = packet;
	}
	FUZZ_CHECK(rc == 0 ? packet.n == 0 : err.code == ERR_BAD_REQUEST);
	FUZZ_CHECK(packet.p == before.p && packet.n == before.n);
	free((char *)(uintptr_t)whole.p);
	return 0;
}
