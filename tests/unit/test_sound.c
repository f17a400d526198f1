/* Lengths of sound files from their headers, and what cut or forged ones do. */
#include "unit.h"

#include "wire/media/sound.h"

#define BYTES (256 * 1024)

static char file[BYTES];
static size_t used;

static void
put(const char *bytes, size_t n)
{
	assert_true(used + n <= BYTES);
	memcpy(file + used, bytes, n);
	used += n;
}

static void
zeros(size_t n)
{
	assert_true(used + n <= BYTES);
	memset(file + used, 0, n);
	used += n;
}

static void
number(uint64_t v, int n, bool big_endian)
{
	for (int i = 0; i < n; i++) {
		int shift = 8 * (big_endian ? n - 1 - i : i);
		char c = (char)(v >> shift);

		put(&c, 1);
	}
}

#define TEXT(s) put(s, sizeof(s) - 1)

/* ---- a file of each kind ------------------------------------------------ */

/* 16000 samples a second of two bytes, for 2.5 s; the size as written. */
static void
wav(uint64_t data_size)
{
	used = 0;
	TEXT("RIFF");
	number(80036, 4, false);
	TEXT("WAVELIST\x03\0\0\0abc\0"); /* odd: one byte of padding */
	TEXT("fmt \x10\0\0\0\1\0\1\0");
	number(16000, 4, false);
	number(32000, 4, false);
	TEXT("\2\0\x10\0data");
	number(data_size, 4, false);
	zeros(80000);
}

static void
flac(void)
{
	used = 0;
	TEXT("fLaC\0\0\0\x22");
	zeros(10);
	number((uint64_t)44100 << 44 | (uint64_t)1 << 41 | (uint64_t)15 << 36 |
		   66150,
	    8, true);
	zeros(16);
}

static void
ogg_page(uint64_t granule, const char *packet, size_t n)
{
	TEXT("OggS\0\0");
	number(granule, 8, false);
	zeros(12);
	TEXT("\1");
	number(n, 1, false);
	put(packet, n);
}

static void
opus(void)
{
	used = 0;
	ogg_page(0, "OpusHead\1\1\x38\1\x80\xbb\0\0\0\0\0", 19);
	ogg_page(1000, "some", 4);
	ogg_page(48000 * 3 + 312, "OggX", 4);
	ogg_page(UINT64_MAX, "more", 4);
}

static void
vorbis(void)
{
	used = 0;
	ogg_page(0, "\1vorbis\0\0\0\0\2\x44\xac\0\0", 16);
	ogg_page(44100 * 2, "some", 4);
}

/* MPEG 1 layer III, 128 kbit/s, 44100 Hz. */
static void
mp3(bool tag, const char *header, uint64_t frames)
{
	used = 0;
	if (tag) {
		TEXT("ID3\4\0\0\0\0\1\0"); /* 128 bytes */
		zeros(128);
	}
	TEXT("\xff\xfb\x90\0");
	zeros(32);
	put(header, strlen(header));
	if (header[0] == 'V')
		zeros(10);
	else if (header[0] != '\0')
		number(1, 4, true);
	number(frames, 4, true);
	zeros(32000 - used % 32000);
}

static void
mp4(int version)
{
	used = 0;
	TEXT("\0\0\0\x10"
	     "ftypM4A \0\0\0\0");
	TEXT("\0\0\0\1mdat\0\0\0\0\0\0\0\x14"
	     "abcd");
	number(version == 1 ? 8 + 8 + 40 : 8 + 8 + 28, 4, true);
	TEXT("moov");
	number(version == 1 ? 48 : 36, 4, true);
	TEXT("mvhd");
	number((uint64_t)version << 24, 4, true);
	zeros(version == 1 ? 16 : 8);
	number(600, 4, true);
	number(600 * 7, version == 1 ? 8 : 4, true);
	zeros(8);
}

static void
webm(int bytes)
{
	double d = 1234.5;
	float f = 1234.5F;
	uint64_t wide;
	uint32_t narrow;

	memcpy(&wide, &d, sizeof(wide));
	memcpy(&narrow, &f, sizeof(narrow));
	used = 0;
	TEXT("\x1a\x45\xdf\xa3\x84webm");
	TEXT("\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff");
	TEXT("\xec\x81x"); /* Void */
	TEXT("\x15\x49\xa9\x66");
	number((uint64_t)0x80 | (7 + 3 + (uint64_t)bytes), 1, true);
	TEXT("\x2a\xd7\xb1\x83\x1e\x84\x80"); /* 2,000,000 ns */
	TEXT("\x44\x89");
	number((uint64_t)0x80 | (uint64_t)bytes, 1, true);
	number(bytes == 8 ? wide : narrow, bytes, true);
}

static int64_t
length(void)
{
	return sound_millis(str_make(file, used));
}

static void
test_each_kind_says_how_long_it_is(void **state)
{
	(void)state;
	wav(80000);
	assert_int_equal(length(), 2500);
	wav(0); /* as a stream wrote it */
	assert_int_equal(length(), 2500);
	wav(UINT32_MAX);
	assert_int_equal(length(), 2500);
	wav(32000); /* something stands behind it */
	assert_int_equal(length(), 1000);
	flac();
	assert_int_equal(length(), 1500);
	opus();
	assert_int_equal(length(), 3000);
	vorbis();
	assert_int_equal(length(), 2000);
	mp3(false, "", 0);
	assert_int_equal(length(), 2000);
	mp3(false, "Xing", 1000);
	assert_int_equal(length(), 26122);
	mp3(true, "Info", 500);
	assert_int_equal(length(), 13061);
	mp3(false, "VBRI", 100);
	assert_int_equal(length(), 2612);
	mp4(0);
	assert_int_equal(length(), 7000);
	mp4(1);
	assert_int_equal(length(), 7000);
	webm(8);
	assert_int_equal(length(), 2469);
	webm(4);
	assert_int_equal(length(), 2469);
}

/* Every file cut at every byte of its heads, each in memory of its own size,
   so that a sanitizer sees a byte too many. */
static void
test_cut_files_are_read_to_their_end(void **state)
{
	static const size_t most = 400;

	(void)state;
	for (int kind = 0; kind < 7; kind++) {
		if (kind == 0)
			wav(80000);
		else if (kind == 1)
			flac();
		else if (kind == 2)
			opus();
		else if (kind == 3)
			mp3(true, "Info", 500);
		else if (kind == 4)
			mp3(false, "VBRI", 100);
		else if (kind == 5)
			mp4(1);
		else
			webm(8);
		for (size_t n = 0; n < used && n < most; n++) {
			char *copy = xmalloc(n + 1);

			memcpy(copy, file, n);
			assert_true(sound_millis(str_make(copy, n)) >= 0);
			free(copy);
		}
	}
}

static void
test_nonsense_is_unknown(void **state)
{
	static const struct str rows[] = { STR_LIT(""), STR_LIT("RIFF"),
		STR_LIT("RIFF....AVI LIST"), STR_LIT("hello, this is a text"),
		STR_LIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
		STR_LIT("\0\0\0\0ftyp\0\0\0\0\0\0\0\0moov"),
		STR_LIT("OggSOggSOggSOggSOggSOggSOggSOggSOggS"),
		STR_LIT("RIFF\0\0\0\0WAVEdata\4\0\0\0abcd") };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(sound_millis(rows[i]), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_kind_says_how_long_it_is),
		cmocka_unit_test(test_cut_files_are_read_to_their_end),
		cmocka_unit_test(test_nonsense_is_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
