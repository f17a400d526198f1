/* tallyctl models: the catalog. */
#include "ctl/ctl.h"
#include "ctl/table.h"

/* USD per million tokens from pico-dollars per token: the same number / 10^6.
 */
static void
price_cell(struct table *t, int64_t picos)
{
	char text[NUM_TEXT_BYTES];

	if (picos == PRICE_UNSET) {
		table_cell(t, "-");
		return;
	}
	num_format(picos, 6, text);
	table_cell(t, "%s", text);
}

static void
print_models(const struct catalog *c)
{
	static const char *const heads[] = { "model", "deployment", "upstream",
		"base", "in $/M", "out $/M", "context", "max out" };
	struct table *t = table_new("llllrrrr");

	for (size_t i = 0; i < ARRAY_LEN(heads); i++)
		table_cell(t, "%s", heads[i]);
	for (size_t i = 0; i < c->deployment_count; i++) {
		const struct deployment *d = &c->deployments[i];
		bool known = d->price.known;

		table_cell(t, "%s", d->config->model_name);
		table_cell(t, "%s", d->id);
		table_cell(t, "%s", d->config->litellm_model);
		table_cell(t, "%s", d->config->api_base);
		price_cell(t, known ? d->price.base.input : PRICE_UNSET);
		price_cell(t, known ? d->price.base.output : PRICE_UNSET);
		if (d->max_input_tokens == CONFIG_UNSET)
			table_cell(t, "-");
		else
			table_cell_int(t, d->max_input_tokens);
		if (d->max_output_tokens == CONFIG_UNSET)
			table_cell(t, "-");
		else
			table_cell_int(t, d->max_output_tokens);
	}
	table_print(t);
	table_free(&t);
}

static void
json_model(struct jsonw *w, const struct deployment *d)
{
	struct buf price;

	buf_init(&price, 64 * 1024);
	price_to_json(&d->price, &price);
	jsonw_open(w, '{');
	jsonw_key(w, "model_name");
	jsonw_cstr(w, d->config->model_name);
	jsonw_key(w, "deployment");
	jsonw_cstr(w, d->id);
	jsonw_key(w, "provider");
	jsonw_cstr(w, d->provider);
	jsonw_key(w, "litellm_model");
	jsonw_cstr(w, d->config->litellm_model);
	jsonw_key(w, "api_base");
	jsonw_cstr(w, d->config->api_base);
	jsonw_key(w, "priced");
	jsonw_bool(w, d->price.known);
	jsonw_key(w, "price");
	jsonw_raw(w, buf_str(&price));
	jsonw_close(w, '}');
	buf_fini(&price);
}

int
cmd_models(struct ctl *c, int argc, char **argv)
{
	struct buf b;
	struct jsonw w;
	int rc;

	if (argc > 0) {
		ctl_complain("models takes no '%s'", argv[0]);
		return CTL_USAGE;
	}
	rc = ctl_open_catalog(c);
	if (rc != CTL_OK)
		return rc;
	if (!c->json) {
		print_models(c->catalog);
		return CTL_OK;
	}
	buf_init(&b, 64 * 1024 * 1024);
	jsonw_init(&w, &b);
	jsonw_open(&w, '[');
	for (size_t i = 0; i < c->catalog->deployment_count; i++)
		json_model(&w, &c->catalog->deployments[i]);
	jsonw_close(&w, ']');
	printf("%s\n", buf_cstr(&b));
	buf_fini(&b);
	return CTL_OK;
}
