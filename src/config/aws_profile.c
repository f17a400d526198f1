/* Profiles from AWS's files. See aws_profile.h. Pure; cannot fail: a line that
   makes no sense is passed over, as AWS's tools do. */
#include "config/aws_profile.h"

/* The name in "[profile NAME]" is this profile. */
static bool
is_section(struct str line, const char *profile, bool in_config)
{
	static const char word[] = "profile ";
	struct str name = str_make(line.p + 1, line.n - 1);

	name = str_trim(str_cut(&name, ']'));
	if (in_config && str_starts(name, word)) {
		name.p += sizeof(word) - 1;
		name.n -= sizeof(word) - 1;
		name = str_trim(name);
	} else if (in_config && strcmp(profile, "default") != 0) {
		return false;
	}
	if (name.n >= 2 && (name.p[0] == '"' || name.p[0] == '\'') &&
	    name.p[name.n - 1] == name.p[0])
		name = str_make(name.p + 1, name.n - 2);
	return str_is(name, profile);
}

/* key NULL: is the section there at all. */
static bool
find(struct str text, const char *profile, bool in_config, const char *key,
    struct str *value_r)
{
	bool inside = false;

	while (text.n > 0) {
		struct str line = str_cut(&text, '\n'), name, value;

		if (line.n == 0 || strchr(" \t#;\r", line.p[0]) != NULL)
			continue;
		if (line.p[0] == '[') {
			inside = is_section(line, profile, in_config);
			if (inside && key == NULL)
				return true;
			continue;
		}
		value = line;
		name = str_trim(str_cut(&value, '='));
		if (!inside || key == NULL || value.p == NULL ||
		    !str_is_nocase(name, key))
			continue;
		*value_r = str_trim(value);
		return true;
	}
	return false;
}

int
aws_profile_exists(const struct aws_files *files, const char *profile)
{
	struct str ignored;

	return find(files->credentials, profile, false, NULL, &ignored) ||
	       find(files->config, profile, true, NULL, &ignored);
}

struct str
aws_profile_get(const struct aws_files *files, const char *profile,
    const char *key)
{
	struct str value;

	if (find(files->credentials, profile, false, key, &value) ||
	    find(files->config, profile, true, key, &value))
		return value;
	return str_make("", 0);
}
