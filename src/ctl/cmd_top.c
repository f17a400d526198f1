/*
 * tallyctl top: what goes on, on the whole screen, every few seconds. The
 * reading is top_sample.h, its lines are top_view.h; here are the arguments and
 * the terminal.
 */
#include "base/clock.h"
#include "ctl/ctl.h"
#include "ctl/top_view.h"

#include <time.h>
#include <unistd.h>

#ifdef HAVE_NCURSES
#include <curses.h>
#include <locale.h>
#endif

#define DEFAULT_INTERVAL (2 * NSECS_PER_SEC)
#define MIN_INTERVAL     (NSECS_PER_SEC / 10)
#define MAX_INTERVAL     (3600 * NSECS_PER_SEC)
#define ONCE_WIDTH       120
#define MAX_OUT_BYTES    (64 * 1024 * 1024)

struct topping {
	struct ctl *ctl;
	struct top *top;
	struct top_view view;
	bool once;
};

static int
take_arguments(struct topping *p, int argc, char **argv)
{
	const struct ctl_command *own = ctl_find_command(cmd_top);

	for (int i = 0; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : NULL;

		if (strcmp(argv[i], "--once") == 0) {
			p->once = true;
			continue;
		}
		if (value == NULL)
			return ctl_bad_argument(argv[i], own);
		if (strcmp(argv[i], "--interval") == 0) {
			if (num_duration(str_of(value), "s",
				&p->view.interval_nsecs) != 0 ||
			    p->view.interval_nsecs < MIN_INTERVAL ||
			    p->view.interval_nsecs > MAX_INTERVAL)
				return ctl_bad_argument(value, own);
		} else if (strcmp(argv[i], "--sort") != 0 ||
			   top_sort_parse(str_of(value), &p->view.sort) != 0) {
			return ctl_bad_argument(argv[i], own);
		}
		i++;
	}
	return CTL_OK;
}

static const struct top_frame *
read_sorted(struct topping *p, struct err *err)
{
	const struct top_frame *f = top_read(p->top, err);

	if (f != NULL)
		top_sort(p->top, p->view.sort);
	return f;
}

/* ---- once --------------------------------------------------------------- */

static int
print_once(struct topping *p)
{
	struct timespec wait = {
		.tv_sec = (time_t)(p->view.interval_nsecs / NSECS_PER_SEC),
		.tv_nsec = (long)(p->view.interval_nsecs % NSECS_PER_SEC),
	};
	const struct top_frame *f;
	struct buf out;
	struct err err;

	f = top_read(p->top, &err);
	if (f != NULL) {
		nanosleep(&wait, NULL);
		f = read_sorted(p, &err);
	}
	if (f == NULL) {
		ctl_complain("%s", err.text);
		return CTL_FAILED;
	}
	buf_init(&out, MAX_OUT_BYTES);
	p->view.width = ONCE_WIDTH;
	if (p->ctl->json)
		top_view_json(f, &out);
	else
		top_view_text(f, &p->view, &out);
	printf("%s%s", buf_cstr(&out), p->ctl->json ? "\n" : "");
	buf_fini(&out);
	return CTL_OK;
}

/* ---- the screen --------------------------------------------------------- */

#ifdef HAVE_NCURSES
static void
draw(struct topping *p, const struct top_frame *f)
{
	struct str rest, line;
	struct buf out;

	p->view.width = COLS;
	p->view.height = LINES;
	p->view.marked = true;
	erase();
	if (COLS < TOP_MIN_WIDTH || LINES < TOP_MIN_HEIGHT) {
		mvprintw(0, 0, "%dx%d at least", TOP_MIN_WIDTH, TOP_MIN_HEIGHT);
		refresh();
		return;
	}
	buf_init(&out, MAX_OUT_BYTES);
	top_view_text(f, &p->view, &out);
	rest = buf_str(&out);
	for (int y = 0; y < LINES && rest.n > 0; y++) {
		bool head = rest.p[0] == TOP_HEAD;

		line = str_cut(&rest, '\n');
		if (head) {
			line = str_make(line.p + 1, line.n - 1);
			attron(y == 0 ? A_REVERSE : A_BOLD);
		}
		mvaddnstr(y, 0, line.p, (int)line.n);
		attroff(A_REVERSE | A_BOLD);
	}
	buf_fini(&out);
	refresh();
}

/* False: it was the key to leave with. */
static bool
take_key(struct topping *p, int key, bool *again)
{
	static const char sort_keys[TOP_SORT_COUNT] = { 's', 'r', 't', 'e',
		'l' };

	if (key == 'q' || key == 'Q')
		return false;
	if (key == 'p') {
		p->view.paused = !p->view.paused;
		*again = !p->view.paused;
	} else if (key == ' ' || key == ERR) {
		*again = key == ' ' || !p->view.paused;
	} else if (key == '+' && p->view.interval_nsecs * 2 <= MAX_INTERVAL) {
		p->view.interval_nsecs *= 2;
	} else if (key == '-' && p->view.interval_nsecs / 2 >= MIN_INTERVAL) {
		p->view.interval_nsecs /= 2;
	}
	for (int i = 0; i < TOP_SORT_COUNT; i++) {
		if (key == sort_keys[i]) {
			p->view.sort = (enum top_sort)i;
			top_sort(p->top, p->view.sort);
		}
	}
	return true;
}

static int
watch(struct topping *p, struct err *err)
{
	const struct top_frame *f = read_sorted(p, err);
	int64_t read_at = clock_mono_nsecs();
	bool on = true;

	while (f != NULL && on) {
		int64_t left =
		    p->view.interval_nsecs - (clock_mono_nsecs() - read_at);
		bool again = false;

		draw(p, f);
		/* Another key than one of ours costs no reading. */
		timeout(left > 0 ? (int)(left / NSECS_PER_MSEC) : 1);
		on = take_key(p, getch(), &again);
		if (on && again)
			f = read_sorted(p, err);
		if (again || p->view.paused)
			read_at = clock_mono_nsecs();
	}
	return f != NULL ? 0 : -1;
}

static int
show(struct topping *p)
{
	struct err err;
	SCREEN *screen;
	int rc;

	setlocale(LC_CTYPE, "");
	screen = newterm(NULL, stdout, stdin);
	if (screen == NULL) {
		ctl_complain("the terminal '%s' is not known; tallyctl top "
			     "--once needs none",
		    getenv("TERM") != NULL ? getenv("TERM") : "");
		return CTL_USAGE;
	}
	set_term(screen);
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	curs_set(0);
	rc = watch(p, &err);
	endwin();
	delscreen(screen);
	if (rc == 0)
		return CTL_OK;
	ctl_complain("%s", err.text);
	return CTL_FAILED;
}
#else
static int
show(struct topping *p)
{
	(void)p;
	ctl_complain("this tallyctl was built without ncurses (Debian package: "
		     "libncurses-dev): top has no screen; tallyctl top --once "
		     "needs none");
	return CTL_USAGE;
}
#endif

int
cmd_top(struct ctl *c, int argc, char **argv)
{
	struct topping p = { .ctl = c,
		.view = { .interval_nsecs = DEFAULT_INTERVAL } };
	int rc = take_arguments(&p, argc, argv);

	if (rc == CTL_OK && !p.once &&
	    (!isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO))) {
		ctl_complain("top needs a terminal; tallyctl top --once prints "
			     "one frame");
		rc = CTL_USAGE;
	}
	if (rc == CTL_OK)
		rc = ctl_open_store(c, false);
	if (rc != CTL_OK)
		return rc;
	p.top = top_open(c);
	rc = p.once ? print_once(&p) : show(&p);
	top_close(&p.top);
	return rc;
}
