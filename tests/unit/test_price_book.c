/* The price book: what is entered, once, and that it comes back exact. */
#include "live_store.h"

#include "domain/prices/price_book.h"
#include "domain/prices/price_rates.h"

static struct price
make_price(int64_t input, int64_t output)
{
	struct price p;

	price_clear(&p);
	p.known = true;
	p.base.input = input;
	p.base.output = output;
	price_seal(&p);
	return p;
}

/* 1, 0 or -1: what the table says of a version. */
static int
find(struct live *l, const char *version, struct price *p_r)
{
	struct store_txn *t;
	struct err err;
	int rc;

	assert_int_equal(store_read(l->store, STORE_ACCOUNTS, &t, &err), 0);
	rc = price_book_find(t, str_of(version), p_r, &err);
	store_abort(&t);
	return rc;
}

static void
test_a_price_comes_back_under_its_version(void **state)
{
	struct live *l = *state;
	struct price_book *b = price_book_new(l->store);
	struct price p = make_price(150000, 600000), back;

	assert_int_equal(find(l, p.version, &back), 0);
	assert_int_equal(price_book_add(b, &p, NULL), 0);
	assert_int_equal(find(l, p.version, &back), 1);
	assert_string_equal(back.version, p.version);
	assert_int_equal(back.base.input, 150000);
	assert_int_equal(back.base.output, 600000);
	assert_int_equal(live_rows(l, STORE_PRICES), 1);
	price_book_free(&b);
}

static void
test_it_is_entered_once_whoever_asks(void **state)
{
	struct live *l = *state;
	struct price_book *one = price_book_new(l->store);
	struct price_book *two = price_book_new(l->store);
	struct price p = make_price(1, 2);
	struct store_info before, after;

	assert_int_equal(price_book_add(one, &p, NULL), 0);
	assert_int_equal(store_info(l->store, &before, NULL), 0);
	assert_int_equal(price_book_add(one, &p, NULL), 0);
	assert_int_equal(price_book_add(two, &p, NULL), 0);
	assert_int_equal(store_info(l->store, &after, NULL), 0);
	/* A second worker's start does not wait for the disk. */
	assert_int_equal(before.last_txn[STORE_ACCOUNTS],
	    after.last_txn[STORE_ACCOUNTS]);
	price_book_free(&one);
	price_book_free(&two);
}

static void
test_an_unknown_price_is_not_entered(void **state)
{
	struct live *l = *state;
	struct price_book *b = price_book_new(l->store);
	struct price p;

	price_clear(&p);
	assert_int_equal(price_book_add(b, &p, NULL), 0);
	assert_int_equal(live_rows(l, STORE_PRICES), 0);
	assert_int_equal(find(l, "", &p), 0);
	price_book_free(&b);
}

static void
test_a_whole_catalog_is_one_transaction(void **state)
{
	struct live *l = *state;
	struct price_book *b = price_book_new(l->store);
	struct deployment deployments[4] = { 0 };
	struct catalog c = { .deployment_count = 4,
		.deployments = deployments };
	struct store_info before, after;

	deployments[0].price = make_price(1, 2);
	deployments[1].price = make_price(3, 4);
	deployments[2].price = make_price(1, 2);
	price_clear(&deployments[3].price);
	assert_int_equal(store_info(l->store, &before, NULL), 0);
	assert_int_equal(price_book_add_catalog(b, &c, NULL), 0);
	assert_int_equal(store_info(l->store, &after, NULL), 0);
	assert_int_equal(live_rows(l, STORE_PRICES), 2);
	assert_int_equal(after.last_txn[STORE_ACCOUNTS],
	    before.last_txn[STORE_ACCOUNTS] + 1);
	price_book_free(&b);
}

static void
test_a_changed_row_is_not_that_price(void **state)
{
	struct live *l = *state;
	struct price_book *b = price_book_new(l->store);
	struct price p = make_price(150000, 600000), other, back;
	struct store_txn *t;
	struct buf json;

	other = make_price(15, 60);
	assert_int_equal(price_book_add(b, &p, NULL), 0);
	buf_init(&json, 4096);
	price_to_json(&other, &json);
	assert_int_equal(store_write(l->store, STORE_ACCOUNTS, &t, NULL), 0);
	store_put(t, STORE_PRICES, str_of(p.version), buf_str(&json));
	assert_int_equal(store_commit(&t, NULL), 0);
	assert_int_equal(find(l, p.version, &back), -1);
	buf_fini(&json);
	price_book_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LIVE_TEST(test_a_price_comes_back_under_its_version),
		LIVE_TEST(test_it_is_entered_once_whoever_asks),
		LIVE_TEST(test_an_unknown_price_is_not_entered),
		LIVE_TEST(test_a_whole_catalog_is_one_transaction),
		LIVE_TEST(test_a_changed_row_is_not_that_price),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
