/*
 * tallyctl completion: scripts for bash and zsh, made from the table of
 * commands and the table of fields, and the names they ask back for. The
 * scripts know commands and options; names of deployments, models, keys ...
 * come from `tallyctl completion names KIND`, which says nothing and fails
 * when there is no store or no configuration.
 */
#include "ctl/ctl.h"
#include "ctl/entity_view.h"

/* Placeholders of the arguments, and whose names stand for them. */
static const struct {
	const char *placeholder, *kind;
} places[] = {
	{ "DEPLOYMENT", "deployment" },
	{ "MODEL", "model" },
	{ "KEY", "key" },
	{ "K", "key" },
	{ "TEAM", "team" },
	{ "USER", "user" },
};

/* Commands whose ID or NAME is that of a kind: by their first word. */
static const struct {
	const char *word;
	enum entity_kind kind;
} entities[] = {
	{ "key", ENTITY_KEY },
	{ "team", ENTITY_TEAM },
	{ "user", ENTITY_USER },
	{ "customer", ENTITY_CUSTOMER },
	{ "plan", ENTITY_BUDGET },
	{ "tag", ENTITY_TAG },
};

static int
entity_of(struct str word, enum entity_kind *kind_r)
{
	for (size_t i = 0; i < ARRAY_LEN(entities); i++) {
		if (str_is(word, entities[i].word)) {
			*kind_r = entities[i].kind;
			return 0;
		}
	}
	return -1;
}

/* ---- what the arguments of a command say --------------------------------- */

/* Words of the form --option in the arguments, then the fields. */
static void
print_options(const struct ctl_command *c)
{
	struct str rest = str_of(c->arguments), words = str_of(c->words);
	bool has_fields = strstr(c->arguments, "--FIELD") != NULL;
	enum entity_kind kind;
	size_t count;
	const struct entity_field *f = entity_fields(&count);

	while (rest.n > 0) {
		struct str word = str_cut(&rest, ' ');

		while (word.n > 0 && (word.p[0] == '[' || word.p[0] == '('))
			word = str_make(word.p + 1, word.n - 1);
		while (word.n > 0 && strchr("].)", word.p[word.n - 1]) != NULL)
			word.n--;
		if (word.n > 1 && word.p[0] == '-' && !str_is(word, "--FIELD"))
			printf(STR_FMT " ", STR_ARG(word));
	}
	if (!has_fields || entity_of(str_cut(&words, ' '), &kind) != 0)
		return;
	if (str_starts(words, "member"))
		kind = ENTITY_MEMBER;
	for (size_t i = 0; i < count; i++) {
		char option[64];

		if ((f[i].kinds & (1u << kind)) == 0 ||
		    f[i].effect == FIELD_GIVEN)
			continue;
		snprintf(option, sizeof(option), "%s", f[i].name);
		for (char *p = option; *p != '\0'; p++) {
			if (*p == '_')
				*p = '-';
		}
		printf("--%s ", option);
	}
}

/* "a|b" as "a b ". */
static void
print_alternatives(struct str text)
{
	while (text.n > 0) {
		struct str word = str_cut(&text, '|');

		printf(STR_FMT " ", STR_ARG(word));
	}
}

/* "[--by model|group]" gives "--by" its values; "csv|jsonl" the same. */
static void
print_choices(const struct ctl_command *c)
{
	struct str rest = str_of(c->arguments);
	struct str option = { 0 };

	while (rest.n > 0) {
		struct str word = str_cut(&rest, ' ');
		bool opens = word.n > 0 && word.p[0] == '[';

		if (opens)
			word = str_make(word.p + 1, word.n - 1);
		while (word.n > 0 && strchr("].", word.p[word.n - 1]) != NULL)
			word.n--;
		if (word.n > 1 && word.p[0] == '-') {
			option = word;
			continue;
		}
		if (option.n > 0 && memchr(word.p, '|', word.n) != NULL) {
			printf("\t'%s " STR_FMT "') REPLY='", c->words,
			    STR_ARG(option));
			print_alternatives(word);
			printf("';;\n");
		}
		option = str_make("", 0);
	}
}

/* The kind of names that a command's first argument takes; "" none. */
static const char *
names_of(const struct ctl_command *c)
{
	struct str words = str_of(c->words);
	struct str first = str_of(c->arguments);
	struct str word = str_cut(&words, ' ');
	enum entity_kind kind;

	if (str_is(words, "create"))
		return "";
	first = str_cut(&first, ' ');
	first = str_cut(&first, '|');
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		if (str_is(first, places[i].placeholder))
			return places[i].kind;
	}
	if ((str_is(first, "ID") || str_is(first, "NAME")) &&
	    entity_of(word, &kind) == 0) {
		for (size_t i = 0; i < ARRAY_LEN(entities); i++) {
			if (entities[i].kind == kind)
				return entities[i].word;
		}
	}
	if (str_is(word, "explain"))
		return "model";
	return "";
}

/* "bash|zsh": words that the first argument may be. */
static void
print_words(const struct ctl_command *c)
{
	struct str rest = str_of(c->arguments), first = str_cut(&rest, ' ');

	for (size_t i = 0; i < first.n; i++) {
		if (first.p[i] != '|' && (first.p[i] < 'a' || first.p[i] > 'z'))
			return;
	}
	print_alternatives(first);
}

/* ---- scripts ------------------------------------------------------------ */

/* Shell functions that both scripts use: $1 is a command. */
static void
print_tables(void)
{
	size_t n;
	const struct ctl_command *c = ctl_commands(&n);

	printf("_tallyctl_commands() {\n\tprintf '%%s\\n' \\\n");
	for (size_t i = 0; i < n; i++)
		printf("\t\t'%s'%s\n", c[i].words, i + 1 < n ? " \\" : "");
	printf("}\n\n# $1: a command; its options, and the words or names it "
	       "takes\n"
	       "_tallyctl_options() {\n\tREPLY= NAMES= WORDS=\n\tcase $1 in\n");
	for (size_t i = 0; i < n; i++) {
		printf("\t'%s') NAMES='%s' WORDS='", c[i].words,
		    names_of(&c[i]));
		print_words(&c[i]);
		printf("' REPLY='");
		print_options(&c[i]);
		printf("';;\n");
	}
	printf("\tesac\n}\n\n# $1: a command and an option; its values\n"
	       "_tallyctl_values() {\n\tREPLY=\n\tcase $1 in\n");
	for (size_t i = 0; i < n; i++)
		print_choices(&c[i]);
	printf("\t*' --team-id') REPLY=@team;;\n"
	       "\t*' --user-id') REPLY=@user;;\n"
	       "\t*' --budget-id') REPLY=@plan;;\n"
	       "\t*' --key') REPLY=@key;;\n"
	       "\tesac\n}\n\n");
}

/*
 * Both shells: from the words before the cursor (w) and the one under it (cur)
 * the candidates, one a line. GIVEN has --config and --state, so that names
 * come from the same store.
 */
static const char finder[] =
    "_tallyctl_find() { # words before the cursor, the last one: under it\n"
    "\tlocal -a given typed\n"
    "\tlocal word command= line name cur= last= typed_line\n"
    "\tlocal REPLY= NAMES= WORDS=\n"
    "\tgiven=() typed=()\n"
    "\twhile [ $# -gt 1 ]; do\n"
    "\t\tcase $1 in\n"
    "\t\t--config|-c|--state)\n"
    "\t\t\tif [ $# -eq 2 ]; then return 1; fi\n"
    "\t\t\tgiven+=(\"$1\" \"$2\"); shift 2; continue;;\n"
    "\t\t--config=*|--state=*) given+=(\"$1\");;\n"
    "\t\t--json) ;;\n"
    "\t\t*) typed+=(\"$1\"); last=$1;;\n"
    "\t\tesac\n"
    "\t\tshift\n"
    "\tdone\n"
    "\tcur=$1\n"
    "\ttyped_line=\"${typed[*]} \"\n"
    "\twhile IFS= read -r line; do\n"
    "\t\tcase $typed_line in \"$line \"*)\n"
    "\t\t\tif [ ${#line} -gt ${#command} ]; then command=$line; fi;;\n"
    "\t\tesac\n"
    "\tdone < <(_tallyctl_commands)\n"
    "\tif [ -z \"$command\" ]; then\n"
    "\t\tif [ ${#typed[@]} -eq 0 ]; then typed_line=; fi\n"
    "\t\twhile IFS= read -r line; do\n"
    "\t\t\tcase $line in \"$typed_line\"*)\n"
    "\t\t\t\tline=${line#\"$typed_line\"}; printf '%s\\n' \"${line%% *}\";;\n"
    "\t\t\tesac\n"
    "\t\tdone < <(_tallyctl_commands) | sort -u\n"
    "\t\tcase $cur in -*) printf '%s\\n' --config --state --json --help "
    "--version;; esac\n"
    "\t\treturn 0\n"
    "\tfi\n"
    "\tcase $last in -*)\n"
    "\t\t_tallyctl_values \"$command $last\"\n"
    "\t\tcase $REPLY in\n"
    "\t\t@*) tallyctl \"${given[@]}\" completion names \"${REPLY#@}\" "
    "2>/dev/null; return 0;;\n"
    "\t\t?*) _tallyctl_lines $REPLY; return 0;;\n"
    "\t\tesac;;\n"
    "\tesac\n"
    "\t_tallyctl_options \"$command\"\n"
    "\tcase $cur in -*) _tallyctl_lines $REPLY --json; return 0;; esac\n"
    "\tif [ \"$typed_line\" != \"$command \" ]; then return 0; fi\n"
    "\tif [ -n \"$WORDS\" ]; then _tallyctl_lines $WORDS; fi\n"
    "\tif [ -n \"$NAMES\" ]; then\n"
    "\t\ttallyctl \"${given[@]}\" completion names \"$NAMES\" 2>/dev/null\n"
    "\tfi\n"
    "\treturn 0\n"
    "}\n\n"
    "_tallyctl_lines() { printf '%s\\n' \"$@\"; }\n\n";

static const char bash_end[] =
    "_tallyctl() {\n"
    "\tlocal cur=${COMP_WORDS[COMP_CWORD]} line\n"
    "\tCOMPREPLY=()\n"
    "\twhile IFS= read -r line; do\n"
    "\t\tif [ \"${line#\"$cur\"}\" != \"$line\" ] || [ -z \"$cur\" ]; then\n"
    "\t\t\tCOMPREPLY+=(\"$(printf '%q' \"$line\")\")\n"
    "\t\tfi\n"
    "\tdone < <(_tallyctl_find \"${COMP_WORDS[@]:1:COMP_CWORD}\")\n"
    "}\n\n"
    "complete -o default -F _tallyctl tallyctl\n";

static const char zsh_end[] =
    "_tallyctl() {\n"
    "\tlocal -a found\n"
    "\tlocal line\n"
    "\tfound=()\n"
    "\twhile IFS= read -r line; do found+=(\"$line\"); done \\\n"
    "\t\t< <(emulate -L zsh -o sh_word_split; _tallyctl_find \\\n"
    "\t\t\"${(@)words[2,CURRENT]}\")\n"
    "\tif (( ${#found} )); then compadd -a found; else _files; fi\n"
    "}\n\n"
    "if [ \"$funcstack[1]\" = _tallyctl ]; then _tallyctl \"$@\"\n"
    "else compdef _tallyctl tallyctl; fi\n";

/* ---- names -------------------------------------------------------------- */

static int
print_models(struct ctl *c, bool deployments)
{
	if (ctl_open_config(c, NULL) != CTL_OK ||
	    catalog_open(c->config, &c->catalog, NULL) != 0)
		return CTL_FAILED;
	for (size_t i = 0; deployments && i < c->catalog->deployment_count; i++)
		printf("%s\n", c->catalog->deployments[i].id);
	for (size_t i = 0; !deployments && i < c->catalog->group_count; i++)
		printf("%s\n", c->catalog->groups[i].name);
	return CTL_OK;
}

/* Ids, of keys their aliases. */
static int
print_ids(struct ctl *c, enum entity_kind kind)
{
	struct store_options options = { .dir = c->store_dir,
		.read_only = true,
		.must_exist = true };
	struct store_txn *t;
	struct entity_walk w;
	struct str id;
	json_t *row;
	int rc;

	if (store_open(&options, &c->store, NULL) != 0 ||
	    store_read(c->store, STORE_ACCOUNTS, &t, NULL) != 0)
		return CTL_FAILED;
	rc = entity_walk(t, kind, &w, NULL);
	if (rc == 0) {
		while ((rc = entity_next(&w, &id, &row, NULL)) == 1) {
			struct str name = kind == ENTITY_KEY
					      ? jsonx_str(row, "key_alias")
					      : id;

			if (name.n > 0)
				printf(STR_FMT "\n", STR_ARG(name));
			json_decref(row);
		}
		entity_end_walk(&w);
	}
	store_abort(&t);
	return rc == 0 ? CTL_OK : CTL_FAILED;
}

static int
print_names(struct ctl *c, const char *what)
{
	enum entity_kind kind;

	if (strcmp(what, "deployment") == 0 || strcmp(what, "model") == 0)
		return print_models(c, what[0] == 'd');
	if (entity_of(str_of(what), &kind) == 0)
		return print_ids(c, kind);
	return ctl_bad_argument(what, ctl_find_command(cmd_completion));
}

int
cmd_completion(struct ctl *c, int argc, char **argv)
{
	bool zsh = argc == 1 && strcmp(argv[0], "zsh") == 0;

	if (argc == 2 && strcmp(argv[0], "names") == 0)
		return print_names(c, argv[1]);
	if (argc != 1 || (!zsh && strcmp(argv[0], "bash") != 0)) {
		ctl_complain("usage: tallyctl completion bash|zsh");
		return CTL_USAGE;
	}
	printf("%s of tallyctl %s, made by 'tallyctl completion %s'\n\n",
	    zsh ? "#compdef tallyctl\n# Completion" : "# Completion",
	    PACKAGE_VERSION, argv[0]);
	print_tables();
	printf("%s%s", finder, zsh ? zsh_end : bash_end);
	return CTL_OK;
}
