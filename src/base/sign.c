/* Ed25519 with a key in a file. See sign.h. */
#include "base/sign.h"

#include "base/fd.h"
#include "base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <unistd.h>

#define SEED_BYTES      32
#define SIGNATURE_BYTES 64

/* ---- the file ----------------------------------------------------------- */

static int
make_key(const char *path, struct err *err)
{
	unsigned char seed[SEED_BYTES];
	char line[2 * SEED_BYTES + 2];
	int fd = open(path,
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	ssize_t n;

	if (fd < 0)
		return errno == EEXIST ? 0
				       : err_set_errno(err, ERR_IO, "%s", path);
	random_bytes(seed, sizeof(seed));
	hash_hex(seed, sizeof(seed), line);
	line[2 * SEED_BYTES] = '\n';
	n = write(fd, line, 2 * SEED_BYTES + 1);
	OPENSSL_cleanse(seed, sizeof(seed));
	OPENSSL_cleanse(line, sizeof(line));
	if (n == 2 * SEED_BYTES + 1 && fsync(fd) == 0) {
		fd_close(&fd);
		return 0;
	}
	err_set_errno(err, ERR_IO, "%s", path);
	fd_close(&fd);
	unlink(path); /* half a key is none */
	return -1;
}

static int
load_key(const char *path, EVP_PKEY **key_r, struct err *err)
{
	unsigned char seed[SEED_BYTES];
	struct buf text;
	bool ok;

	buf_init(&text, 256);
	if (file_read(path, &text, err) != 0) {
		buf_fini(&text);
		return -1;
	}
	ok = hash_unhex(str_trim(buf_str(&text)), seed, sizeof(seed));
	OPENSSL_cleanse(text.data, text.len);
	buf_fini(&text);
	*key_r = ok ? EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed,
			  sizeof(seed))
		    : NULL;
	OPENSSL_cleanse(seed, sizeof(seed));
	if (*key_r == NULL)
		return err_set(err, ERR_CONFIG,
		    "%s: is no signing key (64 hex digits); move it away and a "
		    "new one is made",
		    path);
	return 0;
}

int
sign_prepare(const char *path, char public_r[SIGN_KEY_HEX_BYTES],
    struct err *err)
{
	unsigned char bytes[SEED_BYTES];
	size_t n = sizeof(bytes);
	EVP_PKEY *key;
	int ok;

	if (make_key(path, err) != 0 || load_key(path, &key, err) != 0)
		return -1;
	ok = EVP_PKEY_get_raw_public_key(key, bytes, &n);
	EVP_PKEY_free(key);
	if (ok != 1 || n != sizeof(bytes))
		return err_set(err, ERR_INTERNAL, "Ed25519 is not available");
	hash_hex(bytes, n, public_r);
	return 0;
}

/* ---- signing and checking ----------------------------------------------- */

int
sign_text(const char *path, struct str text, char signature_r[SIGN_HEX_BYTES],
    struct err *err)
{
	unsigned char bytes[SIGNATURE_BYTES];
	size_t n = sizeof(bytes);
	EVP_MD_CTX *ctx;
	EVP_PKEY *key;
	bool ok;

	if (load_key(path, &key, err) != 0)
		return -1;
	ctx = EVP_MD_CTX_new();
	ok = ctx != NULL &&
	     EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1 &&
	     EVP_DigestSign(ctx, bytes, &n, (const unsigned char *)text.p,
		 text.n) == 1 &&
	     n == sizeof(bytes);
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	if (!ok)
		return err_set(err, ERR_INTERNAL, "Ed25519 is not available");
	hash_hex(bytes, n, signature_r);
	return 0;
}

bool
sign_is_valid(struct str public_hex, struct str text, struct str signature_hex)
{
	unsigned char public[SEED_BYTES], signature[SIGNATURE_BYTES];
	EVP_MD_CTX *ctx;
	EVP_PKEY *key;
	bool ok;

	if (!hash_unhex(public_hex, public, sizeof(public)) ||
	    !hash_unhex(signature_hex, signature, sizeof(signature)))
		return false;
	key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public,
	    sizeof(public));
	ctx = EVP_MD_CTX_new();
	ok = key != NULL && ctx != NULL &&
	     EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
	     EVP_DigestVerify(ctx, signature, sizeof(signature),
		 (const unsigned char *)text.p, text.n) == 1;
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	return ok;
}
