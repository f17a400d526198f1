/* Addresses of providers. See address_book.h. */
#include "upstream/address_book.h"

#include "base/buf.h"

#include <curl/curl.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>

#define USER_BYTES 512 /* "user:password" of a URL */

/* The parts of a URL; libcurl's memory. */
struct parts {
	char *scheme, *host, *port, *path, *query, *user, *password;
};

void
address_book_init(struct address_book *b)
{
	b->addresses = map_new();
	list_init(&b->origins);
}

/* ---- forgetting --------------------------------------------------------- */

static void
origin_free(struct origin *o)
{
	list_remove(&o->node);
	SSL_SESSION_free(o->session);
	free(o->key);
	free(o->dial_url);
	free(o->host);
	free(o);
}

static void
free_address(void *value)
{
	struct address *a = value;

	secret_free((char *)(uintptr_t)a->head.p);
	free(a);
}

/* All addresses, and the origins that no connection needs. */
static void
forget(struct address_book *b)
{
	map_free_with(&b->addresses, free_address);
	LIST_EACH_SAFE(node, &b->origins) {
		struct origin *o = LIST_OBJ(node, struct origin, node);

		if (o->conn_count == 0)
			origin_free(o);
	}
}

void
address_book_fini(struct address_book *b)
{
	forget(b);
}

/* ---- reading a URL ------------------------------------------------------ */

static void
parts_free(struct parts *p)
{
	curl_free(p->scheme);
	curl_free(p->host);
	curl_free(p->port);
	curl_free(p->path);
	curl_free(p->query);
	curl_free(p->user);
	curl_free(p->password);
}

static bool
is_visible_ascii(const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s < '!' || *s > '~')
			return false;
	}
	return true;
}

static int
check_parts(const struct parts *p, struct err *err)
{
	if (strcmp(p->scheme, "http") != 0 && strcmp(p->scheme, "https") != 0)
		return err_set(err, ERR_CONFIG,
		    "a provider's address begins with http:// or https://, "
		    "not with %.16s:",
		    p->scheme);
	if (!is_visible_ascii(p->host))
		return err_set(err, ERR_CONFIG,
		    "a provider's host name has to be written in ASCII "
		    "(xn--...)");
	if (!is_visible_ascii(p->path) ||
	    (p->query != NULL && !is_visible_ascii(p->query)))
		return err_set(err, ERR_CONFIG,
		    "the address of a provider at %.100s has bytes in its "
		    "path that have to be %%-encoded",
		    p->host);
	return 0;
}

static int
parts_read(CURLU *u, const char *url, struct parts *p, struct err *err)
{
	CURLUcode rc = u == NULL ? CURLUE_OUT_OF_MEMORY
				 : curl_url_set(u, CURLUPART_URL, url,
				       CURLU_NON_SUPPORT_SCHEME);

	memset(p, 0, sizeof(*p));
	if (rc != CURLUE_OK ||
	    (rc = curl_url_get(u, CURLUPART_SCHEME, &p->scheme, 0)) !=
		CURLUE_OK ||
	    (rc = curl_url_get(u, CURLUPART_HOST, &p->host, 0)) != CURLUE_OK ||
	    (rc = curl_url_get(u, CURLUPART_PATH, &p->path, 0)) != CURLUE_OK)
		return err_set(err, ERR_CONFIG,
		    "a provider's address cannot be read: %s",
		    curl_url_strerror(rc));
	curl_url_get(u, CURLUPART_PORT, &p->port, CURLU_DEFAULT_PORT);
	curl_url_get(u, CURLUPART_QUERY, &p->query, 0);
	curl_url_get(u, CURLUPART_USER, &p->user, CURLU_URLDECODE);
	curl_url_get(u, CURLUPART_PASSWORD, &p->password, CURLU_URLDECODE);
	return check_parts(p, err);
}

/* ---- making ------------------------------------------------------------- */

static struct origin *
find_origin(struct address_book *b, const struct parts *p)
{
	char *key = xasprintf("%s://%s:%s", p->scheme, p->host, p->port);
	size_t n = strlen(p->host);
	struct origin *o;

	LIST_EACH(node, &b->origins) {
		o = LIST_OBJ(node, struct origin, node);
		if (strcasecmp(o->key, key) == 0) {
			free(key);
			return o;
		}
	}
	o = xcalloc(1, sizeof(*o));
	o->key = key;
	o->tls = strcmp(p->scheme, "https") == 0;
	o->dial_url = xasprintf("http://%s:%s", p->host, p->port);
	o->host = p->host[0] == '[' ? xstrndup(p->host + 1, n - 2)
				    : xstrndup(p->host, n);
	list_init(&o->idle);
	list_append(&b->origins, &o->node);
	return o;
}

static bool
is_default_port(const struct parts *p)
{
	return strcmp(p->port,
		   strcmp(p->scheme, "https") == 0 ? "443" : "80") == 0;
}

/* "Authorization: Basic ..." for a user in the URL. */
static int
add_user(struct buf *head, const struct parts *p, struct err *err)
{
	unsigned char coded[USER_BYTES * 2];
	char plain[USER_BYTES];
	int n = snprintf(plain, sizeof(plain), "%s:%s", p->user,
	    p->password != NULL ? p->password : "");

	if (n < 0 || (size_t)n >= sizeof(plain))
		return err_set(err, ERR_CONFIG,
		    "the user in a provider's address is too long");
	EVP_EncodeBlock(coded, (const unsigned char *)plain, n);
	buf_add_cstr(head, "Authorization: Basic ");
	buf_add_cstr(head, (const char *)coded);
	buf_add_cstr(head, "\r\n");
	return 0;
}

static int
make_head(const struct parts *p, struct buf *head, struct err *err)
{
	buf_printf(head, " %s%s%s HTTP/1.1\r\nHost: %s", p->path,
	    p->query != NULL ? "?" : "", p->query != NULL ? p->query : "",
	    p->host);
	if (!is_default_port(p))
		buf_printf(head, ":%s", p->port);
	buf_add_cstr(head, "\r\n");
	if (p->user != NULL && add_user(head, p, err) != 0)
		return -1;
	if (head->overflowed)
		return err_set(err, ERR_CONFIG,
		    "a provider's address is too long");
	return 0;
}

static int
address_new(struct address_book *b, const char *url, struct address **a_r,
    struct err *err)
{
	CURLU *u = curl_url();
	struct parts parts;
	struct address *a = NULL;
	struct buf head;
	int rc = parts_read(u, url, &parts, err);

	buf_init(&head, 8192);
	if (rc == 0)
		rc = make_head(&parts, &head, err);
	if (rc == 0) {
		a = xcalloc(1, sizeof(*a));
		a->origin = find_origin(b, &parts);
		a->has_user = parts.user != NULL;
		a->head.p = buf_take(&head, &a->head.n);
	}
	buf_fini(&head);
	parts_free(&parts);
	curl_url_cleanup(u);
	*a_r = a;
	return rc;
}

int
address_book_find(struct address_book *b, const char *url,
    const struct address **address_r, struct err *err)
{
	struct str key = str_of(url);
	struct address *a = map_find(b->addresses, key);

	if (a == NULL) {
		if (map_count(b->addresses) >= ADDRESS_BOOK_MAX) {
			forget(b);
			b->addresses = map_new();
		}
		if (address_new(b, url, &a, err) != 0)
			return -1;
		map_set(b->addresses, key, a);
	}
	*address_r = a;
	return 0;
}
