/*
 * The quick reader of chat requests in OpenAI's shape: one pass that checks
 * the whole body as JSON and picks out what an answer needs. It is there for
 * the benchmark. It reads what is plain and leaves the rest to jansson:
 * whatever it takes, chat_openai_read() would read the same (the unit test
 * holds them to it).
 */
#ifndef SIM_SCAN_H
#define SIM_SCAN_H

#include "sim/chat.h"

/*
 * True: the body was plain and *chat holds all of it. False: nothing can be
 * said (it may be wrong, or have tools, escapes beyond the simple ones, ...)
 * and *chat is as chat_init() left it.
 */
bool scan_chat(struct str body, struct arena *arena, struct chat *chat);

#endif
