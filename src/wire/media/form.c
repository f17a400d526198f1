/* Reading forms. See form.h. */
#include "wire/media/form.h"

static const char form_type[] = "multipart/form-data";

static int
bad(struct err *err, const char *what)
{
	return err_set(err, ERR_BAD_REQUEST, "the form cannot be read: %s",
	    what);
}

bool
form_is_type(struct str content_type)
{
	size_t n = sizeof(form_type) - 1;

	return content_type.n >= n &&
	       str_is_nocase(str_make(content_type.p, n), form_type) &&
	       (content_type.n == n || strchr("; \t", content_type.p[n]));
}

static void
skip_blanks(struct str *s)
{
	while (s->n > 0 && (s->p[0] == ' ' || s->p[0] == '\t')) {
		s->p++;
		s->n--;
	}
}

/* ---- parameters of a header: ; name=token or ; name="quoted" ------------ */

static bool
is_token_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("'+_-./:=?!#$%&*^`|~", c));
}

/* What stands between the quotes, as it is: \" and %22 are the client's way to
   write a quote, and names with one in them are not looked for. */
static int
take_quoted(struct str *s, struct str *value_r)
{
	size_t i = 1;

	while (i < s->n && s->p[i] != '"') {
		if (s->p[i] == '\\' && i + 1 < s->n)
			i++;
		i++;
	}
	if (i >= s->n)
		return -1;
	*value_r = str_make(s->p + 1, i - 1);
	s->p += i + 1;
	s->n -= i + 1;
	return 0;
}

static int
take_token(struct str *s, struct str *value_r)
{
	size_t i = 0;

	while (i < s->n && is_token_byte(s->p[i]))
		i++;
	*value_r = str_make(s->p, i);
	s->p += i;
	s->n -= i;
	return i > 0 ? 0 : -1;
}

/* 1 a parameter, 0 the end, -1 neither. */
static int
next_param(struct str *s, struct str *name_r, struct str *value_r)
{
	size_t i = 0;

	skip_blanks(s);
	if (s->n == 0)
		return 0;
	if (s->p[0] != ';')
		return -1;
	s->p++;
	s->n--;
	skip_blanks(s);
	if (s->n == 0)
		return 0; /* a ; at the end */
	while (i < s->n && s->p[i] != '=')
		i++;
	if (i == 0 || i == s->n)
		return -1;
	*name_r = str_trim(str_make(s->p, i));
	s->p += i + 1;
	s->n -= i + 1;
	if (s->n > 0 && s->p[0] == '"')
		return take_quoted(s, value_r) == 0 ? 1 : -1;
	return take_token(s, value_r) == 0 ? 1 : -1;
}

static int
read_boundary(struct str type, struct form *f, struct err *err)
{
	struct str rest = type, name, value;
	int r;

	rest.p += sizeof(form_type) - 1;
	rest.n -= sizeof(form_type) - 1;
	while ((r = next_param(&rest, &name, &value)) == 1) {
		if (!str_is_nocase(name, "boundary"))
			continue;
		if (f->boundary[0] != '\0')
			return bad(err, "two boundaries");
		if (value.n == 0 || value.n > FORM_BOUNDARY_BYTES)
			return bad(err, "its boundary has a wrong length");
		for (size_t i = 0; i < value.n; i++) {
			if (!is_token_byte(value.p[i]) &&
			    strchr("(),", value.p[i]) == NULL)
				return bad(err, "its boundary has a character "
						"that must not be there");
		}
		memcpy(f->boundary, value.p, value.n);
		f->boundary[value.n] = '\0';
	}
	if (r < 0 || f->boundary[0] == '\0')
		return bad(err, "its Content-Type has no boundary");
	return 0;
}

/* ---- parts -------------------------------------------------------------- */

/* form-data; name="model" [; filename="a.mp3"] */
static int
read_disposition(struct str value, struct form_part *part, struct err *err)
{
	static const char form_data[] = "form-data";
	struct str name, v;
	int r;

	if (part->name.p != NULL)
		return bad(err, "a part with two dispositions");
	if (value.n < sizeof(form_data) - 1 ||
	    !str_is_nocase(str_make(value.p, sizeof(form_data) - 1), form_data))
		return bad(err, "a part that is no form-data");
	value.p += sizeof(form_data) - 1;
	value.n -= sizeof(form_data) - 1;
	while ((r = next_param(&value, &name, &v)) == 1) {
		if (str_is_nocase(name, "name")) {
			if (part->name.p != NULL)
				return bad(err, "a part with two names");
			part->name = v;
		} else if (str_is_nocase(name, "filename")) {
			part->filename = v;
		}
	}
	if (r < 0)
		return bad(err, "a part's disposition is not well formed");
	return 0;
}

/* "Name: value" without line end. */
static int
read_header(struct str line, struct form_part *part, struct err *err)
{
	struct str name, value = line;

	if (line.p[0] == ' ' || line.p[0] == '\t')
		return bad(err, "a folded header");
	name = str_cut(&value, ':');
	if (value.p == NULL || name.n == 0)
		return bad(err, "a part's header has no colon");
	if (!str_is_nocase(name, "content-disposition"))
		return 0;
	return read_disposition(str_trim(value), part, err);
}

/* The headers at the front of *rest, up to the empty line. */
static int
read_head(struct str *rest, struct form_part *part, struct err *err)
{
	size_t used = 0;
	ptrdiff_t at;

	for (;;) {
		struct str line;

		at = str_find(str_make(rest->p, rest->n < FORM_HEAD_BYTES
						    ? rest->n
						    : FORM_HEAD_BYTES),
		    "\r\n");
		if (at < 0)
			return bad(err, "a part's headers have no end");
		line = str_make(rest->p, (size_t)at);
		used += line.n + 2;
		if (used > FORM_HEAD_BYTES)
			return bad(err, "a part's headers are too long");
		if (memchr(line.p, '\n', line.n) != NULL ||
		    memchr(line.p, '\0', line.n) != NULL)
			return bad(err, "a control character in a header");
		rest->p += line.n + 2;
		rest->n -= line.n + 2;
		if (line.n == 0)
			break;
		if (read_header(line, part, err) != 0)
			return -1;
	}
	return part->name.p != NULL ? 0 : bad(err, "a part without a name");
}

/* The delimiter line is behind: 1 another part follows, 0 the end. */
static int
read_delimiter_end(struct str *rest, struct err *err)
{
	if (str_starts(*rest, "\r\n")) {
		rest->p += 2;
		rest->n -= 2;
		return 1;
	}
	if (str_starts(*rest, "--") &&
	    (rest->n == 2 ||
		(rest->n == 4 && rest->p[2] == '\r' && rest->p[3] == '\n')))
		return 0;
	return bad(err, "something stands behind a boundary");
}

int
form_read(struct str content_type, struct str body, struct form *f,
    struct err *err)
{
	char delimiter[FORM_BOUNDARY_BYTES + 5];
	struct str rest = body;
	ptrdiff_t at;
	size_t n;
	int more;

	f->boundary[0] = '\0';
	f->part_count = 0;
	if (read_boundary(content_type, f, err) != 0)
		return -1;
	n = (size_t)snprintf(delimiter, sizeof(delimiter), "\r\n--%s",
	    f->boundary);
	/* The first delimiter has no line end in front of it. */
	if (!str_starts(rest, delimiter + 2))
		return bad(err, "it does not begin with its boundary");
	f->end = 0;
	rest.p += n - 2;
	rest.n -= n - 2;
	while ((more = read_delimiter_end(&rest, err)) == 1) {
		struct form_part *part = &f->parts[f->part_count];

		if (f->part_count == FORM_MAX_PARTS)
			return bad(err, "it has too many parts");
		memset(part, 0, sizeof(*part));
		part->start = f->end;
		if (read_head(&rest, part, err) != 0)
			return -1;
		at = str_find(rest, delimiter);
		if (at < 0)
			return bad(err, "its last boundary is missing");
		part->value = str_make(rest.p, (size_t)at);
		part->value_start = (size_t)(rest.p - body.p);
		f->end = part->value_start + (size_t)at + 2;
		f->part_count++;
		rest.p += (size_t)at + n;
		rest.n -= (size_t)at + n;
	}
	if (more < 0)
		return -1;
	return f->part_count > 0 ? 0 : bad(err, "it is empty");
}
