/*
 * Configurations as files: tests/unit/config/NAME.yaml says at its top what
 * the environment holds ("#! env NAME=VALUE") and at its end what is said
 * about it, line by line ("#> warn 12: key: text"), and how many deployments
 * there are or that it is refused. Then the environment, and the examples we
 * ship.
 */
#include "config_unit.h"

#include "config/config_schema.h"

#include <dirent.h>
#include <unistd.h>

#define MAX_FIXTURES 200

/* ---- fixtures ----------------------------------------------------------- */

struct fixture {
	char *path, *dir;
	struct str text;
	struct buf buf;
	struct str set[32]; /* names of variables, to unset */
	size_t set_count;
};

static void
fixture_open(struct fixture *f, const char *name)
{
	struct err err;
	struct str rest;

	memset(f, 0, sizeof(*f));
	f->dir = source_path("tests/unit/config/");
	f->path = xasprintf("%s%s", f->dir, name);
	buf_init(&f->buf, 4 * 1024 * 1024);
	assert_int_equal(file_read(f->path, &f->buf, &err), 0);
	f->text = rest = buf_str(&f->buf);
	while (rest.n > 0) {
		struct str line = str_cut(&rest, '\n'), name_part;
		char *key, *value;

		if (!str_starts(line, "#! env "))
			continue;
		line.p += 7;
		line.n -= 7;
		name_part = str_cut(&line, '=');
		assert_true(f->set_count < ARRAY_LEN(f->set));
		f->set[f->set_count++] = name_part;
		key = str_dup(name_part);
		value = str_dup(line);
		setenv(key, value, 1);
		free(key);
		free(value);
	}
}

static void
fixture_close(struct fixture *f)
{
	for (size_t i = 0; i < f->set_count; i++) {
		char *name = str_dup(f->set[i]);

		unsetenv(name);
		free(name);
	}
	buf_fini(&f->buf);
	free(f->path);
	free(f->dir);
}

/* Removes every occurrence of `what`. */
static char *
without(char *text, const char *what)
{
	size_t n = strlen(what);
	char *at;

	while (n > 0 && (at = strstr(text, what)) != NULL)
		memmove(at, at + n, strlen(at + n) + 1);
	return text;
}

/* What is said, as the fixtures have it: "#> " lines. */
static void
say(const struct fixture *f, const struct parsed *p, struct buf *out)
{
	char *prefix = xasprintf("%s:", f->path);

	for (size_t i = 0; i < p->report.count; i++) {
		char *line = remark_line(&p->report.remarks[i]);

		without(line, prefix);
		without(line, f->dir);
		buf_printf(out, "#> %s\n", line);
		free(line);
	}
	if (p->config == NULL)
		buf_add_cstr(out, "#> refused\n");
	else
		buf_printf(out, "#> deployments %zu\n",
		    p->config->deployment_count);
	free(prefix);
}

static void
wanted(const struct fixture *f, struct buf *out)
{
	struct str rest = f->text;

	while (rest.n > 0) {
		struct str line = str_cut(&rest, '\n');

		if (!str_starts(line, "#>"))
			continue;
		buf_add_str(out, line);
		buf_add_char(out, '\n');
	}
}

static void
check_fixture(const char *name)
{
	struct buf want, got;
	struct fixture f;
	struct parsed p;

	env_clear();
	fixture_open(&f, name);
	buf_init(&want, 256 * 1024);
	buf_init(&got, 256 * 1024);
	memset(&p, 0, sizeof(p));
	config_report_init(&p.report);
	if (config_load(f.path, &p.config, &p.report, &p.err) == 0)
		assert_int_equal(p.report.errors, 0);
	else
		assert_int_equal(p.err.code, ERR_CONFIG);
	wanted(&f, &want);
	say(&f, &p, &got);
	if (strcmp(buf_cstr(&want), buf_cstr(&got)) != 0)
		print_error("%s: wanted\n%sbut got\n%s", name, buf_cstr(&want),
		    buf_cstr(&got));
	assert_true(want.len > 0);
	assert_string_equal(buf_cstr(&got), buf_cstr(&want));
	/* Secrets in the fixtures hold this word. */
	assert_int_equal(str_find(buf_str(&got), "CANARY"), -1);
	assert_null(strstr(p.err.text, "CANARY"));
	buf_fini(&want);
	buf_fini(&got);
	parsed_free(&p);
	fixture_close(&f);
}

static void
test_every_fixture_is_judged_as_it_says(void **state)
{
	char *dir = source_path("tests/unit/config"), *names[MAX_FIXTURES];
	DIR *d = opendir(dir);
	struct dirent *e;
	size_t count = 0;

	(void)state;
	assert_non_null(d);
	while ((e = readdir(d)) != NULL && count < MAX_FIXTURES) {
		if (str_ends(str_of(e->d_name), ".yaml"))
			names[count++] = xstrdup(e->d_name);
	}
	closedir(d);
	assert_true(count >= 30);
	for (size_t i = 0; i < count; i++) {
		check_fixture(names[i]);
		free(names[i]);
	}
	free(dir);
}

/* ---- the configuration to think of -------------------------------------- */

static void
load_think(struct parsed *p, const char *openai, const char *mistral)
{
	char *path = source_path("tests/unit/config/think.yaml");

	env_clear();
	if (openai != NULL)
		setenv("OPENAI_API_KEY", openai, 1);
	if (mistral != NULL)
		setenv("MISTRAL_API_KEY", mistral, 1);
	memset(p, 0, sizeof(*p));
	config_report_init(&p->report);
	if (config_load(path, &p->config, &p->report, &p->err) != 0)
		assert_null(p->config);
	free(path);
}

static void
test_three_entries_start_with_both_keys(void **state)
{
	const struct config_deployment *d;
	struct parsed p;

	(void)state;
	load_think(&p, "sk-o", "m");
	assert_non_null(p.config);
	assert_int_equal(p.report.count, 0);
	assert_int_equal(p.config->deployment_count, 3);
	d = p.config->deployments;
	assert_string_equal(d[0].model_name, "primary-agent-model");
	assert_string_equal(d[0].litellm_model, "openai/gpt-4o-mini");
	assert_string_equal(d[0].upstream_model, "gpt-4o-mini");
	assert_string_equal(d[0].api_base, "https://api.openai.com/v1");
	assert_string_equal(d[0].api_key, "sk-o");
	assert_string_equal(d[0].provider->prefix, "openai");
	assert_int_equal(d[0].line, 4);
	assert_string_equal(d[2].api_base, "https://api.mistral.ai/v1");
	assert_string_equal(d[2].api_key, "m");
	assert_string_not_equal(d[0].id, d[1].id);
	assert_int_equal(p.config->router.num_retries, 2);
	assert_int_equal(p.config->router.timeout_msecs, 30000);
	assert_int_equal(p.config->router.strategy, STRATEGY_SIMPLE_SHUFFLE);
	assert_true(p.config->drop_params);
	parsed_free(&p);
}

static void
test_three_entries_start_with_one_key(void **state)
{
	struct parsed p;

	(void)state;
	load_think(&p, NULL, "m");
	assert_non_null(p.config);
	assert_int_equal(p.config->deployment_count, 1);
	assert_int_equal(p.report.warnings, 2);
	assert_true(has_remark(&p, "OPENAI_API_KEY is not set"));
	parsed_free(&p);
	load_think(&p, "sk-o", NULL);
	assert_non_null(p.config);
	assert_int_equal(p.config->deployment_count, 2);
	assert_int_equal(p.report.warnings, 1);
	assert_true(has_remark(&p, "MISTRAL_API_KEY is not set"));
	parsed_free(&p);
}

static void
test_no_key_at_all_says_no_models_available(void **state)
{
	struct parsed p;

	(void)state;
	load_think(&p, NULL, NULL);
	assert_null(p.config);
	assert_int_equal(p.err.code, ERR_CONFIG);
	assert_non_null(strstr(p.err.text, "no models available: "));
	assert_non_null(strstr(p.err.text, "OPENAI_API_KEY"));
	assert_non_null(strstr(p.err.text, "MISTRAL_API_KEY"));
	parsed_free(&p);
}

#define MOCK "    litellm_params: {model: openai/x, mock_response: hi}\n"
#define ONE  "model_list:\n  - model_name: a\n" MOCK

/* ---- the environment ------------------------------------------------------
 */

static void
test_variables_of_the_file_leave_with_it(void **state)
{
	struct parsed p;

	(void)state;
	env_clear();
	setenv("TG_OLD", "before", 1);
	unsetenv("TG_NEW");
	parse_text(&p,
	    ONE "environment_variables: {TG_OLD: one, TG_NEW: one}\n");
	assert_non_null(p.config);
	assert_string_equal(getenv("TG_OLD"), "one");
	assert_string_equal(getenv("TG_NEW"), "one");
	parsed_free(&p);
	/* A refused file changes nothing. */
	parse_text(&p, "environment_variables: {TG_OLD: two, TG_THIRD: x}\n"
		       "model_list: 5\n");
	assert_null(p.config);
	assert_string_equal(getenv("TG_OLD"), "one");
	assert_string_equal(getenv("TG_NEW"), "one");
	assert_null(getenv("TG_THIRD"));
	parsed_free(&p);
	/* The next good one starts from what was there before the first. */
	parse_text(&p, ONE "environment_variables: {TG_NEW: three}\n");
	assert_non_null(p.config);
	assert_string_equal(getenv("TG_OLD"), "before");
	assert_string_equal(getenv("TG_NEW"), "three");
	parsed_free(&p);
	parse_text(&p, ONE);
	assert_non_null(p.config);
	assert_string_equal(getenv("TG_OLD"), "before");
	assert_null(getenv("TG_NEW"));
	parsed_free(&p);
	unsetenv("TG_OLD");
}

static void
test_references_stand_for_any_value(void **state)
{
	char *path = source_path("tests/unit/config/environment.yaml");
	const struct config_deployment *d;
	struct fixture f;
	struct parsed p;

	(void)state;
	env_clear();
	fixture_open(&f, "environment.yaml");
	memset(&p, 0, sizeof(p));
	config_report_init(&p.report);
	assert_int_equal(config_load(path, &p.config, &p.report, &p.err), 0);
	d = p.config->deployments;
	assert_string_equal(d->model_name, "from-env");
	assert_string_equal(d->litellm_model, "openai/gpt-4o");
	assert_string_equal(d->api_key, "one");
	assert_int_equal(d->timeout_msecs, 12500);
	assert_int_equal(d->rpm, 40);
	assert_int_equal(d->tpm, CONFIG_UNSET);
	assert_int_equal(d->drop_params, 1);
	assert_string_equal(d->defaults_json, "{\"temperature\":0.25}");
	assert_int_equal(d->tags.count, 1);
	assert_string_equal(d->tags.items[0], "gold");
	assert_string_equal(d->extra_body_json,
	    "{\"a\":\"from-env\",\"b\":[true],\"c\":null}");
	assert_int_equal(d->headers.count, 1);
	assert_int_equal(p.config->router.num_retries, 2);
	parsed_free(&p);
	fixture_close(&f);
	free(path);
	unsetenv("T_FIRST");
	unsetenv("T_SECOND");
	unsetenv("T_MODEL");
}

static void
test_the_master_key_may_come_from_the_environment(void **state)
{
	struct parsed p;

	(void)state;
	env_clear();
	setenv("LITELLM_MASTER_KEY", "sk-env\n", 1);
	parse_text(&p, ONE);
	assert_string_equal(p.config->master_key, "sk-env");
	parsed_free(&p);
	parse_text(&p, ONE "general_settings: {master_key: sk-file}\n");
	assert_string_equal(p.config->master_key, "sk-file");
	parsed_free(&p);
	env_clear();
}

static void
test_the_state_directory_has_its_order(void **state)
{
	struct parsed p;
	char *dir;

	(void)state;
	env_clear();
	parse_text(&p, ONE "tallygate: {state_dir: /from/file}\n");
	dir = config_state_dir(p.config, "/given");
	assert_string_equal(dir, "/given");
	free(dir);
	dir = config_state_dir(p.config, NULL);
	assert_string_equal(dir, "/from/file");
	free(dir);
	/* A relative one is made absolute: children need not stand here. */
	dir = config_state_dir(p.config, "st");
	assert_true(dir[0] == '/' && str_ends(str_of(dir), "/st"));
	free(dir);
	dir = config_state_dir(p.config, "././st");
	assert_true(
	    str_ends(str_of(dir), "/st") && str_find(str_of(dir), "./") < 0);
	free(dir);
	setenv("TALLYGATE_STATE_DIR", "/named", 1);
	dir = config_state_dir(p.config, NULL);
	assert_string_equal(dir, "/from/file");
	free(dir);
	dir = config_state_dir(NULL, NULL);
	assert_string_equal(dir, "/named");
	free(dir);
	unsetenv("TALLYGATE_STATE_DIR");
	parsed_free(&p);
	setenv("XDG_STATE_HOME", "/xdg", 1);
	dir = config_state_dir(NULL, "");
	assert_string_equal(dir,
	    geteuid() == 0 ? "/var/lib/tallygate" : "/xdg/tallygate");
	free(dir);
	setenv("XDG_STATE_HOME", "not/absolute", 1);
	setenv("HOME", "/home/me", 1);
	dir = config_state_dir(NULL, NULL);
	assert_string_equal(dir, geteuid() == 0
				     ? "/var/lib/tallygate"
				     : "/home/me/.local/state/tallygate");
	free(dir);
	unsetenv("XDG_STATE_HOME");
}

/* ---- shipped files --------------------------------------------------------
 */

static void
load_shipped(const char *name, struct parsed *p)
{
	char *path = source_path(name);

	env_clear();
	memset(p, 0, sizeof(*p));
	config_report_init(&p->report);
	if (config_load(path, &p->config, &p->report, &p->err) != 0)
		print_error("%s\n", p->err.text);
	assert_non_null(p->config);
	free(path);
}

static void
test_the_demo_starts_without_a_word(void **state)
{
	const struct config_deployment *d;
	struct parsed p;

	(void)state;
	load_shipped("etc/demo.yaml", &p);
	assert_int_equal(p.report.count, 0);
	assert_int_equal(p.config->deployment_count, 3);
	d = p.config->deployments;
	assert_string_equal(d[0].model_name, d[1].model_name);
	assert_true(d[0].order < d[1].order);
	assert_string_equal(d[0].api_base, "http://127.0.0.1:9101/v1");
	assert_string_equal(d[1].api_base, "http://127.0.0.1:9102/v1");
	assert_int_equal(p.config->port, 4000);
	parsed_free(&p);
}

static void
test_the_example_mentions_every_key_that_does_something(void **state)
{
	char *path = source_path("etc/tallygate.yaml");
	struct parsed p;
	struct buf text;
	struct err err;

	(void)state;
	load_shipped("etc/tallygate.yaml", &p);
	/* Two deployments have no key here; LiteLLM's caps would want a
	   database there. Nothing else is to be said. */
	for (size_t i = 0; i < p.report.count; i++) {
		const char *said = p.report.remarks[i].text;

		assert_true(strstr(said, "is left out") != NULL ||
			    strstr(said, "a hard cap here") != NULL);
	}
	buf_init(&text, BUNDLE_FILE_BYTES);
	assert_int_equal(file_read(path, &text, &err), 0);
	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *k = &config_keys[i];

		if (k->effect != EFFECT_USED)
			continue;
		if (strstr(buf_cstr(&text), config_key_name(k)) == NULL)
			print_error("not in the example: %s\n", k->path);
		assert_non_null(strstr(buf_cstr(&text), config_key_name(k)));
	}
	buf_fini(&text);
	parsed_free(&p);
	free(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_fixture_is_judged_as_it_says),
		cmocka_unit_test(test_three_entries_start_with_both_keys),
		cmocka_unit_test(test_three_entries_start_with_one_key),
		cmocka_unit_test(test_no_key_at_all_says_no_models_available),
		cmocka_unit_test(test_variables_of_the_file_leave_with_it),
		cmocka_unit_test(test_references_stand_for_any_value),
		cmocka_unit_test(
		    test_the_master_key_may_come_from_the_environment),
		cmocka_unit_test(test_the_state_directory_has_its_order),
		cmocka_unit_test(test_the_demo_starts_without_a_word),
		cmocka_unit_test(
		    test_the_example_mentions_every_key_that_does_something),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
