/*
 * /model/ID/converse and /converse-stream, as AWS Bedrock has them: reads
 * requests, writes answers and the events of its binary streams. A signature is
 * checked against one known pair of keys, so that a client that signs wrongly
 * is found out; a bearer key passes.
 */
#ifndef SIM_CHAT_BEDROCK_H
#define SIM_CHAT_BEDROCK_H

#include "sim/request.h"
#include "sim/talk.h"

/* The keys that sign for the simulator. */
#define BEDROCK_KEY_ID "AKIDTALLYSIM"
#define BEDROCK_SECRET "tallysim/Secret+Key"

/* 0, or -1 and 403: no credentials, unknown ones, a signature that is not the
   request's, or one of another day. */
int chat_bedrock_check(const struct request *req, int64_t now_nsecs,
    struct arena *arena, struct problem *p) MUST_CHECK;
/* The model in the path, percent-decoded, and whether it asks for a stream;
   false: the path is no call of Converse. */
bool chat_bedrock_path(struct str path, struct arena *arena,
    struct str *model_r, bool *stream_r);
/* Fills *chat (model and stream are set) from the body. 0, or -1 and *p. */
int chat_bedrock_read(struct chat *chat, struct arena *arena, struct str body,
    struct problem *p) MUST_CHECK;
/* A whole answer. */
void chat_bedrock_write(const struct talk *t, struct buf *out);
/* A reply_source: the next event; ctx is the struct talk. */
int chat_bedrock_next(void *ctx, struct reply_chunk *chunk);

#endif
