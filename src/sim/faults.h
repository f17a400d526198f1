/*
 * How the simulator misbehaves: one table of settings. A row is all there is
 * to a setting: from it come the field of struct faults, the flag
 * (--latency-ms 50), the control member ({"set":{"latency_ms":50}}), the
 * header for one request (x-sim-latency-ms: 50), the member of a body's
 * "x_sim" object, the text of --help and the list in tallysim(1).
 *
 * In a name '-' and '_' are the same. A value that is out of range is refused
 * with ERR_USAGE and a text that says what the row takes; nothing is clipped.
 */
#ifndef SIM_FAULTS_H
#define SIM_FAULTS_H

#include "base/err.h"
#include "base/jsonw.h"
#include "base/jsonx.h"

/* What a setting's value is; all but TEXT are an int64_t. */
enum fault_type {
	FAULT_INT,
	FAULT_REAL,   /* kept in millionths, so that no float is needed */
	FAULT_BOOL,   /* 0 or 1 */
	FAULT_STATUS, /* 0, or an HTTP status of 300 and above */
	FAULT_ENDING, /* enum fault_ending */
	FAULT_FLAVOR, /* place in the table of flavor.h */
	FAULT_TEXT,   /* at most FAULT_TEXT_BYTES - 1 bytes */
};

/* The words of cut_mode, in the order of its words in faults.c. */
enum fault_ending {
	ENDING_CLOSE, /* TCP FIN, the framing left open */
	ENDING_RESET, /* TCP RST */
	ENDING_HALF,  /* half of the next chunk, then FIN */
	ENDING_CLEAN, /* the framing is ended properly: only [DONE] lacks */
};

#define FAULT_TEXT_BYTES 64
#define FAULT_REAL_SCALE 6 /* decimals of FAULT_REAL */
#define FAULT_REAL_ONE   INT64_C(1000000)
#define FAULT_OFF        (-1) /* of the counts where 0 means something */

/*
 * X(name, TYPE, least, most, default, "METAVAR", "what it does")
 * Numbers of REAL rows are in millionths. The help is one sentence without a
 * full stop, printed in --help and in the manual.
 */
/* clang-format off */
#define FAULTS(X) \
X(latency_ms,        INT,  0, 600000, 0, "MSECS", \
  "wait before the first byte of an answer") \
X(ttft_ms,           INT,  0, 600000, 0, "MSECS", \
  "wait between a stream's head and its first token") \
X(tokens_per_second, REAL, 0, 1000000 * FAULT_REAL_ONE, 0, "RATE", \
  "pace of a stream's tokens; 0 is as fast as they can be written") \
X(slow_headers_ms,   INT,  0, 600000, 0, "MSECS", \
  "send the head of an answer in eight parts over this time") \
X(one_byte,          BOOL, 0, 1, 0, "", \
  "send every byte by a write of its own") \
X(error_status,      STATUS, 0, 599, 0, "STATUS", \
  "answer with this HTTP status and an error of the dialect") \
X(error_rate,        REAL, 0, FAULT_REAL_ONE, FAULT_REAL_ONE, "0..1", \
  "share of the requests that error_status hits, drawn from --seed") \
X(error_code,        TEXT, 0, 0, 0, "CODE", \
  "code of the scripted error, such as context_length_exceeded or insufficient_quota") \
X(retry_after,       INT,  -1, 86400, FAULT_OFF, "SECS", \
  "retry-after header on scripted errors; -1 is none") \
X(error_after_chunks, INT, -1, 1000000000, FAULT_OFF, "N", \
  "after N chunks of a stream send an error event and close") \
X(cut_after_chunks,  INT,  -1, 1000000000, FAULT_OFF, "N", \
  "end a stream after N chunks, never with its terminal event; -1 is off") \
X(cut_plain,         BOOL, 0, 1, 0, "", \
  "close after half of the body of an answer that is no stream") \
X(cut_mode,          ENDING, 0, 3, ENDING_CLOSE, "HOW", \
  "how a cut looks: close (FIN), reset (RST), half (half a chunk, then FIN) or clean (framing ended, terminal event missing)") \
X(stall_after_chunks, INT, -1, 1000000000, FAULT_OFF, "N", \
  "fall silent after N chunks and keep the connection; an answer that is no stream stalls at half of its body") \
X(malformed_chunk,   INT,  0, 1000000000, 0, "N", \
  "the Nth chunk of a stream is broken JSON; so is the body of an answer that is no stream; 0 is off") \
X(close_before_head, BOOL, 0, 1, 0, "", \
  "close the connection instead of answering") \
X(garbage,           BOOL, 0, 1, 0, "", \
  "answer with bytes that are not HTTP") \
X(giant_header,      INT,  0, 1048576, 0, "BYTES", \
  "add an x-sim-giant header of that many bytes") \
X(idle_close_ms,     INT,  0, 600000, 0, "MSECS", \
  "close a kept connection when it was idle this long after an answer; 0 keeps it") \
X(no_usage,          BOOL, 0, 1, 0, "", \
  "leave usage out of every answer") \
X(ignore_max_tokens, BOOL, 0, 1, 0, "", \
  "do not honour max_tokens and its cousins") \
X(prompt_tokens,     INT,  -1, 1000000000, FAULT_OFF, "N", \
  "report N prompt tokens instead of counting; -1 counts") \
X(completion_tokens, INT,  -1, 1000000, FAULT_OFF, "N", \
  "length of text answers in tokens; -1 is as long as the answer is") \
X(cached_tokens,     INT,  0, 1000000000, 0, "N", \
  "report N of the prompt's tokens as read from a cache") \
X(cache_write_tokens, INT, 0, 1000000000, 0, "N", \
  "report N of the prompt's tokens as written to a cache") \
X(reasoning_tokens,  INT,  0, 1000000, 0, "N", \
  "spend N completion tokens on reasoning, which is shown where the flavor does") \
X(audio_tokens,      INT,  0, 1000000000, 0, "N", \
  "report N of the prompt's tokens as audio") \
X(flavor,            FLAVOR, 0, 63, 0, "NAME", \
  "speak OpenAI's chat as this provider does, with its oddities and refusals")
/* clang-format on */

#define FAULT_FIELD_INT(name)    int64_t name;
#define FAULT_FIELD_REAL(name)   int64_t name;
#define FAULT_FIELD_BOOL(name)   int64_t name;
#define FAULT_FIELD_STATUS(name) int64_t name;
#define FAULT_FIELD_ENDING(name) int64_t name;
#define FAULT_FIELD_FLAVOR(name) int64_t name;
#define FAULT_FIELD_TEXT(name)   char name[FAULT_TEXT_BYTES];
#define FAULT_FIELD(name, type, least, most, standard, metavar, help)          \
	FAULT_FIELD_##type(name)

/* All settings; plain data, so it may be copied and lie in shared memory. */
struct faults {
	FAULTS(FAULT_FIELD)
};
#undef FAULT_FIELD

/* One row of the table. */
struct fault_row {
	const char *name; /* with '_' */
	enum fault_type type;
	size_t offset; /* of its field in struct faults */
	int64_t least, most, standard;
	const char *metavar;
	const char *help;
};

const struct fault_row *faults_rows(size_t *count_r);
/* The row of that name, or NULL. */
const struct fault_row *faults_find(struct str name);
/* A name near a wrong one, for "did you mean"; NULL when none is near. */
const char *faults_near(struct str name);
/* Every setting at its default: a well-behaved provider. */
void faults_init(struct faults *f);
/* One setting from text; "" means 1 for a BOOL. f is untouched on failure. */
int faults_set(struct faults *f, const struct fault_row *row, struct str value,
    struct err *err) MUST_CHECK;
/*
 * The members of a JSON object; null means the default. All are set or, when
 * one is wrong, none.
 */
int faults_set_json(struct faults *f, json_t *obj, struct err *err) MUST_CHECK;
/* As a JSON object, every setting with its value. */
void faults_write(const struct faults *f, struct jsonw *w);
/* The settings' part of --help, and of the manual in mdoc. */
void faults_help(struct buf *out);
void faults_mdoc(struct buf *out);

#endif
