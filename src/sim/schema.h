/*
 * Making an object that fits a JSON schema, for tool arguments and structured
 * answers: just enough of the schema language for what tools and typed models
 * generate ($ref into $defs, anyOf, enum, const, nested objects, arrays).
 */
#ifndef SIM_SCHEMA_H
#define SIM_SCHEMA_H

#include "base/arena.h"
#include "base/jsonx.h"

/*
 * A new object with the schema's required members (all of them when none is
 * said to be required), the first string member holding `text`. The caller
 * owns the reference; a schema that is no object's gives {}.
 */
json_t *schema_fill(json_t *schema, struct str text);

#endif
