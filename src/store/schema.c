/*
 * Schema versions and the steps between them. See schema.h.
 *
 * Owns the rows "schema". Knows nothing of LMDB. Fails with ERR_STORE and a
 * text for the operator; nothing is written then.
 */
#include "store/schema.h"

#include "base/num.h"

static const char row_name[] = "schema";

/* One step up from version `from`. There is none yet: we begin with 1. */
static int
migrate(int64_t from, struct err *err)
{
	return err_set(err, ERR_STORE,
	    "schema %lld: no migration to schema %d is known", (long long)from,
	    STORE_SCHEMA);
}

static int
write_version(struct store_txn *t, enum store_table table, struct err *err)
{
	char text[NUM_TEXT_BYTES];
	size_t n = num_format_uint(STORE_SCHEMA, text);

	if (store_put(t, table, str_of(row_name), str_make(text, n)) != 0) {
		store_failed(t, err);
		return -1;
	}
	return 0;
}

int
schema_check(struct store_txn *t, enum store_env env, bool read_only,
    struct err *err)
{
	enum store_table table =
	    env == STORE_ACCOUNTS ? STORE_META : STORE_LIVEMETA;
	struct str value;
	int64_t version;
	int rc = store_get(t, table, str_of(row_name), &value);

	if (rc < 0) {
		store_failed(t, err);
		return -1;
	}
	if (rc == 0)
		return read_only ? 0 : write_version(t, table, err);
	if (num_int64(value, &version) != 0 || version < 1)
		return err_set(err, ERR_STORE,
		    "its schema version is not readable");
	if (version > STORE_SCHEMA)
		return err_set(err, ERR_STORE,
		    "schema %lld was written by a newer Tallygate; "
		    "this one knows schema %d",
		    (long long)version, STORE_SCHEMA);
	if (version == STORE_SCHEMA)
		return 0;
	if (read_only)
		return err_set(err, ERR_STORE,
		    "schema %lld is old; start the gateway once to bring it "
		    "to schema %d",
		    (long long)version, STORE_SCHEMA);
	for (; version < STORE_SCHEMA; version++)
		if (migrate(version, err) != 0)
			return -1;
	return write_version(t, table, err);
}
