/* Lengths from the headers of sound files. See sound.h. Every number in a
   file is a stranger's: all are checked against the bytes there are. */
#include "wire/media/sound.h"

#define MAX_STEPS  1024        /* chunks, boxes, elements looked at */
#define TAIL_BYTES (64 * 1024) /* where Ogg's last page begins */
#define MAX_MILLIS (INT64_C(1000) * 3600 * 1000) /* a thousand hours */

static uint64_t
big(const char *p, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v = v << 8 | (unsigned char)p[i];
	return v;
}

static uint64_t
little(const char *p, size_t n)
{
	uint64_t v = 0;

	for (size_t i = n; i > 0; i--)
		v = v << 8 | (unsigned char)p[i - 1];
	return v;
}

static struct str
from(struct str s, size_t at)
{
	return at < s.n ? str_make(s.p + at, s.n - at) : str_make("", 0);
}

/* units / rate in milliseconds; 0 for what cannot be. */
static int64_t
millis(uint64_t units, uint64_t rate)
{
	uint64_t ms;

	if (rate == 0 || units > UINT64_MAX / 1000)
		return 0;
	ms = units * 1000 / rate;
	return ms > MAX_MILLIS ? 0 : (int64_t)ms;
}

/* ---- WAV ---------------------------------------------------------------- */

static int64_t
wav_millis(struct str file)
{
	struct str rest = from(file, 12);
	uint64_t rate = 0, size;

	for (int i = 0; i < MAX_STEPS && rest.n >= 8; i++) {
		size = little(rest.p + 4, 4);
		if (memcmp(rest.p, "fmt ", 4) == 0 && rest.n >= 20)
			rate = little(rest.p + 16, 4);
		/* Written as it came: its size is 0 or the largest. */
		if (memcmp(rest.p, "data", 4) == 0) {
			if (size == 0 || size > rest.n - 8)
				size = rest.n - 8;
			return millis(size, rate);
		}
		rest = from(rest, 8 + (size_t)size + (size & 1));
	}
	return 0;
}

/* ---- FLAC --------------------------------------------------------------- */

static int64_t
flac_millis(struct str file)
{
	/* "fLaC", a block's head of 4 bytes; STREAMINFO is the first. */
	if (file.n < 26 || (file.p[4] & 0x7f) != 0)
		return 0;
	return millis(big(file.p + 21, 5) & UINT64_C(0xfffffffff),
	    big(file.p + 18, 3) >> 4);
}

/* ---- Ogg ---------------------------------------------------------------- */

static int64_t
ogg_millis(struct str file)
{
	size_t first = file.n > TAIL_BYTES ? file.n - TAIL_BYTES : 0;
	struct str head = from(file, 28), page;
	uint64_t rate, skip = 0, granule;

	if (head.n >= 19 && memcmp(head.p, "OpusHead", 8) == 0) {
		rate = 48000;
		skip = little(head.p + 10, 2);
	} else if (head.n >= 16 && memcmp(head.p, "\x01vorbis", 7) == 0) {
		rate = little(head.p + 12, 4);
	} else {
		return 0;
	}
	for (size_t at = file.n; at-- > first;) {
		page = from(file, at);
		if (page.n < 14 || page.p[0] != 'O' ||
		    memcmp(page.p, "OggS", 4) != 0)
			continue;
		granule = little(page.p + 6, 8);
		if (granule == UINT64_MAX) /* no packet ends on it */
			continue;
		return granule > skip ? millis(granule - skip, rate) : 0;
	}
	return 0;
}

/* ---- MP3 ---------------------------------------------------------------- */

struct mp3_frame {
	uint64_t bits, rate; /* a second */
	uint64_t samples;    /* of a frame */
	size_t side_bytes;   /* behind its head: what Xing stands behind */
};

/* Layer III, of MPEG 1 or 2 and 2.5. */
static bool
read_frame(struct str s, struct mp3_frame *f)
{
	static const int kbits[2][16] = { { 0, 32, 40, 48, 56, 64, 80, 96, 112,
					      128, 160, 192, 224, 256, 320, 0 },
		{ 0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160,
		    0 } };
	static const unsigned rates[4] = { 44100, 48000, 32000, 0 };
	unsigned head, version;
	bool mono, one;

	if (s.n < 4)
		return false;
	head = (unsigned)big(s.p, 4);
	version = head >> 19 & 3; /* 3: MPEG 1, 2: MPEG 2, 0: 2.5 */
	if (head >> 21 != 0x7ff || version == 1 || (head >> 17 & 3) != 1)
		return false;
	one = version == 3;
	mono = (head >> 6 & 3) == 3;
	f->bits = (uint64_t)kbits[!one][head >> 12 & 15] * 1000;
	f->rate = rates[head >> 10 & 3] >> (one ? 0 : version == 2 ? 1 : 2);
	f->samples = one ? 1152 : 576;
	f->side_bytes = one ? (mono ? 17 : 32) : (mono ? 9 : 17);
	return f->bits > 0 && f->rate > 0;
}

/* Frames that a header in the first frame counts; 0 none does. */
static uint64_t
counted_frames(struct str frame, const struct mp3_frame *f)
{
	struct str xing = from(frame, 4 + f->side_bytes);
	struct str vbri = from(frame, 36);

	if (xing.n >= 12 &&
	    (memcmp(xing.p, "Xing", 4) == 0 ||
		memcmp(xing.p, "Info", 4) == 0) &&
	    (xing.p[7] & 1) != 0)
		return big(xing.p + 8, 4);
	if (vbri.n >= 18 && memcmp(vbri.p, "VBRI", 4) == 0)
		return big(vbri.p + 14, 4);
	return 0;
}

static int64_t
mp3_millis(struct str file)
{
	struct mp3_frame f;
	uint64_t frames;

	/* An ID3v2 tag: its size has seven bits a byte. */
	if (file.n >= 10 && memcmp(file.p, "ID3", 3) == 0)
		file = from(file, 10 + ((size_t)(file.p[6] & 0x7f) << 21 |
					   (size_t)(file.p[7] & 0x7f) << 14 |
					   (size_t)(file.p[8] & 0x7f) << 7 |
					   (size_t)(file.p[9] & 0x7f)));
	if (!read_frame(file, &f))
		return 0;
	frames = counted_frames(file, &f);
	return frames > 0 ? millis(frames * f.samples, f.rate)
			  : millis((uint64_t)file.n * 8, f.bits);
}

/* ---- MP4 ---------------------------------------------------------------- */

/* The inside of the first box of this kind; "" when there is none. */
static struct str
find_box(struct str rest, const char *kind)
{
	for (int i = 0; i < MAX_STEPS && rest.n >= 8; i++) {
		uint64_t size = big(rest.p, 4);
		size_t head = 8;

		if (size == 1 && rest.n >= 16) {
			size = big(rest.p + 8, 8);
			head = 16;
		}
		if (size == 0 || size > rest.n)
			size = rest.n; /* to the end, or cut off */
		if (size < head)
			break;
		if (memcmp(rest.p + 4, kind, 4) == 0)
			return str_make(rest.p + head, (size_t)size - head);
		rest = from(rest, (size_t)size);
	}
	return str_make("", 0);
}

static int64_t
mp4_millis(struct str file)
{
	struct str box = find_box(find_box(file, "moov"), "mvhd");

	if (box.n >= 32 && box.p[0] == 1)
		return millis(big(box.p + 24, 8), big(box.p + 20, 4));
	if (box.n >= 20 && box.p[0] == 0)
		return millis(big(box.p + 16, 4), big(box.p + 12, 4));
	return 0;
}

/* ---- WebM --------------------------------------------------------------- */

#define EBML_SEGMENT  0x18538067
#define EBML_INFO     0x1549a966
#define EBML_SCALE    0x2ad7b1
#define EBML_DURATION 0x4489

/* Takes an element off: its id and its inside. An unknown size is all that is
   left. */
static bool
next_element(struct str *rest, uint64_t *id_r, struct str *inside_r)
{
	size_t n[2], at = 0;
	uint64_t v[2];

	for (int i = 0; i < 2; i++) {
		unsigned char c;

		if (at >= rest->n || rest->p[at] == 0)
			return false;
		c = (unsigned char)rest->p[at];
		n[i] = (size_t)__builtin_clz(c) - 23;
		if (n[i] > rest->n - at)
			return false;
		v[i] = big(rest->p + at, n[i]);
		at += n[i];
	}
	*id_r = v[0];
	v[1] &= (UINT64_C(1) << (7 * n[1])) - 1;
	if (v[1] > rest->n - at)
		v[1] = rest->n - at;
	*inside_r = str_make(rest->p + at, (size_t)v[1]);
	*rest = from(*rest, at + (size_t)v[1]);
	return true;
}

static struct str
find_element(struct str rest, uint64_t wanted)
{
	struct str inside;
	uint64_t id;

	for (int i = 0; i < MAX_STEPS; i++) {
		if (!next_element(&rest, &id, &inside))
			break;
		if (id == wanted)
			return inside;
	}
	return str_make("", 0);
}

static int64_t
webm_millis(struct str file)
{
	struct str info =
	    find_element(find_element(file, EBML_SEGMENT), EBML_INFO);
	struct str scale = find_element(info, EBML_SCALE);
	struct str duration = find_element(info, EBML_DURATION);
	uint64_t bits, nsecs = 1000000;
	double ticks;
	float single;

	if (scale.n > 0 && scale.n <= 8)
		nsecs = big(scale.p, scale.n);
	bits = duration.n <= 8 ? big(duration.p, duration.n) : 0;
	if (duration.n == 4) {
		uint32_t low = (uint32_t)bits;

		memcpy(&single, &low, sizeof(single));
		ticks = (double)single;
	} else if (duration.n == 8) {
		memcpy(&ticks, &bits, sizeof(ticks));
	} else {
		return 0;
	}
	ticks *= (double)nsecs / 1e6;
	return ticks >= 1 && ticks <= (double)MAX_MILLIS ? (int64_t)ticks : 0;
}

int64_t
sound_millis(struct str file)
{
	if (file.n < 12)
		return 0;
	if (memcmp(file.p, "RIFF", 4) == 0)
		return memcmp(file.p + 8, "WAVE", 4) == 0 ? wav_millis(file)
							  : 0;
	if (memcmp(file.p, "fLaC", 4) == 0)
		return flac_millis(file);
	if (memcmp(file.p, "OggS", 4) == 0)
		return ogg_millis(file);
	if (memcmp(file.p + 4, "ftyp", 4) == 0)
		return mp4_millis(file);
	if (memcmp(file.p, "\x1a\x45\xdf\xa3", 4) == 0)
		return webm_millis(file);
	return mp3_millis(file);
}
