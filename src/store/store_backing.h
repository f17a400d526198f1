/*
 * The disk blocks behind the map of live/. Private to src/store.
 *
 * live/ is written through its map (MDB_WRITEMAP): a turn's commit costs no
 * system call then. A write into a map for which the disk has no block is a
 * SIGBUS, not an error; so blocks are reserved (fallocate) before they are
 * written to, and a full disk is ERR_STORE_FULL as elsewhere. Where the file
 * system cannot reserve, the map is not written through. All processes come to
 * the same conclusion: it is the same file.
 */
#ifndef STORE_STORE_BACKING_H
#define STORE_STORE_BACKING_H

#include "store/store_lmdb.h"

/*
 * Before LMDB opens the environment: makes its file, reserves its first
 * blocks, and raises *map_bytes to the file's size: LMDB would cut the file
 * of those who have mapped more. Sets e->written_through. 0 or an errno.
 */
int store_backing_prepare(struct store_environment *e,
    size_t *map_bytes) MUST_CHECK;
/*
 * Reserves what a transaction may need that puts `put_bytes` of keys and
 * values. Costs next to nothing when that was done before. 0 or an errno.
 */
int store_backing_reserve(struct store_environment *e,
    uint64_t put_bytes) MUST_CHECK;

#endif
