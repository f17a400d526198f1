/*
 * Looking for lines in the trace files, the newest first, a block at a time, by
 * what stands in them as text: nothing is parsed, so that a gigabyte takes
 * about a second of a process that does other work in between.
 *
 * The order is that of the files: when a request was settled and written, not
 * when it came. Files that others have compressed or moved away are not read,
 * nor what is still on its way to the file.
 */
#ifndef STATION_TRACE_SEARCH_H
#define STATION_TRACE_SEARCH_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define TRACE_SEARCH_TEXTS 8

/* Where a line begins: good as long as its file is kept. */
struct trace_place {
	int64_t inode, offset; /* inode 0: nowhere */
};

struct trace_wanted {
	/*
	 * A line has all of these: members as they are written, with the comma
	 * or brace before them: `,"team":"red"`. No text of a client's can look
	 * like that, its quotes are escaped. Borrowed by the search.
	 */
	size_t text_count;
	struct str texts[TRACE_SEARCH_TEXTS];
	/* Its `time`, RFC 3339 as clock_rfc3339() writes it, is in here; ""
	   no bound; until not included. */
	char since[40], until[40];
	int64_t since_nsecs; /* files that end before it are left out; 0 none */
	struct trace_place before; /* lines before this one only */
};

struct trace_search;

/*
 * 0 with a search, 1 the files are being rotated: try again in a moment, -1
 * ERR_IO, ERR_BAD_REQUEST: `before` is in no file.
 */
int trace_search_open(const char *path, const struct trace_wanted *wanted,
    struct trace_search **s_r, struct err *err) MUST_CHECK;
/*
 * Reads one block. For each line that is wanted line() is called (text without
 * its newline, good until it returns; its place); it answers whether it wants
 * more now: the next step goes on behind it. Returns what there is to do:
 */
enum trace_search_state {
	TRACE_SEARCH_MORE, /* call again */
	TRACE_SEARCH_WAIT, /* call again in a millisecond: the disk is slow */
	TRACE_SEARCH_STOPPED, /* line() wanted no more */
	TRACE_SEARCH_END,     /* all was read */
	TRACE_SEARCH_FAILED   /* *err: ERR_IO */
};
enum trace_search_state trace_search_step(struct trace_search *s,
    bool (*line)(void *arg, struct str text, const struct trace_place *place),
    void *arg, struct err *err);
/* What was read so far, and where it goes on (inode 0: nowhere). */
int64_t trace_search_bytes(const struct trace_search *s);
struct trace_place trace_search_place(const struct trace_search *s);
void trace_search_close(struct trace_search **s);

/* The member of a line of ours by its name, as it is written (a text with its
   quotes); empty: it has none. Only for members of the line itself. */
struct str trace_member(struct str line, const char *name);

#endif
