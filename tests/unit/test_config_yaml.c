/*
 * YAML → nodes: what is understood, what is refused and where, and that no
 * file of a megabyte takes long or much memory.
 */
#include "config_unit.h"

#include "base/clock.h"
#include "config/config_tree.h"

#include <sys/resource.h>

struct read {
	struct tree tree;
	struct config_report report;
	struct node *root;
};

static void
read_text(struct read *r, struct str text)
{
	tree_init(&r->tree);
	config_report_init(&r->report);
	r->root = config_yaml_parse(&r->tree, "t.yaml", text, &r->report);
	r->tree.root = r->root;
	/* One error exactly when there is no tree. */
	assert_int_equal(r->report.errors, r->root == NULL);
	assert_int_equal(r->report.count, r->report.errors);
}

static void
read_free(struct read *r)
{
	tree_fini(&r->tree);
	config_report_fini(&r->report);
}

/* Own keys win wherever they stand, then the first map; merged maps may have
   merged themselves. */
static void
test_merge_keys(void **state)
{
	static const char text[] = "a: &a {x: 1, y: 1, z: 1}\n"
				   "b: &b {y: 2, <<: *a}\n"
				   "m:\n"
				   "  <<: [*b, {w: 3, x: 3}]\n"
				   "  x: 4\n"
				   "\"<<\": 5\n";
	static const char *const want[][2] = { { "x", "4" }, { "y", "2" },
		{ "z", "1" }, { "w", "3" } };
	const struct node *m;
	struct read r;

	(void)state;
	read_text(&r, str_of(text));
	assert_non_null(r.root);
	m = node_find(r.root, "m");
	assert_int_equal(m->count, 4);
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		assert_str(node_find(m, want[i][0])->text, want[i][1]);
	assert_int_equal(node_find(r.root, "a")->count, 3);
	assert_int_equal(node_find(r.root, "b")->count, 3);
	assert_str(node_find(r.root, "<<")->text, "5");
	read_free(&r);
}

static void
test_merge_keys_refused(void **state)
{
	static const char *const texts[] = { "a: &a {<<: *a}\n",
		"a: &a {x: 1}\nb: {<<: *a, <<: *a}\n", "b: {<<: x}\n",
		"b: {<<: [{x: 1}, [y]]}\n", "b: {<<: *a}\n", "b: {<<: }\n" };
	struct read r;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		read_text(&r, str_of(texts[i]));
		assert_null(r.root);
		read_free(&r);
	}
}

static void
test_nodes_know_their_lines_and_paths(void **state)
{
	static const char text[] = "# comment\n"
				   "a:\n"
				   "  - x\n"
				   "  - {b: 1,\n"
				   "     c: \"two\"}\n"
				   "d: |\n"
				   "  text\n"
				   "e: ~\n"
				   "f:\n";
	char path[TREE_PATH_BYTES];
	const struct node *n;
	struct read r;

	(void)state;
	read_text(&r, str_of(text));
	assert_non_null(r.root);
	n = node_find(r.root, "a");
	assert_int_equal(n->kind, NODE_LIST);
	assert_int_equal(n->line, 2);
	assert_int_equal(n->count, 2);
	n = node_find(n->last, "c");
	assert_int_equal(n->line, 5);
	assert_false(n->plain);
	assert_str(n->text, "two");
	node_path(n, path);
	assert_string_equal(path, "a[1].c");
	n = node_find(r.root, "d");
	assert_int_equal(n->line, 6);
	assert_str(n->text, "text\n");
	assert_int_equal(node_find(r.root, "e")->kind, NODE_NULL);
	assert_int_equal(node_find(r.root, "f")->kind, NODE_NULL);
	assert_null(node_get(r.root, "f"));
	assert_null(node_find(r.root, "g"));
	read_free(&r);
}

static void
test_an_alias_is_a_copy_at_its_own_line(void **state)
{
	static const char text[] = "a: &x {k: [1, 2]}\n"
				   "b: *x\n"
				   "c: &y 5\n"
				   "d: [*y, *y]\n";
	const struct node *n;
	struct read r;

	(void)state;
	read_text(&r, str_of(text));
	assert_non_null(r.root);
	n = node_find(r.root, "b");
	assert_int_equal(n->line, 2);
	assert_ptr_not_equal(n->first, node_find(r.root, "a")->first);
	assert_str(node_find(n, "k")->last->text, "2");
	assert_ptr_equal(node_find(n, "k")->parent, n);
	assert_str(node_find(r.root, "d")->last->text, "5");
	read_free(&r);
}

static void
test_types_are_those_of_yaml_1_2(void **state)
{
	static const struct {
		const char *text;
		enum scalar_type type;
	} rows[] = {
		{ "true", SCALAR_BOOL },
		{ "False", SCALAR_BOOL },
		{ "yes", SCALAR_TEXT },
		{ "tRUE", SCALAR_TEXT },
		{ "1", SCALAR_INT },
		{ "-10", SCALAR_INT },
		{ "+1", SCALAR_INT },
		{ "010", SCALAR_INT },
		{ "1e3", SCALAR_FLOAT },
		{ "1.", SCALAR_FLOAT },
		{ ".5", SCALAR_FLOAT },
		{ "1.5e-07", SCALAR_FLOAT },
		{ "1e", SCALAR_TEXT },
		{ "1e+", SCALAR_TEXT },
		{ "-", SCALAR_TEXT },
		{ "1_000", SCALAR_TEXT },
		{ "1:30", SCALAR_TEXT },
		{ "0x1f", SCALAR_TEXT },
		{ "1 2", SCALAR_TEXT },
		{ "", SCALAR_TEXT },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct node n = { .kind = NODE_SCALAR,
			.plain = true,
			.text = str_of(rows[i].text) };

		assert_int_equal(node_scalar_type(&n), rows[i].type);
		n.plain = false;
		assert_int_equal(node_scalar_type(&n), SCALAR_TEXT);
	}
}

/* ---- refusals ------------------------------------------------------------ */

static void
test_refusals_name_line_and_reason(void **state)
{
	static const struct {
		const char *text;
		int line;
		const char *part;
	} rows[] = {
		{ "a: 1\nb: 2\na: 3\n", 3, "given twice (first in line 1)" },
		{ "a: {b: 1,\n b: 2}", 2, "given twice" },
		{ "a: !!int 3\n", 1, "tags" },
		{ "a:\n  - !x {b: 1}\n", 2, "tags" },
		{ "!x a: 1\n", 1, "tags" },
		{ "a: {<<: b}\n", 1, "merge key takes" },
		{ "a: &x [1, *x]\n", 1, "cycle" },
		{ "a: &x {b: {c: [*x]}}\n", 1, "cycle" },
		{ "a: *x\n", 1, "no anchor" },
		{ "a: 1\n---\nb: 1\n", 2, "second document" },
		{ "a: 1\n...\nb: 1\n", 3, "document start" },
		{ "a: 1\n b: 2\n", 2, "not valid YAML" },
		{ "a: [1,\n", 2, "not valid YAML" },
		{ "a: \"x\\0y\"\n", 1, "NUL" },
		{ "\"x\\0y\": 1\n", 1, "NUL" },
		{ "? [a]\n: 1\n", 1, "key must be plain text" },
		{ "? {a: 1}\n: 1\n", 1, "key must be plain text" },
		{ "'': 1\n", 1, "key is missing" },
		{ "a: 1\n\tb: 2\n", 2, "tab" },
		{ "a: 1\nb: \x01\n", 2, "control characters" },
		{ "a: 1\nb: \xff\n", 2, "UTF-8" },
		{ "\xfe\xff\0a\0:\0 \0b", 1, "UTF-8" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct config_remark *m;
		struct read r;

		read_text(&r, str_of(rows[i].text));
		if (r.root != NULL)
			print_error("taken: %s\n", rows[i].text);
		assert_null(r.root);
		m = &r.report.remarks[0];
		if (m->line != rows[i].line ||
		    strstr(m->text, rows[i].part) == NULL)
			print_error("row %zu: %d: %s\n", i, m->line, m->text);
		assert_int_equal(m->line, rows[i].line);
		assert_non_null(strstr(m->text, rows[i].part));
		read_free(&r);
	}
}

static void
test_a_raw_nul_byte_is_refused(void **state)
{
	struct read r;

	(void)state;
	read_text(&r, str_make("a: 1\nb: x\0y\n", 12));
	assert_null(r.root);
	assert_int_equal(r.report.remarks[0].line, 2);
	read_free(&r);
}

static void
test_nothing_and_comments_are_an_empty_tree(void **state)
{
	static const char *const texts[] = { "", "\n\n", "# only this\n",
		"---\n", "\xef\xbb\xbf", "~\n" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct read r;

		read_text(&r, str_of(texts[i]));
		assert_non_null(r.root);
		assert_int_equal(r.root->kind, NODE_NULL);
		read_free(&r);
	}
}

static void
test_a_byte_order_mark_is_no_part_of_the_first_key(void **state)
{
	struct read r;

	(void)state;
	read_text(&r, str_of("\xef\xbb\xbf"
			     "a: 1\n"));
	assert_non_null(r.root);
	assert_non_null(node_find(r.root, "a"));
	read_free(&r);
}

/* ---- hostile files ------------------------------------------------------- */

/* A head, a piece `count` times, a tail. */
static void
repeat(struct buf *b, const char *head, const char *piece, size_t count)
{
	buf_clear(b);
	buf_add_cstr(b, head);
	for (size_t i = 0; i < count; i++)
		buf_add_cstr(b, piece);
}

static long
max_rss_kib(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_maxrss;
}

static int64_t
cpu_nsecs(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec * NSECS_PER_SEC + ts.tv_nsec;
}

/* Parses as a whole configuration; at most three seconds of CPU (sanitizers
   are slow) and 100 MiB more than before. part NULL: any outcome. */
static void
expect_soon(struct buf *b, const char *part)
{
	int64_t start = cpu_nsecs();
	long before = max_rss_kib();
	struct parsed p;

	assert_false(b->overflowed);
	parse_str(&p, buf_str(b));
	if (part != NULL && !has_remark(&p, part))
		print_error("%s\n", p.err.text);
	assert_true(part == NULL || has_remark(&p, part));
	assert_true(cpu_nsecs() - start < 3 * NSECS_PER_SEC);
	assert_true(max_rss_kib() - before < 100 * 1024);
	assert_true(p.report.count <= CONFIG_MAX_REMARKS + 1);
	parsed_free(&p);
}

static void
test_deep_nesting_is_found_at_once(void **state)
{
	static const char deep[] = "nested deeper than 32 levels";
	struct buf b;

	(void)state;
	buf_init(&b, 4 * 1024 * 1024);
	repeat(&b, "a: ", "[", 100000);
	expect_soon(&b, deep);
	repeat(&b, "a: ", "[\n", 100000);
	expect_soon(&b, deep);
	repeat(&b, "", "- ", 400000);
	expect_soon(&b, deep);
	repeat(&b, "a: ", "{a: ", 100000);
	expect_soon(&b, deep);
	repeat(&b, "a: ", "{", 100000);
	expect_soon(&b, "key must be plain text");
	repeat(&b, "", "? ", 400000);
	expect_soon(&b, "key must be plain text");
	repeat(&b, "", "&a ", 300000);
	expect_soon(&b, "not valid YAML");
	buf_fini(&b);
}

static void
test_alias_bombs_are_counted(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 4 * 1024 * 1024);
	/* 9^24 nodes when walked. */
	repeat(&b, "a: &a [x,x,x,x,x,x,x,x,x]\n", "", 0);
	for (char c = 'b'; c <= 'y'; c++) {
		buf_printf(&b, "%c: &%c [", c, c);
		for (int i = 0; i < 9; i++)
			buf_printf(&b, "*%c%s", c - 1, i < 8 ? "," : "]\n");
	}
	expect_soon(&b, "more than 100000 values");
	/* Few nodes, many bytes. */
	repeat(&b, "a: &a ", "x", 500000);
	buf_add_cstr(&b, "\nb: [");
	for (int i = 0; i < 50000; i++)
		buf_add_cstr(&b, "*a,");
	buf_add_cstr(&b, "*a]\n");
	expect_soon(&b, "aliases repeat more than 4194304 bytes");
	buf_clear(&b);
	for (int i = 0; i < 2000; i++)
		buf_printf(&b, "k%d: &a%d 1\n", i, i);
	expect_soon(&b, "more than 1000 anchors");
	buf_fini(&b);
}

static void
test_large_files_and_many_values_are_refused(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 4 * 1024 * 1024);
	repeat(&b, "#", "x", 2 * 1024 * 1024);
	expect_soon(&b, "larger than 1048576 bytes");
	repeat(&b, "a:\n", "- b\n", 200000);
	expect_soon(&b, "more than 100000 values");
	repeat(&b, "a: ", "x ", 500000);
	expect_soon(&b, "no models available");
	repeat(&b, "a: \"", "\\n", 500000);
	buf_add_char(&b, '"');
	expect_soon(&b, "no models available");
	repeat(&b, "a: |\n", "  x\n", 250000);
	expect_soon(&b, "no models available");
	repeat(&b, "!!", "a", 900000);
	expect_soon(&b, "tags");
	buf_fini(&b);
}

#define MOCKED                                                                 \
	"model_list: [{model_name: a, litellm_params: {model: openai/x, "      \
	"mock_response: hi}}]\n"

/* Numbered pieces: %d in fmt is the number. */
static void
numbered(struct buf *b, const char *head, const char *before, const char *after,
    int count)
{
	buf_clear(b);
	buf_add_cstr(b, head);
	for (int i = 0; i < count; i++)
		buf_printf(b, "%s%d%s", before, i, after);
}

static void
test_many_keys_do_not_take_long(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 4 * 1024 * 1024);
	numbered(&b, MOCKED, "k", ": 1\n", 40000);
	expect_soon(&b, "there is more to say");
	numbered(&b,
	    "model_list:\n- model_name: a\n  litellm_params:\n"
	    "    model: openai/x\n    mock_response: x\n",
	    "    p", ": 1\n", 30000);
	expect_soon(&b, "there is more to say");
	numbered(&b, "model_list:\n", "- {model_name: m",
	    ", litellm_params: {model: openai/x, mock_response: x}}\n", 12000);
	expect_soon(&b, "more than 10000 entries");
	numbered(&b,
	    "model_list:\n- model_name: a\n  litellm_params:\n"
	    "    model: openai/x\n",
	    "    input_cost_per_token_above_", "k_tokens: 1\n", 15000);
	expect_soon(&b, "more than 256 prices");
	buf_fini(&b);
}

static void
test_many_names_do_not_take_long(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 4 * 1024 * 1024);
	numbered(&b, MOCKED "router_settings:\n  model_group_alias:\n", "    p",
	    ": q\n", 60000);
	expect_soon(&b, "there is more to say");
	numbered(&b, MOCKED "router_settings:\n  fallbacks:\n", "    - p",
	    ": [q]\n", 2000);
	expect_soon(&b, "no model group");
	numbered(&b, MOCKED "router_settings:\n  fallbacks:\n", "    - p",
	    ": [q]\n", 20000);
	expect_soon(&b, "more than 2000 entries");
	numbered(&b, MOCKED "tallygate:\n  budgets:\n",
	    "    - {per: deployment, match: x", ", max_budget: 1}\n", 12000);
	expect_soon(&b, "more than 10000 budgets");
	numbered(&b, "model_list:\n", "- {model_name: \"",
	    "*\", litellm_params: {model: openai/x, mock_response: x}}\n",
	    5000);
	expect_soon(&b, NULL);
	buf_fini(&b);
}

static void
test_many_references_do_not_take_much(void **state)
{
	char *value = xmalloc(64 * 1024 + 1);
	struct buf b;

	(void)state;
	memset(value, 'v', 64 * 1024);
	value[64 * 1024] = '\0';
	setenv("TG_LONG", value, 1);
	buf_init(&b, 4 * 1024 * 1024);
	repeat(&b, MOCKED "x: [", "os.environ/TG_LONG,", 40000);
	buf_add_cstr(&b, "1]\n");
	expect_soon(&b, "variables stand for more than");
	unsetenv("TG_LONG");
	buf_fini(&b);
	free(value);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nodes_know_their_lines_and_paths),
		cmocka_unit_test(test_merge_keys),
		cmocka_unit_test(test_merge_keys_refused),
		cmocka_unit_test(test_an_alias_is_a_copy_at_its_own_line),
		cmocka_unit_test(test_types_are_those_of_yaml_1_2),
		cmocka_unit_test(test_refusals_name_line_and_reason),
		cmocka_unit_test(test_a_raw_nul_byte_is_refused),
		cmocka_unit_test(test_nothing_and_comments_are_an_empty_tree),
		cmocka_unit_test(
		    test_a_byte_order_mark_is_no_part_of_the_first_key),
		cmocka_unit_test(test_deep_nesting_is_found_at_once),
		cmocka_unit_test(test_alias_bombs_are_counted),
		cmocka_unit_test(test_large_files_and_many_values_are_refused),
		cmocka_unit_test(test_many_keys_do_not_take_long),
		cmocka_unit_test(test_many_names_do_not_take_long),
		cmocka_unit_test(test_many_references_do_not_take_much),
	};

	env_clear();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
