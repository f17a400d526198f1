/* The hours in which tokens are cheaper: which they are, and what they cost. */
#include "price_fixture.h"

#include "base/clock.h"
#include "domain/prices/price_json.h"

/* 2026-11-23 is a Monday. */
#define MONDAY INT64_C(1795392000)
#define WEEK                                                                   \
	"[{\"weekdays\":[1,2,3,4,5],\"hours_utc\":[\"00:00-01:00\","           \
	"\"10:00-00:00\"]},{\"weekdays\":[6,7],\"hours_utc\":\"00:00-00:00\"}" \
	"]"
#define PRICES(more)                                                           \
	"{\"plain\":{\"mode\":\"chat\",\"litellm_provider\":\"openai\","       \
	"\"off_peak_pricing\":{\"input_cost_per_token\":5e-7,"                 \
	"\"output_cost_per_token\":1e-6,\"windows\":" WEEK more "},"           \
	"\"input_cost_per_token\":1e-6,\"output_cost_per_token\":2e-6,"        \
	"\"cache_creation_input_token_cost\":0,"                               \
	"\"search_context_cost_per_query\":{"                                  \
	"\"search_context_size_medium\":0.01}}}"

static int64_t
at(int day, int hour, int minute)
{
	return (MONDAY + day * 86400 + hour * 3600 + minute * 60) *
	       NSECS_PER_SEC;
}

static int
parse(const char *text, struct price_hours *h)
{
	struct price_json j;
	struct err err;

	assert_int_equal(price_json_open(&j, str_of(text), "t", &err), 0);
	return price_hours_parse(&j, h);
}

static void
test_windows(void **state)
{
	static const struct {
		int day, hour, minute;
		bool in;
	} rows[] = {
		{ 0, 0, 0, true },
		{ 0, 0, 59, true },
		{ 0, 1, 0, false },
		{ 0, 9, 59, false },
		{ 0, 10, 0, true },
		{ 0, 23, 59, true },
		{ 4, 1, 0, false },
		{ 5, 1, 0, true },
		{ 6, 23, 59, true },
		{ 7, 1, 0, false },
		{ 7, 0, 30, true },
	};
	struct price_hours h, again;
	char text[PRICE_HOURS_TEXT];

	(void)state;
	assert_int_equal(parse(WEEK, &h), 1);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(price_hours_has(&h,
				     at(rows[i].day, rows[i].hour,
					 rows[i].minute)),
		    rows[i].in);
	assert_false(price_hours_empty(&h));
	price_hours_write(&h, text);
	assert_true(price_hours_read(&again, str_of(text)));
	assert_memory_equal(&again, &h, sizeof(h));
	assert_false(price_hours_read(&again, str_of("00")));
	assert_false(price_hours_has(&h, -1));
}

/* Over midnight, and over the end of the week. */
static void
test_windows_end_on_the_next_day(void **state)
{
	struct price_hours h;

	(void)state;
	assert_int_equal(parse("[{\"weekdays\":7,\"hours_utc\":"
			       "\"16:30-00:30\"}]",
			     &h),
	    1);
	assert_false(price_hours_has(&h, at(6, 16, 29)));
	assert_true(price_hours_has(&h, at(6, 16, 30)));
	assert_true(price_hours_has(&h, at(0, 0, 29)));
	assert_false(price_hours_has(&h, at(0, 0, 30)));
	/* No days: all. */
	assert_int_equal(parse("[{\"hours_utc\":[\"12:00-12:30\"]}]", &h), 1);
	for (int day = 0; day < 7; day++)
		assert_true(price_hours_has(&h, at(day, 12, 29)));
}

static void
test_what_is_no_list_of_windows(void **state)
{
	static const char *const rows[] = {
		"{}",
		"null",
		"[1]",
		"[{}]",
		"[{\"weekdays\":[1]}]",
		"[{\"hours_utc\":\"25:00-01:00\"}]",
		"[{\"hours_utc\":\"10:15-11:00\"}]",
		"[{\"hours_utc\":\"10:00\"}]",
		"[{\"hours_utc\":\"+1:00-02:00\"}]",
		"[{\"hours_utc\":10}]",
		"[{\"hours_utc\":\"10:00-11:00\",\"weekdays\":[0]}]",
		"[{\"hours_utc\":\"10:00-11:00\",\"weekdays\":[8]}]",
		"[{\"hours_utc\":\"10:00-11:00\",\"weekdays\":\"Mon\"}]",
		"[{\"hours_utc\":\"10:00-11:00\",\"zone\":\"x\"}]",
		"[{\"hours_utc\":\"10:00-11:00\"},{}]",
	};
	struct price_hours h;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(parse(rows[i], &h), 0);
		assert_true(price_hours_empty(&h));
	}
}

/* Tokens are cheaper then, searches are not; a hold counts on neither. */
static void
test_cost(void **state)
{
	struct price_table *t = table_of(LIT(PRICES("")));
	struct usage u = { .source = USAGE_PROVIDER,
		.prompt_tokens = 10,
		.completion_tokens = 5,
		.searches = 1 };
	struct price_bound b = { .prompt_tokens = 10,
		.output_tokens = 5,
		.searches = 1 };
	struct price p = resolve_with(NULL, 0, "plain", &t, 1), again;
	struct buf json;
	struct err err;

	(void)state;
	assert_int_equal(p.factors.off_peak, 500);
	assert_int_equal(price_cost_nanos(&p, &u), 10020000);
	u.off_peak = true;
	assert_int_equal(price_cost_nanos(&p, &u), 10010000);
	assert_int_equal(price_bound_nanos(&p, &b), 10020000);
	buf_init(&json, 4096);
	price_to_json(&p, &json);
	assert_int_equal(price_from_json(buf_str(&json), &again, &err), 0);
	assert_string_equal(again.version, p.version);
	assert_int_equal(price_cost_nanos(&again, &u), 10010000);
	assert_true(price_hours_has(&again.off_peak_hours, at(0, 10, 0)));
	buf_fini(&json);
	price_table_free(&t);
}

static void
test_hours_of_every_day(void **state)
{
	struct price_table *t = table_of(
	    LIT("{\"plain\":{\"mode\":\"chat\",\"litellm_provider\":\"openai\","
		"\"input_cost_per_token\":1e-6,\"output_cost_per_token\":2e-6,"
		"\"off_peak_pricing\":{\"hours_utc\":\"16:30-00:30\","
		"\"input_cost_per_token\":5e-7,"
		"\"output_cost_per_token\":1e-6}}}"));
	struct price p = resolve_with(NULL, 0, "plain", &t, 1);

	(void)state;
	assert_int_equal(p.factors.off_peak, 500);
	for (int day = 0; day < 7; day++) {
		assert_true(price_hours_has(&p.off_peak_hours, at(day, 0, 29)));
		assert_false(
		    price_hours_has(&p.off_peak_hours, at(day, 0, 30)));
	}
	price_table_free(&t);
}

static void
no_discount(const char *text)
{
	struct price_table *t = table_of(str_of(text));
	struct price p = resolve_with(NULL, 0, "plain", &t, 1);

	assert_true(p.known);
	assert_int_equal(p.factors.off_peak, 0);
	assert_true(price_hours_empty(&p.off_peak_hours));
	price_table_free(&t);
}

/* What cannot be said by one factor and by hours in UTC costs in full. */
static void
test_what_is_left_out(void **state)
{
	(void)state;
	no_discount(PRICES(",\"weekday_timezone\":\"Asia/Shanghai\""));
	no_discount(PRICES(",\"windows\":7"));
	no_discount(PRICES(",\"hours_utc\":\"16:30-00:30\""));
	/* Another factor; a price without a cheaper one; a dearer one. */
	no_discount(PRICES(",\"cache_read_input_token_cost\":1e-7"));
	no_discount(PRICES("},\"cache_read_input_token_cost\":1e-7,\"x\":{"));
	no_discount(PRICES(",\"output_cost_per_token\":9e-7"));
	no_discount(PRICES(",\"output_cost_per_token\":3e-6"));
	no_discount(PRICES("},\"input_cost_per_token_above_128k_tokens\":2e-6,"
			   "\"x\":{"));
}

static void
test_our_form(void **state)
{
	static const char form[] =
	    "{\"format\":\"tallygate-prices/1\",\"version\":\"1\",\"source\":"
	    "\"s\",\"models\":{\"plain\":{\"provider\":\"openai\","
	    "\"input_pico\":1000000,\"output_pico\":2000000%s}}}";
	struct price_table *t;
	struct price p;
	struct err err;
	char text[1024];

	(void)state;
	snprintf(text, sizeof(text), form,
	    ",\"off_peak_windows\":" WEEK
	    ",\"multipliers_permille\":{\"off_peak\":250}");
	t = table_of(str_of(text));
	p = resolve_with(NULL, 0, "plain", &t, 1);
	assert_int_equal(p.factors.off_peak, 250);
	assert_true(price_hours_has(&p.off_peak_hours, at(5, 5, 0)));
	price_table_free(&t);
	snprintf(text, sizeof(text), form, ",\"off_peak_windows\":[{}]");
	assert_int_equal(price_table_parse(str_of(text), "t", &t, &err), -1);
	assert_non_null(strstr(err.text, "off_peak_windows: must be a list"));
	snprintf(text, sizeof(text), form,
	    ",\"multipliers_permille\":{\"off_peak\":1001}");
	assert_int_equal(price_table_parse(str_of(text), "t", &t, &err), -1);
	assert_non_null(strstr(err.text, "off_peak: 1001 is not a price"));
	/* One without the other. */
	snprintf(text, sizeof(text), form,
	    ",\"multipliers_permille\":{\"off_peak\":500}");
	no_discount(text);
	snprintf(text, sizeof(text), form, ",\"off_peak_windows\":" WEEK);
	no_discount(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_windows),
		cmocka_unit_test(test_windows_end_on_the_next_day),
		cmocka_unit_test(test_what_is_no_list_of_windows),
		cmocka_unit_test(test_cost),
		cmocka_unit_test(test_hours_of_every_day),
		cmocka_unit_test(test_what_is_left_out),
		cmocka_unit_test(test_our_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
