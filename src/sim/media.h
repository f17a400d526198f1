/*
 * The APIs beside chat: moderations, rerank, pictures, speech, transcripts.
 * Their answers depend on the request alone: as many results as were asked for,
 * sound whose length is that of the text.
 */
#ifndef SIM_MEDIA_H
#define SIM_MEDIA_H

#include "sim/job.h"

/* Bytes of sound for a character of text. */
#define MEDIA_BYTES_PER_CHARACTER 64

int media_moderations(struct job *job, struct problem *p);
int media_rerank(struct job *job, struct problem *p);
int media_images(struct job *job, struct problem *p);
int media_speech(struct job *job, struct problem *p);
/* A form, with a model and a file; its text says the file's size. */
int media_transcript(struct job *job, struct problem *p);

#endif
