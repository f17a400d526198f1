/*
 * The schema version of an environment: a row "schema" in META (accounts) and
 * LIVEMETA (live), decimal text. Private to src/store.
 *
 * When a table's key or value changes shape: raise STORE_SCHEMA, add the step
 * to migrate() in schema.c, say it in CHANGES.md.
 */
#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

#include "store/store.h"

#define STORE_SCHEMA 1

/*
 * Inside the transaction that opens the tables: writes the version when there
 * is none, migrates an older one, refuses a newer one (ERR_STORE). In a read
 * transaction nothing is written: no version is then accepted (an empty
 * store), an older one refused.
 */
int schema_check(struct store_txn *t, enum store_env env, bool read_only,
    struct err *err) MUST_CHECK;

#endif
