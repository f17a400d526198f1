/* Words of usage. See usage.h. */
#include "domain/ledger/usage.h"

static const char *const tier_words[SERVICE_TIERS] = { "default", "flex",
	"priority", "batch", "ultrafast" };

const char *
service_tier_name(enum service_tier tier)
{
	return tier_words[tier];
}

int
service_tier_parse(struct str word, enum service_tier *tier_r)
{
	for (int i = 0; i < SERVICE_TIERS; i++) {
		if (str_is(word, tier_words[i])) {
			*tier_r = (enum service_tier)i;
			return 0;
		}
	}
	return -1;
}

static const char *const size_words[SEARCH_SIZES] = {
	[SEARCH_MEDIUM] = "medium",
	[SEARCH_LOW] = "low",
	[SEARCH_HIGH] = "high",
};

const char *
search_size_name(enum search_size size)
{
	return size_words[size];
}

int
search_size_parse(struct str word, enum search_size *size_r)
{
	for (int i = 0; i < SEARCH_SIZES; i++) {
		if (str_is(word, size_words[i])) {
			*size_r = (enum search_size)i;
			return 0;
		}
	}
	return -1;
}

static const char *const geo_words[USAGE_GEOS] = {
	[GEO_ANY] = "",
	[GEO_US] = "us",
	[GEO_EU] = "eu",
};

const char *
usage_geo_name(enum usage_geo geo)
{
	return geo_words[geo];
}

int
usage_geo_parse(struct str word, enum usage_geo *geo_r)
{
	for (int i = 0; i < USAGE_GEOS; i++) {
		if (str_is(word, geo_words[i])) {
			*geo_r = (enum usage_geo)i;
			return 0;
		}
	}
	return -1;
}
