/* Writing and reading a checkpoint. See checkpoint.h. */
#include "ipc/checkpoint.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/jsonw.h"
#include "base/jsonx.h"

#define CHECKPOINT_BYTES 4096
#define SIGNED_BYTES     256

const char *
checkpoint_trust_text(enum checkpoint_trust trust)
{
	switch (trust) {
	case CHECKPOINT_ABSENT:
		return "none";
	case CHECKPOINT_UNSIGNED:
		return "not signed";
	case CHECKPOINT_FORGED:
		return "its signature is not the key's";
	case CHECKPOINT_SIGNED:
		return "signed";
	}
	return "?";
}

/* What is signed. */
static struct str
signed_text(struct str hash, struct str until, char out[SIGNED_BYTES])
{
	int n = snprintf(out, SIGNED_BYTES,
	    "tallygate checkpoint\n" STR_FMT "\n" STR_FMT "\n", STR_ARG(hash),
	    STR_ARG(until));

	return str_make(out, n < SIGNED_BYTES ? (size_t)n : SIGNED_BYTES - 1);
}

int
checkpoint_prepare(const char *path, struct err *err)
{
	char *key = xasprintf("%s.key", path), *pub = xasprintf("%s.pub", path);
	char line[SIGN_KEY_HEX_BYTES + 1];
	int rc = sign_prepare(key, line, err);

	if (rc == 0) {
		line[SIGN_KEY_HEX_BYTES - 1] = '\n';
		rc = file_write(pub, str_make(line, SIGN_KEY_HEX_BYTES), err);
	}
	free(key);
	free(pub);
	return rc;
}

static void
write_json(const char *hash, const char *until, const char *public,
    const char *signature, struct buf *out)
{
	struct jsonw w;

	jsonw_init(&w, out);
	jsonw_open(&w, '{');
	jsonw_key(&w, "hash");
	jsonw_cstr(&w, hash);
	jsonw_key(&w, "until");
	jsonw_cstr(&w, until);
	jsonw_key(&w, "key");
	jsonw_cstr(&w, public);
	jsonw_key(&w, "signature");
	jsonw_cstr(&w, signature);
	jsonw_close(&w, '}');
	buf_add_char(out, '\n');
}

int
checkpoint_save(const char *path, const char *hash, int64_t until_nsecs,
    struct err *err)
{
	char *name = xasprintf("%s.checkpoint", path);
	char *key = xasprintf("%s.key", path);
	char until[CLOCK_RFC3339_BYTES], text[SIGNED_BYTES];
	char public[SIGN_KEY_HEX_BYTES], signature[SIGN_HEX_BYTES];
	struct buf json;
	int rc;

	clock_rfc3339(until_nsecs, until);
	buf_init(&json, CHECKPOINT_BYTES);
	rc = sign_prepare(key, public, err);
	if (rc == 0)
		rc = sign_text(key,
		    signed_text(str_of(hash), str_of(until), text), signature,
		    err);
	if (rc == 0) {
		write_json(hash, until, public, signature, &json);
		rc = file_write(name, buf_str(&json), err);
	}
	buf_fini(&json);
	free(name);
	free(key);
	return rc;
}

/* ---- reading ------------------------------------------------------------ */

/* The key that an auditor trusts; "" when there is none. */
static void
read_public(const char *path, const char *public_path,
    char out[SIGN_KEY_HEX_BYTES])
{
	char *own = xasprintf("%s.pub", path);
	struct buf text;
	struct str key;

	out[0] = '\0';
	buf_init(&text, 256);
	if (file_read(public_path != NULL ? public_path : own, &text, NULL) ==
	    0) {
		key = str_trim(buf_str(&text));
		if (key.n == SIGN_KEY_HEX_BYTES - 1)
			snprintf(out, SIGN_KEY_HEX_BYTES, STR_FMT,
			    STR_ARG(key));
	}
	buf_fini(&text);
	free(own);
}

static enum checkpoint_trust
trust_in(const json_t *json, const char *public)
{
	struct str hash = jsonx_str(json, "hash");
	struct str until = jsonx_str(json, "until");
	struct str signature = jsonx_str(json, "signature");
	char text[SIGNED_BYTES];

	if (signature.n == 0 || public[0] == '\0')
		return CHECKPOINT_UNSIGNED;
	return sign_is_valid(str_of(public), signed_text(hash, until, text),
		   signature)
		   ? CHECKPOINT_SIGNED
		   : CHECKPOINT_FORGED;
}

void
checkpoint_load(const char *path, const char *hash, const char *public_path,
    struct checkpoint *c_r)
{
	char *name = xasprintf("%s.checkpoint", path);
	json_t *json = NULL;
	struct buf text;

	memset(c_r, 0, sizeof(*c_r));
	buf_init(&text, CHECKPOINT_BYTES);
	if (file_read(name, &text, NULL) == 0)
		json = jsonx_parse(buf_str(&text), NULL);
	if (str_is(jsonx_str(json, "hash"), hash) &&
	    clock_parse(jsonx_str(json, "until"), 0, &c_r->until_nsecs) == 0) {
		read_public(path, public_path, c_r->key);
		c_r->trust = trust_in(json, c_r->key);
	}
	json_decref(json);
	buf_fini(&text);
	free(name);
}
