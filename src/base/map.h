/*
 * String → pointer hash. Keys are copied; values belong to the caller.
 * Iteration is in order of insertion (removed entries leave a hole).
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/str.h"

#include <stdint.h>

struct map;

struct map *map_new(void);
void map_free(struct map **m); /* not the values */
/* With them: each is given to free_value, the map is freed. NULL: nothing. */
void map_free_with(struct map **m, void (*free_value)(void *value));
/* The value, or NULL when the key is absent. */
void *map_find(const struct map *m, struct str key);
/* Sets key to value (not NULL); returns the old value or NULL. */
void *map_set(struct map *m, struct str key, void *value);
/* Removes the key; returns its value or NULL. */
void *map_remove(struct map *m, struct str key);
size_t map_count(const struct map *m);
/*
 * Start with *cursor = 0; 1 with key and value filled, 0 at the end. The map
 * must not change in between.
 */
int map_next(const struct map *m, size_t *cursor, struct str *key_r,
    void **value_r);

#endif
