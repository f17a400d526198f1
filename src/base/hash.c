/* SHA-256, table hash, random bytes. See hash.h. */
#include "base/hash.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/random.h>

/* Kept: making one, and looking the other up by name (which EVP_sha256() does
   at every use), cost more than a short hash. */
static _Thread_local EVP_MD_CTX *ctx;
static _Thread_local EVP_MD *sha256;

void
hash_sha256(struct str data, unsigned char out[SHA256_BYTES])
{
	if (ctx == NULL) {
		ctx = EVP_MD_CTX_new();
		sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	}
	if (ctx == NULL || sha256 == NULL ||
	    EVP_DigestInit_ex(ctx, sha256, NULL) != 1 ||
	    EVP_DigestUpdate(ctx, data.p, data.n) != 1 ||
	    EVP_DigestFinal_ex(ctx, out, NULL) != 1) {
		fprintf(stderr, "fatal: SHA-256 is not available\n");
		abort();
	}
}

void
hash_leave_thread(void)
{
	EVP_MD_CTX_free(ctx);
	EVP_MD_free(sha256);
	ctx = NULL;
	sha256 = NULL;
}

void
hash_hex(const unsigned char *bytes, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[2 * n] = '\0';
}

void
hash_sha256_hex(struct str data, char out[SHA256_HEX_BYTES])
{
	unsigned char digest[SHA256_BYTES];

	hash_sha256(data, digest);
	hash_hex(digest, sizeof(digest), out);
}

void
random_bytes(void *out, size_t n)
{
	char *p = out;

	while (n > 0) {
		ssize_t got = getrandom(p, n, 0);

		if (got < 0)
			continue; /* EINTR: the only failure it knows */
		p += got;
		n -= (size_t)got;
	}
}

uint64_t
random_u64(void)
{
	static uint64_t state;
	uint64_t z;

	if (state == 0)
		random_bytes(&state, sizeof(state));
	/* splitmix64 (public domain, S. Vigna) */
	z = (state += UINT64_C(0x9e3779b97f4a7c15));
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

double
random_unit(void)
{
	return (double)(random_u64() >> 11) * 0x1.0p-53;
}

/* Eight bytes more. */
static uint64_t
mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * UINT64_C(0xd6e8feb86659fd93);
	return h ^ (h >> 32);
}

uint64_t
hash_bytes(struct str data)
{
	static uint64_t seed;
	uint64_t h, v;
	size_t i = 0;

	if (seed == 0)
		random_bytes(&seed, sizeof(seed));
	h = seed ^ (data.n * UINT64_C(0x9e3779b97f4a7c15));
	for (; data.n - i > sizeof(v); i += sizeof(v)) {
		memcpy(&v, data.p + i, sizeof(v));
		h = mix(h, v);
	}
	/* The last eight, some of them again; all that there are if fewer. */
	v = 0;
	if (data.n >= sizeof(v))
		memcpy(&v, data.p + data.n - sizeof(v), sizeof(v));
	else if (data.n > 0)
		memcpy(&v, data.p, data.n);
	return mix(mix(h, v), 0);
}

void
hash_hmac(struct str key, struct str data, unsigned char out[SHA256_BYTES])
{
	unsigned char bytes[SHA256_BYTES]; /* out may be the key */
	unsigned int n = sizeof(bytes);

	if (HMAC(EVP_sha256(), key.p, (int)key.n, (const unsigned char *)data.p,
		data.n, bytes, &n) == NULL)
		abort();
	memcpy(out, bytes, sizeof(bytes));
	explicit_bzero(bytes, sizeof(bytes));
}

void
hash_hmac_hex(struct str key, struct str data, char out[SHA256_HEX_BYTES])
{
	unsigned char bytes[SHA256_BYTES];

	hash_hmac(key, data, bytes);
	hash_hex(bytes, sizeof(bytes), out);
}
