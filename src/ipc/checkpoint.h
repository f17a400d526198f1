/*
 * A checkpoint: what the logger leaves for an audit when the first files of
 * the trace chain go. Beside the trace file PATH:
 *
 *   PATH.checkpoint  {"hash": of the last line that left, "until": RFC 3339,
 *                    "key": public key, "signature": Ed25519 over
 *                    "tallygate checkpoint\nHASH\nUNTIL\n"}
 *   PATH.key         the private key, 0600; made by the logger
 *   PATH.pub         its public half, one line: keep a copy elsewhere
 *
 * Every line that left was settled before `until`. A checkpoint counts for the
 * files whose first line names its hash as prev, and only with a signature
 * that PATH.pub (or the copy that an auditor brings) bears out.
 */
#ifndef IPC_CHECKPOINT_H
#define IPC_CHECKPOINT_H

#include "base/buf.h"
#include "base/hash.h"
#include "base/sign.h"

enum checkpoint_trust {
	CHECKPOINT_ABSENT,   /* none, or of other files than these */
	CHECKPOINT_UNSIGNED, /* it is not signed, or nobody knows the key */
	CHECKPOINT_FORGED,   /* its signature is not the key's */
	CHECKPOINT_SIGNED,
};
const char *checkpoint_trust_text(enum checkpoint_trust trust);

struct checkpoint {
	enum checkpoint_trust trust;
	int64_t until_nsecs; /* wall; not with ABSENT */
	char key[SIGN_KEY_HEX_BYTES];
};

/* Makes the key pair of this trace file when there is none. */
int checkpoint_prepare(const char *path, struct err *err) MUST_CHECK;
/* Signs and writes it. */
int checkpoint_save(const char *path, const char *hash, int64_t until_nsecs,
    struct err *err) MUST_CHECK;
/*
 * The one that counts for files that begin behind `hash`. public_path: a file
 * with the public key; NULL: PATH.pub.
 */
void checkpoint_load(const char *path, const char *hash,
    const char *public_path, struct checkpoint *c_r);

#endif
