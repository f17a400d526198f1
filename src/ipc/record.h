/*
 * The trace channel: frames between those who settle requests (workers, the
 * keeper) and the logger, over a UNIX SOCK_SEQPACKET socket, run/trace.sock.
 * The supervisor makes and keeps the listening socket, so a logger that dies
 * loses no connection attempt; records wait in the store's outbox until they
 * are acknowledged, so nothing is lost with the socket either.
 *
 * A packet is one or more frames back to back, at most RECORD_PACKET_BYTES.
 * Frame: struct record_head (little-endian, as all our hosts), then
 * head.length bytes of payload.
 *   RECORD_HELLO   client → logger, first: payload none; owner set.
 *                  logger → client, answer: seq = highest sequence of this
 *                  owner on file (0: none). The client sends from seq + 1.
 *   RECORD_LINE    client → logger: payload = one JSON object without its
 *                  closing brace's chain members (record_line.h); owner, seq
 *   RECORD_ACK     logger → client: all of owner's up to seq are on file
 *
 * Order: per owner, sequences rise by one without a gap. The logger drops
 * what it has (seq <= highest), and closes the connection of a peer that
 * leaves a gap or sends garbage; the peer reconnects and says HELLO again.
 * Only the first line after a HELLO may leave a gap: what is missing there is
 * with neither side, so the logger says so in its log and goes on.
 */
#ifndef IPC_RECORD_H
#define IPC_RECORD_H

#include "base/buf.h"
#include "base/err.h"

#include <stdint.h>

#define RECORD_MAGIC        UINT32_C(0x31475454) /* "TTG1" */
#define RECORD_PACKET_BYTES (60 * 1024)
#define RECORD_LINE_BYTES   (32 * 1024)      /* largest payload of one line */
#define RECORD_SOCKET       "run/trace.sock" /* below the state directory */

enum record_type {
	RECORD_HELLO = 1,
	RECORD_LINE = 2,
	RECORD_ACK = 3,
};

struct record_head {
	uint32_t magic;
	uint16_t type;
	uint16_t flags; /* 0 */
	uint32_t length;
	uint32_t reserved;
	uint64_t owner;
	uint64_t seq;
};

/*
 * Appends one frame to a packet, whole or not at all. -1 when the packet would
 * pass RECORD_PACKET_BYTES (or its own max): send it and start the next. Also
 * -1, always, for what record_next() refuses: a line that is empty, longer
 * than RECORD_LINE_BYTES or without owner and sequence.
 */
int record_add(struct buf *packet, enum record_type type, uint64_t owner,
    uint64_t seq, struct str payload) MUST_CHECK;
/*
 * Takes the first frame off *packet: 1 got one (payload borrowed from the
 * packet), 0 at its end, -1 garbage (ERR_BAD_REQUEST with what and where).
 */
int record_next(struct str *packet, struct record_head *head_r,
    struct str *payload_r, struct err *err) MUST_CHECK;

/* True for what can be a line: one JSON object by its looks, not too long. */
bool record_is_line(struct str payload);

/* Listening socket at `path` (mode 0600, an old one is replaced), or -1. */
int record_listen(const char *path, struct err *err) MUST_CHECK;
/* Non-blocking connected socket, or -1. */
int record_connect(const char *path, struct err *err) MUST_CHECK;

#endif
