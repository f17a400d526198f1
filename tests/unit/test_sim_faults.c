/* The simulator's settings: one table behind flags, control, headers, docs. */
#include "unit.h"

#include "base/fd.h"
#include "sim/faults.h"
#include "sim/options.h"

static int
set(struct faults *f, const char *name, const char *value, struct err *err)
{
	const struct fault_row *row = faults_find(str_of(name));

	assert_non_null(row);
	return faults_set(f, row, str_of(value), err);
}

static void
test_defaults_are_a_provider_that_behaves(void **state)
{
	struct faults f;

	(void)state;
	faults_init(&f);
	assert_int_equal(f.error_status, 0);
	assert_int_equal(f.error_rate, FAULT_REAL_ONE);
	assert_int_equal(f.cut_after_chunks, FAULT_OFF);
	assert_int_equal(f.completion_tokens, FAULT_OFF);
	assert_int_equal(f.prompt_tokens, FAULT_OFF);
	assert_string_equal(f.error_code, "");
}

static void
test_names_take_dashes_and_any_case(void **state)
{
	static const char *const names[] = { "latency_ms", "latency-ms",
		"Latency-MS" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_string_equal(faults_find(str_of(names[i]))->name,
		    "latency_ms");
	assert_null(faults_find(str_of("latency")));
	assert_null(faults_find(str_of("latency_msx")));
	assert_null(faults_find(str_of("")));
	assert_string_equal(faults_near(str_of("latancy-ms")), "latency_ms");
	assert_null(faults_near(str_of("something_else")));
}

static void
test_every_row_takes_its_bounds_and_not_more(void **state)
{
	const struct fault_row *rows;
	struct faults f;
	struct err err;
	size_t count;

	(void)state;
	faults_init(&f);
	rows = faults_rows(&count);
	assert_true(count > 20);
	for (size_t i = 0; i < count; i++) {
		char text[40];

		if (rows[i].type != FAULT_INT)
			continue;
		snprintf(text, sizeof(text), "%lld", (long long)rows[i].most);
		assert_int_equal(set(&f, rows[i].name, text, &err), 0);
		snprintf(text, sizeof(text), "%lld", (long long)rows[i].least);
		assert_int_equal(set(&f, rows[i].name, text, &err), 0);
		snprintf(text, sizeof(text), "%lld",
		    (long long)rows[i].most + 1);
		assert_int_equal(set(&f, rows[i].name, text, &err), -1);
		assert_non_null(strstr(err.text, rows[i].name));
		snprintf(text, sizeof(text), "%lld",
		    (long long)rows[i].least - 1);
		assert_int_equal(set(&f, rows[i].name, text, &err), -1);
		assert_int_equal(set(&f, rows[i].name, "1x", &err), -1);
		assert_int_equal(set(&f, rows[i].name, "", &err), -1);
	}
}

static void
test_values_by_type(void **state)
{
	struct faults f;
	struct err err;

	(void)state;
	faults_init(&f);
	assert_int_equal(set(&f, "error_rate", "0.25", &err), 0);
	assert_int_equal(f.error_rate, 250000);
	assert_int_equal(set(&f, "error_rate", "1.01", &err), -1);
	assert_int_equal(f.error_rate, 250000);
	assert_int_equal(set(&f, "tokens_per_second", "12.5", &err), 0);
	assert_int_equal(f.tokens_per_second, 12500000);
	assert_int_equal(set(&f, "one_byte", "", &err), 0);
	assert_int_equal(f.one_byte, 1);
	assert_int_equal(set(&f, "one_byte", "false", &err), 0);
	assert_int_equal(f.one_byte, 0);
	assert_int_equal(set(&f, "one_byte", "2", &err), -1);
	assert_int_equal(set(&f, "error_status", "503", &err), 0);
	assert_int_equal(set(&f, "error_status", "200", &err), -1);
	assert_int_equal(set(&f, "error_status", "600", &err), -1);
	assert_int_equal(f.error_status, 503);
	assert_int_equal(set(&f, "error_status", "0", &err), 0);
	assert_int_equal(set(&f, "cut_mode", "Reset", &err), 0);
	assert_int_equal(f.cut_mode, ENDING_RESET);
	assert_int_equal(set(&f, "cut_mode", "rest", &err), -1);
	assert_non_null(strstr(err.text, "close, reset, half or clean"));
	assert_int_equal(set(&f, "error_code", "a b", &err), 0);
	assert_int_equal(set(&f, "error_code", "a\r\nb", &err), -1);
	assert_string_equal(f.error_code, "a b");
}

static void
test_json_sets_all_or_nothing(void **state)
{
	struct faults f, before;
	struct err err;
	json_t *obj;

	(void)state;
	faults_init(&f);
	obj =
	    json_loads("{\"latency_ms\":5,\"error_rate\":0.5,\"garbage\":true,"
		       "\"cut_mode\":\"half\",\"one_byte\":\"yes\"}",
		0, NULL);
	assert_int_equal(faults_set_json(&f, obj, &err), 0);
	json_decref(obj);
	assert_int_equal(f.latency_ms, 5);
	assert_int_equal(f.error_rate, 500000);
	assert_int_equal(f.garbage, 1);
	assert_int_equal(f.cut_mode, ENDING_HALF);
	assert_int_equal(f.one_byte, 1);
	before = f;
	obj = json_loads("{\"latency_ms\":7,\"no_such\":1}", 0, NULL);
	assert_int_equal(faults_set_json(&f, obj, &err), -1);
	assert_non_null(strstr(err.text, "no_such"));
	assert_memory_equal(&f, &before, sizeof(f));
	json_decref(obj);
	obj = json_loads("{\"latency_ms\":[]}", 0, NULL);
	assert_int_equal(faults_set_json(&f, obj, &err), -1);
	json_decref(obj);
	obj = json_loads("{\"latency_ms\":null,\"cut_mode\":null}", 0, NULL);
	assert_int_equal(faults_set_json(&f, obj, &err), 0);
	assert_int_equal(f.latency_ms, 0);
	assert_int_equal(f.cut_mode, ENDING_CLOSE);
	json_decref(obj);
}

static void
test_what_is_written_sets_the_same_again(void **state)
{
	struct faults f, again;
	struct err err;
	struct jsonw w;
	struct buf out;
	json_t *obj;

	(void)state;
	faults_init(&f);
	assert_int_equal(set(&f, "tokens_per_second", "0.000001", &err), 0);
	assert_int_equal(set(&f, "error_rate", "0.333333", &err), 0);
	assert_int_equal(set(&f, "error_code", "x\"y", &err), 0);
	assert_int_equal(set(&f, "cut_mode", "clean", &err), 0);
	assert_int_equal(set(&f, "garbage", "1", &err), 0);
	buf_init(&out, 65536);
	jsonw_init(&w, &out);
	faults_write(&f, &w);
	obj = jsonx_parse(buf_str(&out), &err);
	assert_non_null(obj);
	faults_init(&again);
	assert_int_equal(faults_set_json(&again, obj, &err), 0);
	assert_memory_equal(&f, &again, sizeof(f));
	json_decref(obj);
	buf_fini(&out);
}

static int
parse(struct options *o, enum options_action *action, struct err *err,
    const char *const *words)
{
	int argc = 0;

	while (words[argc] != NULL)
		argc++;
	return options_parse(o, argc, (char *const *)(uintptr_t)words, action,
	    err);
}

static void
test_flags_set_options_and_settings(void **state)
{
	static const char *const words[] = { "tallysim", "--port=0", "--name",
		"alpha-1", "--dialect", "mistral", "--latency-ms", "50",
		"--no-usage", "--error_rate=0.5", NULL };
	enum options_action action;
	struct options o;
	struct err err;

	(void)state;
	assert_int_equal(parse(&o, &action, &err, words), 0);
	assert_int_equal(action, OPTIONS_RUN);
	assert_int_equal(o.port, 0);
	assert_string_equal(o.name, "alpha-1");
	assert_int_equal(o.dialect, DIALECT_MISTRAL);
	assert_int_equal(o.faults.latency_ms, 50);
	assert_int_equal(o.faults.no_usage, 1);
	assert_int_equal(o.faults.error_rate, 500000);
}

static void
test_bad_flags_get_one_clear_line(void **state)
{
	static const struct {
		const char *words[4];
		const char *says;
	} rows[] = {
		{ { "t", "--latancy-ms", "5", NULL },
		    "did you mean --latency-ms?" },
		{ { "t", "--prot", "5", NULL }, "did you mean --port?" },
		{ { "t", "--port", NULL, NULL }, "--port needs a value" },
		{ { "t", "--port", "70000", NULL }, "0 to 65535" },
		{ { "t", "9101", NULL, NULL }, "is not a flag" },
		{ { "t", "--name", "a b", NULL }, "--name takes" },
		{ { "t", "--dialect", "x", NULL },
		    "openai, anthropic, mistral or bedrock" },
		{ { "t", "--error-status", "20", NULL }, "error_status takes" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		enum options_action action;
		struct options o;
		struct err err;

		assert_int_equal(parse(&o, &action, &err, rows[i].words), -1);
		if (strstr(err.text, rows[i].says) == NULL)
			fail_msg("\"%s\" lacks \"%s\"", err.text, rows[i].says);
		assert_null(strchr(err.text, '\n'));
	}
}

static void
test_help_names_every_setting(void **state)
{
	const struct fault_row *rows;
	struct buf out;
	size_t count;

	(void)state;
	buf_init(&out, 65536);
	options_help(&out);
	rows = faults_rows(&count);
	for (size_t i = 0; i < count; i++) {
		char *flag = xasprintf("--%s", rows[i].name);

		for (char *p = flag; *p != '\0'; p++)
			*p = *p == '_' ? '-' : *p;
		if (strstr(buf_cstr(&out), flag) == NULL)
			fail_msg("--help lacks %s", flag);
		free(flag);
	}
	buf_fini(&out);
}

/* The list in the manual is what `tallysim --mdoc` prints. */
static void
test_manual_has_the_table(void **state)
{
	const char *top = getenv("TALLYGATE_SRCDIR");
	struct buf manual, table;
	struct err err;
	char *path;

	(void)state;
	if (top == NULL)
		skip();
	path = path_join(top, "docs/man/tallysim.1");
	buf_init(&manual, 1 << 20);
	buf_init(&table, 65536);
	if (file_read(path, &manual, &err) != 0)
		fail_msg("%s", err.text);
	faults_mdoc(&table);
	if (strstr(buf_cstr(&manual), buf_cstr(&table)) == NULL)
		fail_msg("docs/man/tallysim.1: the list of settings is not "
			 "what `tallysim --mdoc` prints");
	free(path);
	buf_fini(&manual);
	buf_fini(&table);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults_are_a_provider_that_behaves),
		cmocka_unit_test(test_names_take_dashes_and_any_case),
		cmocka_unit_test(test_every_row_takes_its_bounds_and_not_more),
		cmocka_unit_test(test_values_by_type),
		cmocka_unit_test(test_json_sets_all_or_nothing),
		cmocka_unit_test(test_what_is_written_sets_the_same_again),
		cmocka_unit_test(test_flags_set_options_and_settings),
		cmocka_unit_test(test_bad_flags_get_one_clear_line),
		cmocka_unit_test(test_help_names_every_setting),
		cmocka_unit_test(test_manual_has_the_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
