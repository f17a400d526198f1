/*
 * How long the sound in a file is, from what the file says of itself: for
 * transcripts that are paid by the second and whose provider does not say how
 * many there were. A guess all the same: the file is the client's word.
 *
 *   WAV        bytes of the data chunk over bytes a second (RIFF WAVE)
 *   FLAC       samples over rate of STREAMINFO (RFC 9639)
 *   Ogg        the last page's granule position over the rate: 48000 for Opus
 *              (RFC 7845), Vorbis's own
 *   MP3        frames counted by a Xing, Info or VBRI header; else the file's
 *              size over the first frame's bit rate
 *   MP4, M4A   duration over time scale of mvhd (ISO/IEC 14496-12)
 *   WebM       Duration of Info (RFC 9559); what browsers record has none
 */
#ifndef WIRE_SOUND_H
#define WIRE_SOUND_H

#include "base/str.h"

#include <stdint.h>

/* Milliseconds; 0: not said, or another kind of file. Looks at a few headers
   whatever the file's size is. */
int64_t sound_millis(struct str file);

#endif
