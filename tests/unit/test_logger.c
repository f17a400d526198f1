/*
 * The logger role as a process: started as the supervisor starts it (the
 * descriptors and the environment of the contract), spoken to over its socket.
 */
#include "unit.h"

#include "base/clock.h"
#include "base/fd.h"
#include "ipc/contract.h"
#include "ipc/record.h"
#include "logger/logger.h"
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define OWNER 1001u

struct process {
	pid_t pid;
	int status_fd, life_fd;
};

struct fixture {
	char *dir, *traces, *socket_path, *log;
	int listen_fd;
	struct process logger;
	bool power; /* durability: power, of the next one that is started */
};

/* The disk refuses while this is set; shared with the loggers. */
static volatile bool *sync_fails;

int
fdatasync(int fd)
{
	if (!*sync_fails)
		return fsync(fd);
	errno = EIO;
	return -1;
}

/* ---- the process -------------------------------------------------------- */

static void
put_fd(int from, int to)
{
	int up = fcntl(from, F_DUPFD, 64);

	if (up < 0 || dup2(up, to) < 0)
		_exit(90);
}

static void
run_logger(const struct fixture *f, int status, int life)
{
	int null = open("/dev/null", O_RDWR);
	int log = open(f->log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	char version[16];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	status = fcntl(status, F_DUPFD, 64);
	life = fcntl(life, F_DUPFD, 64);
	put_fd(f->listen_fd, CONTRACT_FD_TRACE);
	put_fd(null, 0);
	put_fd(null, 1);
	put_fd(log, 2);
	put_fd(null, CONTRACT_FD_CONFIG);
	put_fd(status, CONTRACT_FD_STATUS);
	put_fd(life, CONTRACT_FD_LIFE);
	close_range(CONTRACT_FD_TRACE + 1, ~0U, 0);
	snprintf(version, sizeof(version), "%d", CONTRACT_VERSION);
	setenv(CONTRACT_ENV_VERSION, version, 1);
	setenv(CONTRACT_ENV_STATE_DIR, f->dir, 1);
	setenv(CONTRACT_ENV_TRACES, f->traces, 1);
	setenv(CONTRACT_ENV_KEEP, "3", 1);
	if (f->power)
		setenv(CONTRACT_ENV_DURABILITY, "power", 1);
	_exit(logger_main(0, 1));
}

static struct process
start(struct fixture *f)
{
	int status[2], life[2];
	struct process p;

	assert_int_equal(pipe2(status, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(pipe2(life, O_CLOEXEC), 0);
	fflush(stdout);
	p.pid = fork();
	assert_true(p.pid >= 0);
	if (p.pid == 0)
		run_logger(f, status[1], life[0]);
	close(status[1]);
	close(life[0]);
	p.status_fd = status[0];
	p.life_fd = life[1];
	return p;
}

/* Its next report. */
static struct contract_status
hear(struct process *p)
{
	struct pollfd pfd = { .fd = p->status_fd, .events = POLLIN };
	struct contract_status st = { 0 };
	bool eof;

	assert_int_equal(poll(&pfd, 1, 5000), 1);
	assert_int_equal(contract_read_report(p->status_fd, &st, &eof), 1);
	return st;
}

/* Waits for its end; its wait status. */
static int
wait_end(struct process *p, int msecs)
{
	int64_t end = clock_mono_nsecs() + msecs * NSECS_PER_MSEC;
	int status = 0;
	pid_t pid;

	while ((pid = waitpid(p->pid, &status, WNOHANG)) == 0) {
		if (clock_mono_nsecs() > end)
			return -1;
		usleep(2000);
	}
	assert_int_equal(pid, p->pid);
	fd_close(&p->status_fd);
	fd_close(&p->life_fd);
	p->pid = 0;
	return status;
}

static void
kill_hard(struct process *p)
{
	if (p->pid == 0)
		return;
	kill(p->pid, SIGKILL);
	assert_true(WIFSIGNALED(wait_end(p, 5000)));
}

static int
setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	char *run;
	struct err err;

	f->dir = scratch_make();
	f->traces = path_join(f->dir, "traces.jsonl");
	f->socket_path = path_join(f->dir, RECORD_SOCKET);
	f->log = path_join(f->dir, "log");
	run = path_join(f->dir, "run");
	assert_int_equal(mkdir(run, 0700), 0);
	free(run);
	f->listen_fd = record_listen(f->socket_path, &err);
	if (f->listen_fd < 0)
		fail_msg("%s", err.text);
	*sync_fails = false;
	f->logger = start(f);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	kill_hard(&f->logger);
	close(f->listen_fd);
	scratch_remove(f->dir);
	free(f->traces);
	free(f->socket_path);
	free(f->log);
	free(f);
	return 0;
}

static bool
log_says(const struct fixture *f, const char *text)
{
	struct buf b;
	bool found;

	buf_init(&b, 1 << 20);
	found = file_read(f->log, &b, NULL) == 0 &&
		str_find(buf_str(&b), text) >= 0;
	buf_fini(&b);
	return found;
}

#define WAIT_FOR(cond)                                                         \
	do {                                                                   \
		for (int i_ = 0; !(cond); i_++) {                              \
			if (i_ == 2500)                                        \
				fail_msg("never: %s", #cond);                  \
			usleep(2000);                                          \
		}                                                              \
	} while (0)

static size_t
count_lines(const char *path)
{
	struct buf b;
	size_t n = 0;

	buf_init(&b, 256 << 20);
	if (file_read(path, &b, NULL) == 0)
		for (size_t i = 0; i < b.len; i++)
			n += b.data[i] == '\n';
	buf_fini(&b);
	return n;
}

/* ---- a client ----------------------------------------------------------- */

static int
connect_to(const struct fixture *f)
{
	struct timeval tv = { 5, 0 };
	struct err err;
	int fd = record_connect(f->socket_path, &err);

	if (fd < 0)
		fail_msg("%s", err.text);
	assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	return fd;
}

static void
send_frame(int fd, enum record_type type, uint64_t owner, uint64_t seq,
    const char *payload)
{
	struct buf b;

	buf_init(&b, RECORD_PACKET_BYTES);
	assert_int_equal(record_add(&b, type, owner, seq, str_of(payload)), 0);
	assert_int_equal(send(fd, b.data, b.len, MSG_NOSIGNAL), (ssize_t)b.len);
	buf_fini(&b);
}

/* The sequence of the next frame, which is of this type; -1: closed. */
static int64_t
receive(int fd, enum record_type type)
{
	char bytes[1024];
	ssize_t n = recv(fd, bytes, sizeof(bytes), 0);
	struct str packet = str_make(bytes, n > 0 ? (size_t)n : 0), payload;
	struct record_head head;
	struct err err;

	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return -1;
	assert_true(n > 0);
	assert_int_equal(record_next(&packet, &head, &payload, &err), 1);
	assert_int_equal(head.type, type);
	assert_int_equal(packet.n, 0);
	return (int64_t)head.seq;
}

static int64_t
hello(int fd, uint64_t owner)
{
	send_frame(fd, RECORD_HELLO, owner, 0, "");
	return receive(fd, RECORD_HELLO);
}

static void
send_lines(int fd, uint64_t owner, uint64_t first, uint64_t last)
{
	for (uint64_t seq = first; seq <= last; seq++)
		send_frame(fd, RECORD_LINE, owner, seq, "{\"x\":1}");
}

static void
await_ack(int fd, uint64_t seq)
{
	int64_t got;

	do {
		got = receive(fd, RECORD_ACK);
		assert_true(got >= 0);
	} while ((uint64_t)got < seq);
	assert_int_equal(got, seq);
}

/* ---- serving ------------------------------------------------------------ */

static void
test_acknowledges_what_is_on_file(void **state)
{
	struct fixture *f = *state;
	int fd;

	assert_int_equal(hear(&f->logger).state, CONTRACT_READY);
	fd = connect_to(f);
	assert_int_equal(hello(fd, OWNER), 0);
	for (uint64_t seq = 1; seq <= 30; seq++) {
		send_lines(fd, OWNER, seq, seq);
		await_ack(fd, seq);
		assert_int_equal(count_lines(f->traces), seq);
	}
	close(fd);
}

static void
test_drops_what_it_has(void **state)
{
	struct fixture *f = *state;
	int a = connect_to(f), b = connect_to(f);

	assert_int_equal(hello(a, OWNER), 0);
	assert_int_equal(hello(b, OWNER), 0);
	send_lines(a, OWNER, 1, 5);
	await_ack(a, 5);
	/* Two keepers ship the same outbox. */
	send_lines(b, OWNER, 1, 7);
	await_ack(b, 7);
	send_lines(a, OWNER, 6, 8);
	await_ack(a, 8);
	assert_int_equal(count_lines(f->traces), 8);
	close(a);
	close(b);
}

static void
test_a_successor_goes_on(void **state)
{
	struct fixture *f = *state;
	uint64_t seq = 0;

	for (int i = 0; i < 4; i++) {
		int fd = connect_to(f);

		assert_int_equal(hello(fd, OWNER), seq);
		send_lines(fd, OWNER, seq + 1, seq + 10);
		await_ack(fd, seq + 10);
		seq += 10;
		/* A client waits in the listener's queue meanwhile. */
		kill_hard(&f->logger);
		assert_int_equal(receive(fd, RECORD_ACK), -1);
		close(fd);
		f->logger = start(f);
	}
	assert_int_equal(count_lines(f->traces), seq);
}

static void
test_many_clients_at_once(void **state)
{
	enum {
		CLIENTS = 60
	};
	struct fixture *f = *state;
	uint64_t sent[CLIENTS] = { 0 }, total = 0;
	char *value = xmalloc(30001);
	int fds[CLIENTS];
	struct buf b;

	memset(value, ' ', 30000);
	value[0] = '{';
	value[29999] = '}';
	value[30000] = '\0';
	buf_init(&b, RECORD_PACKET_BYTES);
	for (size_t i = 0; i < CLIENTS; i++) {
		fds[i] = connect_to(f);
		assert_int_equal(hello(fds[i], i + 1), 0);
	}
	/* More than its queue holds comes in one turn. */
	kill(f->logger.pid, SIGSTOP);
	for (size_t i = 0; i < CLIENTS; i++) {
		for (;;) {
			buf_clear(&b);
			assert_int_equal(record_add(&b, RECORD_LINE, i + 1,
					     sent[i] + 1, str_of(value)),
			    0);
			if (send(fds[i], b.data, b.len, MSG_DONTWAIT) < 0)
				break;
			sent[i]++;
		}
		total += sent[i];
	}
	assert_true(total * 30000 > 8 << 20);
	kill(f->logger.pid, SIGCONT);
	for (size_t i = 0; i < CLIENTS; i++) {
		await_ack(fds[i], sent[i]);
		close(fds[i]);
	}
	assert_int_equal(count_lines(f->traces), total);
	buf_fini(&b);
	free(value);
}

/* ---- bad clients -------------------------------------------------------- */

static void
test_a_gap_after_hello_is_a_loss_and_said(void **state)
{
	struct fixture *f = *state;
	int fd = connect_to(f);

	assert_int_equal(hello(fd, OWNER), 0);
	send_lines(fd, OWNER, 5, 6); /* unknown: may start anywhere */
	await_ack(fd, 6);
	assert_int_equal(hello(fd, OWNER), 6);
	send_lines(fd, OWNER, 11, 12);
	await_ack(fd, 12);
	WAIT_FOR(log_says(f, "4 records before it"));
	assert_int_equal(count_lines(f->traces), 4);
	close(fd);
}

static void
test_any_other_gap_costs_the_connection(void **state)
{
	struct fixture *f = *state;
	int fd = connect_to(f);

	assert_int_equal(hello(fd, OWNER), 0);
	send_lines(fd, OWNER, 1, 2);
	await_ack(fd, 2);
	send_lines(fd, OWNER, 4, 4);
	assert_int_equal(receive(fd, RECORD_ACK), -1);
	close(fd);
	fd = connect_to(f);
	assert_int_equal(hello(fd, OWNER), 2);
	send_lines(fd, OWNER, 3, 4);
	await_ack(fd, 4);
	assert_int_equal(count_lines(f->traces), 4);
	close(fd);
}

static void
test_garbage_costs_only_its_connection(void **state)
{
	struct fixture *f = *state;
	int good = connect_to(f);
	char *large = xcalloc(1, RECORD_PACKET_BYTES + 100);

	assert_int_equal(hello(good, OWNER), 0);
	for (int i = 0; i < 5; i++) {
		int bad = connect_to(f);

		if (i == 0)
			assert_true(send(bad, "garbage", 7, 0) == 7);
		else if (i == 1)
			send_frame(bad, RECORD_LINE, 7, 1, "{}"); /* no HELLO */
		else if (i == 2)
			send_frame(bad, RECORD_ACK, 7, 1, "");
		else if (i == 3)
			assert_true(
			    send(bad, large, RECORD_PACKET_BYTES + 100, 0) > 0);
		else {
			assert_int_equal(hello(bad, 7), 0);
			send_frame(bad, RECORD_LINE, 8, 1, "{}"); /* other */
		}
		assert_int_equal(receive(bad, RECORD_ACK), -1);
		close(bad);
	}
	send_lines(good, OWNER, 1, 1);
	await_ack(good, 1);
	assert_int_equal(count_lines(f->traces), 1);
	close(good);
	free(large);
}

/* ---- the file ----------------------------------------------------------- */

static void
test_usr1_opens_the_file_again(void **state)
{
	struct fixture *f = *state;
	char *moved = xasprintf("%s.1", f->traces);
	int fd = connect_to(f);

	assert_int_equal(hello(fd, OWNER), 0);
	send_lines(fd, OWNER, 1, 2);
	await_ack(fd, 2);
	assert_int_equal(rename(f->traces, moved), 0);
	kill(f->logger.pid, SIGUSR1);
	WAIT_FOR(log_says(f, "reopened"));
	send_lines(fd, OWNER, 3, 3);
	await_ack(fd, 3);
	assert_int_equal(count_lines(moved), 2);
	assert_int_equal(count_lines(f->traces), 1);
	close(fd);
	free(moved);
}

/* A full disk: nobody is told that his line is on file; when there is room it
   is, once. (The limit is for the log too: long lines, a short log.) */
static void
test_a_full_disk_is_waited_for(void **state)
{
	struct rlimit tight = { 5000, RLIM_INFINITY };
	struct rlimit wide = { RLIM_INFINITY, RLIM_INFINITY };
	struct fixture *f = *state;
	int fd = connect_to(f);
	char line[4001];

	memset(line, ' ', 4000);
	line[0] = '{';
	line[3999] = '}';
	line[4000] = '\0';
	assert_int_equal(hello(fd, OWNER), 0);
	send_frame(fd, RECORD_LINE, OWNER, 1, line);
	await_ack(fd, 1);
	assert_int_equal(prlimit(f->logger.pid, RLIMIT_FSIZE, &tight, NULL), 0);
	send_frame(fd, RECORD_LINE, OWNER, 2, line);
	assert_int_equal(receive(fd, RECORD_ACK), -1);
	close(fd);
	assert_int_equal(count_lines(f->traces), 1);
	WAIT_FOR(log_says(f, "records wait in the store"));
	assert_int_equal(prlimit(f->logger.pid, RLIMIT_FSIZE, &wide, NULL), 0);
	fd = connect_to(f);
	assert_int_equal(hello(fd, OWNER), 1);
	send_frame(fd, RECORD_LINE, OWNER, 2, line);
	await_ack(fd, 2);
	send_lines(fd, OWNER, 3, 3);
	await_ack(fd, 3);
	WAIT_FOR(log_says(f, "traces are written again"));
	assert_int_equal(count_lines(f->traces), 3);
	close(fd);
}

/* durability: power. What was written and not synced is not on file for
   anybody, also not for who connects anew. */
static void
test_a_disk_that_does_not_sync_is_waited_for(void **state)
{
	struct fixture *f = *state;
	int fd;

	kill_hard(&f->logger);
	f->power = true;
	f->logger = start(f);
	fd = connect_to(f);
	assert_int_equal(hello(fd, OWNER), 0);
	send_lines(fd, OWNER, 1, 1);
	await_ack(fd, 1);
	*sync_fails = true;
	send_lines(fd, OWNER, 2, 2);
	assert_int_equal(receive(fd, RECORD_ACK), -1);
	close(fd);
	fd = connect_to(f);
	assert_int_equal(hello(fd, OWNER), -1);
	close(fd);
	*sync_fails = false;
	fd = connect_to(f);
	assert_int_equal(hello(fd, OWNER), 2);
	send_lines(fd, OWNER, 3, 3);
	await_ack(fd, 3);
	assert_int_equal(count_lines(f->traces), 3);
	close(fd);
}

/* Workers outlived their supervisor, and their logger with them. */
static void
test_two_loggers_do_not_write_one_file(void **state)
{
	struct fixture *f = *state;
	int fd = connect_to(f);
	struct process second;

	assert_int_equal(hello(fd, OWNER), 0);
	send_lines(fd, OWNER, 1, 2);
	await_ack(fd, 2);
	second = start(f);
	/* It is there, and waits; it takes nobody in. */
	assert_int_equal(hear(&second).state, CONTRACT_READY);
	WAIT_FOR(log_says(f, "still written by another logger"));
	assert_int_equal(hear(&second).state, CONTRACT_READY);
	send_lines(fd, OWNER, 3, 3);
	await_ack(fd, 3);
	/* The first is told to go, and goes with its last client. */
	kill(f->logger.pid, SIGTERM);
	usleep(50000);
	send_lines(fd, OWNER, 4, 4);
	await_ack(fd, 4);
	close(fd);
	assert_int_equal(wait_end(&f->logger, 5000), 0);
	f->logger = second;
	fd = connect_to(f);
	assert_int_equal(hello(fd, OWNER), 4);
	close(fd);
}

/* ---- leaving ------------------------------------------------------------ */

static void
test_leaves_when_nobody_is_connected(void **state)
{
	struct fixture *f = *state;

	hear(&f->logger);
	WAIT_FOR(access(f->traces, F_OK) == 0);
	usleep(50000);
	kill(f->logger.pid, SIGTERM);
	assert_int_equal(wait_end(&f->logger, 5000), 0);
}

static void
test_a_second_term_is_at_once(void **state)
{
	struct fixture *f = *state;
	int fd = connect_to(f);

	assert_int_equal(hello(fd, OWNER), 0);
	kill(f->logger.pid, SIGTERM);
	assert_int_equal(wait_end(&f->logger, 100), -1);
	kill(f->logger.pid, SIGTERM);
	assert_int_equal(wait_end(&f->logger, 5000), 0);
	close(fd);
}

static void
test_stop_is_at_once(void **state)
{
	struct fixture *f = *state;
	int fd = connect_to(f);
	char stop = CONTRACT_STOP;

	assert_int_equal(hello(fd, OWNER), 0);
	send_lines(fd, OWNER, 1, 3);
	await_ack(fd, 3);
	assert_int_equal(write(f->logger.life_fd, &stop, 1), 1);
	assert_int_equal(wait_end(&f->logger, 5000), 0);
	assert_int_equal(count_lines(f->traces), 3);
	close(fd);
}

static void
test_without_a_supervisor_it_serves_to_the_end(void **state)
{
	struct fixture *f = *state;
	int fd = connect_to(f);

	assert_int_equal(hello(fd, OWNER), 0);
	fd_close(&f->logger.life_fd);
	WAIT_FOR(log_says(f, "the supervisor is gone"));
	send_lines(fd, OWNER, 1, 2);
	await_ack(fd, 2);
	close(fd);
	assert_int_equal(wait_end(&f->logger, 5000), 0);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_acknowledges_what_is_on_file),
		TEST(test_drops_what_it_has),
		TEST(test_a_successor_goes_on),
		TEST(test_many_clients_at_once),
		TEST(test_a_gap_after_hello_is_a_loss_and_said),
		TEST(test_any_other_gap_costs_the_connection),
		TEST(test_garbage_costs_only_its_connection),
		TEST(test_usr1_opens_the_file_again),
		TEST(test_a_full_disk_is_waited_for),
		TEST(test_a_disk_that_does_not_sync_is_waited_for),
		TEST(test_two_loggers_do_not_write_one_file),
		TEST(test_leaves_when_nobody_is_connected),
		TEST(test_a_second_term_is_at_once),
		TEST(test_stop_is_at_once),
		TEST(test_without_a_supervisor_it_serves_to_the_end),
	};

	sync_fails = mmap(NULL, sizeof(*sync_fails), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (sync_fails == MAP_FAILED)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
