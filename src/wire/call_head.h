/*
 * The head of a call to a provider: address and headers, the same for all
 * dialects that speak JSON over POST. Every value is checked here, at the last
 * moment, for bytes that would start another header.
 */
#ifndef WIRE_CALL_HEAD_H
#define WIRE_CALL_HEAD_H

#include "wire/dialect.h"

/*
 * POST to the deployment's base + path ("/chat/completions"); what the base
 * has of the path already ("/v1") is not said twice. Credentials as
 * the provider's row says; Content-Type, Accept, User-Agent, X-Request-Id,
 * traceparent, organization, then the configured headers, which win over ours
 * of the same name. Those that belong to the connection (Host, Content-Length,
 * Connection ...) and Accept-Encoding, which would hide the stream from us,
 * are not taken from the configuration.
 *
 * -1: ERR_CONFIG for a header that cannot be sent (its name, not its value),
 * an auth kind this head cannot make, or too many headers.
 */
int call_head_write(const struct wire_choice *choice, const char *path,
    bool stream, struct arena *arena, struct wire_call *call_r,
    struct err *err) MUST_CHECK;

/* Another line in the place of ours of this name. */
void call_head_replace(struct wire_call *call, const char *name,
    const char *line);

/* One more header behind them, unless the configuration has one of that name.
   name ends in ": ". */
int call_head_add(struct wire_call *call, const char *name, struct str value,
    struct arena *arena, struct err *err) MUST_CHECK;

#endif
