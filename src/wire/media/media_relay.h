/*
 * Answers of the APIs whose bytes pass: moderations, rerank, pictures, sound.
 *
 *   JSON     kept until it is whole and checked; the client's name for the
 *            model; usage and what is paid by the piece into the facts
 *   text     a transcript as text, srt or vtt: kept until whole, with the
 *            provider's type
 *   sound    given out as it comes, with the provider's type
 *   events   of pictures and transcripts under way, or sound in events: passed
 *            one by one as they are; usage noted
 *
 * What is paid by the piece is known from the request (pictures, characters)
 * or from the answer (seconds: "duration", usage of type duration); else it
 * is estimated from the request's bound, and marked so.
 */
#ifndef WIRE_MEDIA_RELAY_H
#define WIRE_MEDIA_RELAY_H

#include "wire/relay.h"

extern const struct relay_ops media_relay;

#endif
