/* The price tables of a configuration. See price_files.h. */
#include "domain/price_files.h"

#include <unistd.h>

static const char *
shipped_path(void)
{
	const char *path = getenv("TALLYGATE_PRICES");

	return path != NULL ? path : PKGDATADIR "/prices.json";
}

static int
load(struct price_files *f, const char *path, struct err *err)
{
	if (f->count == PRICE_FILES_MAX)
		return err_set(err, ERR_CONFIG,
		    "tallygate.prices: more than %d files",
		    PRICE_FILES_MAX - 1);
	if (price_table_load(path, &f->tables[f->count], err) != 0)
		return -1;
	f->count++;
	return 0;
}

int
price_files_load(const struct config *c, struct price_files *f, struct err *err)
{
	memset(f, 0, sizeof(*f));
	if (access(shipped_path(), R_OK) == 0 &&
	    load(f, shipped_path(), err) != 0)
		return -1;
	for (size_t i = 0; i < c->price_files.count; i++) {
		if (load(f, c->price_files.items[i], err) != 0) {
			price_files_free(f);
			return -1;
		}
	}
	return 0;
}

void
price_files_free(struct price_files *f)
{
	while (f->count > 0)
		price_table_free(&f->tables[--f->count]);
}

int
catalog_open(const struct config *c, struct price_files *f,
    struct catalog **catalog_r, struct err *err)
{
	if (price_files_load(c, f, err) != 0)
		return -1;
	if (catalog_build(c, f->tables, f->count, catalog_r, err) != 0) {
		price_files_free(f);
		return -1;
	}
	return 0;
}
