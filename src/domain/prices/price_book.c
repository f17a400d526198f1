/* The PRICES table. See price_book.h. */
#include "domain/prices/price_book.h"

struct price_book {
	struct store *store; /* borrowed */
	struct map *entered; /* version → the book itself: it is there */
};

struct price_book *
price_book_new(struct store *s)
{
	struct price_book *b = xcalloc(1, sizeof(*b));

	b->store = s;
	b->entered = map_new();
	return b;
}

void
price_book_free(struct price_book **bp)
{
	struct price_book *b = *bp;

	if (b == NULL)
		return;
	map_free(&b->entered);
	free(b);
	*bp = NULL;
}

static bool
is_entered(const struct price_book *b, const struct price *p)
{
	return !p->known || map_find(b->entered, str_of(p->version)) != NULL;
}

/* Looks which prices are in the table: the usual start writes nothing. */
static int
look(struct price_book *b, const struct price *const *prices, size_t n,
    struct err *err)
{
	struct store_txn *t;
	int rc = 0;

	if (store_read(b->store, STORE_ACCOUNTS, &t, err) != 0)
		return -1;
	for (size_t i = 0; rc >= 0 && i < n; i++) {
		struct str version = str_of(prices[i]->version), value;

		if (is_entered(b, prices[i]))
			continue;
		rc = store_get(t, STORE_PRICES, version, &value);
		if (rc == 1)
			map_set(b->entered, version, b);
	}
	if (rc < 0)
		store_failed(t, err);
	store_abort(&t);
	return rc < 0 ? -1 : 0;
}

static int
enter(struct price_book *b, const struct price *const *prices, size_t n,
    struct err *err)
{
	struct store_txn *t;
	struct buf json;

	if (store_write(b->store, STORE_ACCOUNTS, &t, err) != 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (is_entered(b, prices[i]))
			continue;
		buf_init(&json, 64 * 1024);
		price_to_json(prices[i], &json);
		/* Errors stay with the transaction: asked for at commit. */
		store_put(t, STORE_PRICES, str_of(prices[i]->version),
		    buf_str(&json));
		buf_fini(&json);
	}
	if (store_commit(&t, err) != 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (prices[i]->known)
			map_set(b->entered, str_of(prices[i]->version), b);
	}
	return 0;
}

static int
add_all(struct price_book *b, const struct price *const *prices, size_t n,
    struct err *err)
{
	bool missing = false;

	if (look(b, prices, n, err) != 0)
		return err_prefix(err, "price book");
	for (size_t i = 0; i < n; i++)
		missing = missing || !is_entered(b, prices[i]);
	if (missing && enter(b, prices, n, err) != 0)
		return err_prefix(err, "price book");
	return 0;
}

int
price_book_add(struct price_book *b, const struct price *p, struct err *err)
{
	return is_entered(b, p) ? 0 : add_all(b, &p, 1, err);
}

int
price_book_add_catalog(struct price_book *b, const struct catalog *c,
    struct err *err)
{
	const struct price **prices =
	    xcalloc(c->deployment_count + 1, sizeof(struct price *));
	int rc;

	for (size_t i = 0; i < c->deployment_count; i++)
		prices[i] = &c->deployments[i].price;
	rc = add_all(b, prices, c->deployment_count, err);
	free(prices);
	return rc;
}

int
price_book_find(struct store_txn *t, struct str version, struct price *p_r,
    struct err *err)
{
	struct str json;
	struct err why;
	int rc;

	if (version.n == 0)
		return 0;
	rc = store_get(t, STORE_PRICES, version, &json);
	if (rc < 0)
		store_failed(t, err);
	if (rc <= 0)
		return rc;
	if (price_from_json(json, p_r, &why) != 0)
		return err_set(err, ERR_STORE, "price " STR_FMT ": %s",
		    STR_ARG(version), why.text);
	if (!str_eq(version, str_of(p_r->version)))
		return err_set(err, ERR_STORE,
		    "price " STR_FMT ": what stands in the table is price %s",
		    STR_ARG(version), p_r->version);
	return 1;
}
