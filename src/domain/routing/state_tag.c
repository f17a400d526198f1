/* A deployment's name in ids. See state_tag.h. */
#include "domain/routing/state_tag.h"

#include "base/hash.h"

void
state_tag(const char *deployment_id, char tag_r[STATE_TAG_CHARS + 1])
{
	unsigned char digest[SHA256_BYTES];

	hash_sha256(str_of(deployment_id), digest);
	hash_hex(digest, STATE_TAG_CHARS / 2, tag_r);
}
