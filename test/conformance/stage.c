/* SPDX-License-Identifier: Apache-2.0 */
#include "conformance/stage.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PUPPETS_MAX	16
#define NODES_MAX	8
#define ROLES_MAX	8
#define PROGRAM_LIMIT_S 200

static unsigned failures;
static int listener = -1;
static char socket_folder[] = "/tmp/dvs-conformance-XXXXXX", socket_path[108];
static char puppet_path[512];
static int placement[ROLES_MAX];
static struct puppet puppets[PUPPETS_MAX];
static int nr_puppets;
static struct puppet observers[NODES_MAX]; /* unbound, one per node in use, for the whole run */

void stage_fail(const char *file, int line, const char *text)
{
	failures++;
	printf("%s:%d: failed: %s\n", file, line, text);
}

void stage_fail_eq(const char *file, int line, const char *text, long have, long want)
{
	failures++;
	printf("%s:%d: failed: %s: have %ld, want %ld\n", file, line, text, have, want);
}

const char *stage_socket_path(void)
{
	return socket_path;
}

int stage_node(int role)
{
	return placement[role];
}

bool stage_together(int role, int other)
{
	return placement[role] == placement[other];
}

long stage_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void stage_sleep_ms(int ms)
{
	struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	nanosleep(&time, NULL);
}

void stage_sleep_us(unsigned us)
{
	nanosleep(&(struct timespec){ .tv_nsec = us * 1000L }, NULL);
}

static bool readable_within(int fd, int ms)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	return fd >= 0 && poll(&poll_fd, 1, ms) == 1;
}

/* ---- conversation ---- */

static void vtell(struct puppet *p, const char *format, va_list args)
{
	char line[256];
	int length = vsnprintf(line, sizeof(line), format, args);

	p->nr_values = 0;
	p->value[0] = STAGE_SILENT;
	if (p->fd < 0 || send(p->fd, line, (size_t)length, MSG_NOSIGNAL) < 0)
		printf("cannot tell a puppet: %s\n", line);
}

void tell(struct puppet *p, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vtell(p, format, args);
	va_end(args);
}

long hear_within(struct puppet *p, int ms)
{
	char line[512], *rest = line, *word;
	ssize_t got;

	p->nr_values = 0;
	p->value[0] = STAGE_SILENT;
	if (!readable_within(p->fd, ms))
		return STAGE_SILENT;
	got = recv(p->fd, line, sizeof(line) - 1, 0);
	if (got <= 0)
		return STAGE_SILENT;
	line[got] = '\0';
	while (p->nr_values < STAGE_VALUES && (word = strsep(&rest, " ")) && *word)
		p->value[p->nr_values++] = strtol(word, NULL, 10);
	return p->value[0];
}

long hear(struct puppet *p)
{
	return hear_within(p, STAGE_PATIENCE_MS);
}

long ask(struct puppet *p, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vtell(p, format, args);
	va_end(args);
	return hear(p);
}

bool is_silent(struct puppet *p, int ms)
{
	return !readable_within(p->fd, ms);
}

/* ---- coming and going ---- */

static bool greet(struct puppet *p)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	p->fd = readable_within(listener, STAGE_PATIENCE_MS)
			? accept4(listener, NULL, NULL, SOCK_CLOEXEC)
			: -1;
	if (p->fd < 0 || hear(p) == STAGE_SILENT || p->nr_values != 3)
		return false;
	p->own_pid = (int)p->value[0];
	p->own_tid = (int)p->value[1];
	p->buffer = p->value[2];
	if (getsockopt(p->fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return false;
	p->pid = peer.pid;
	return true;
}

static bool start(struct puppet *p, int node)
{
	char number[16];

	*p = (struct puppet){ .fd = -1, .node = node, .nr = NONE, .ep = NONE };
	snprintf(number, sizeof(number), "%d", node);
	p->child = fork();
	if (p->child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execlp("dvs", "dvs", "lab", "exec", number, "--", puppet_path, socket_path,
		       (char *)NULL);
		_exit(127);
	}
	return p->child > 0 && greet(p) && ask(p, "open") >= 0;
}

static struct puppet *new_puppet(void)
{
	if (nr_puppets == PUPPETS_MAX) {
		printf("more than %d puppets\n", PUPPETS_MAX);
		exit(1);
	}
	return &puppets[nr_puppets++];
}

struct puppet *stage_puppet(int role)
{
	struct puppet *p = new_puppet();

	CHECK(start(p, stage_node(role)));
	return p;
}

struct puppet *stage_bound(int role, int nr)
{
	struct puppet *p = stage_puppet(role);

	p->nr = nr;
	p->ep = (int)ask(p, "bind %d %d -1 %d -1", SELF_BIND, STAGE_DCID, nr);
	CHECK(p->ep >= EDVSERRCODE);
	CHECK_EQ(_ENDPOINT_P(p->ep), nr);
	return p;
}

struct puppet *stage_offspring(struct puppet *p)
{
	struct puppet *child = new_puppet();

	*child = (struct puppet){ .fd = -1, .node = p->node, .nr = NONE, .ep = NONE };
	CHECK(greet(child));
	return child;
}

static void reap(struct puppet *p)
{
	for (int i = 0; p->child > 0 && i < 200; i++) {
		if (waitpid(p->child, NULL, WNOHANG) != 0) {
			p->child = 0;
			return;
		}
		stage_sleep_ms(i < 20 ? 1 : 10);
	}
	if (p->child > 0) {
		kill(p->child, SIGKILL);
		waitpid(p->child, NULL, 0);
		p->child = 0;
	}
}

void stage_end(struct puppet *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
	if (p->pid > 0)
		kill(p->pid, SIGKILL);
	p->pid = 0;
	reap(p);
}

void stage_dismiss(struct puppet *p)
{
	stage_end(p);
	if (p == &puppets[nr_puppets - 1])
		nr_puppets--;
}

void stage_kill(struct puppet *p, int signal)
{
	if (p->pid > 0)
		kill(p->pid, signal);
}

/* ---- tables ---- */

static struct puppet *observer_of(int node)
{
	struct puppet *observer = &observers[node];

	if (observer->fd < 0 && !start(observer, node))
		printf("no observer on node %d\n", node);
	return observer;
}

long row(int role, int nr, int value)
{
	struct puppet *observer = observer_of(stage_node(role));

	if (ask(observer, "procinfo %d %d", STAGE_DCID, nr) < 0)
		return observer->value[0];
	return observer->value[value];
}

bool row_becomes(int role, int nr, int value, long mask, long want, int ms)
{
	long end = stage_now_ms() + ms, is;

	do {
		is = row(role, nr, value);
		if ((is & mask) == want)
			return true;
		stage_sleep_ms(5);
	} while (is >= EDVSERRCODE && stage_now_ms() < end);
	printf("row %d, value %d: %lx, not %lx in %lx\n", nr, value, is, want, mask);
	return false;
}

static int role_on(int node)
{
	for (int role = 0; role < ROLES_MAX; role++) {
		if (placement[role] == node)
			return role;
	}
	return 0;
}

bool is_blocked(struct puppet *p)
{
	long end = stage_now_ms() + 2000;

	while (stage_now_ms() < end) {
		if (row(role_on(p->node), p->nr, ROW_FLAGS) & (SENDING | RECEIVING))
			return true;
		stage_sleep_ms(2);
	}
	return false;
}

long hear_interrupted(struct puppet *p)
{
	long result = STAGE_SILENT;

	for (int i = 0; i < 20 && result == STAGE_SILENT; i++) {
		stage_sleep_ms(50);
		stage_kill(p, SIGUSR1);
		result = hear_within(p, 200);
	}
	return result;
}

/* ---- the run ---- */

/* Ends what a test has started, and waits until no node knows of it. */
static void clear_stage(void)
{
	for (int i = nr_puppets - 1; i >= 0; i--)
		stage_end(&puppets[i]);
	for (int i = 0; i < nr_puppets; i++) {
		for (int role = 0; role < ROLES_MAX && puppets[i].nr != NONE; role++)
			CHECK(row_becomes(role, puppets[i].nr, ROW_FLAGS, SLOT_FREE, SLOT_FREE,
					  3000));
	}
	nr_puppets = 0;
}

static bool place(const char *text)
{
	int given = 0;

	for (const char *at = text; *at && given < ROLES_MAX; at++) {
		if (*at == ',')
			continue;
		if (*at < '0' || *at >= '0' + NODES_MAX)
			return false;
		placement[given++] = *at - '0';
	}
	for (int role = given; given && role < ROLES_MAX; role++)
		placement[role] = placement[role % given];
	return given > 0;
}

/* "test_send_waits" as "send waits". */
static const char *in_words(const char *function)
{
	static char words[128];

	snprintf(words, sizeof(words), "%s", function + sizeof("test_") - 1);
	for (char *at = words; *at; at++) {
		if (*at == '_')
			*at = ' ';
	}
	return words;
}

static void run_tests(const char *where, const struct stage_test *tests, int nr_tests)
{
	for (int i = 0; i < nr_tests; i++) {
		unsigned before = failures;

		tests[i].run();
		clear_stage();
		printf("%s - %s on %s\n", failures == before ? "ok" : "not ok",
		       in_words(tests[i].name), where);
		fflush(stdout);
	}
}

static bool set_up(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	ssize_t length = readlink("/proc/self/exe", puppet_path, sizeof(puppet_path) - 16);
	char *slash;

	if (length < 0)
		return false;
	puppet_path[length] = '\0';
	slash = strrchr(puppet_path, '/');
	memcpy(slash + 1, "puppet", sizeof("puppet"));
	/* A directory of its own: a pid says nothing to those in another pid namespace. */
	if (!mkdtemp(socket_folder))
		return false;
	snprintf(socket_path, sizeof(socket_path), "%s/socket", socket_folder);
	memcpy(address.sun_path, socket_path, sizeof(socket_path));
	listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	for (int node = 0; node < NODES_MAX; node++)
		observers[node].fd = -1;
	return listener >= 0 && bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0 &&
	       listen(listener, PUPPETS_MAX) == 0;
}

static void tear_down(void)
{
	for (int node = 0; node < NODES_MAX; node++) {
		if (observers[node].fd >= 0)
			stage_end(&observers[node]);
	}
	unlink(socket_path);
	rmdir(socket_folder);
}

/* The test hangs, which is a failure: nothing it started may outlive it. */
static void on_alarm(int number)
{
	static const char text[] = "not ok - ended in time\n";

	(void)number;
	for (int i = 0; i < nr_puppets; i++) {
		if (puppets[i].pid > 0)
			kill(puppets[i].pid, SIGKILL);
	}
	unlink(socket_path);
	rmdir(socket_folder);
	if (write(STDOUT_FILENO, text, sizeof(text) - 1) < 0)
		_exit(2);
	_exit(1);
}

int stage_status(void)
{
	return failures ? 1 : 0;
}

int stage_main(int argc, char **argv, const struct stage_test *tests, int nr_tests)
{
	if (argc < 2) {
		fprintf(stderr, "usage: %s PLACEMENT...\n", argv[0]);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGALRM, &(struct sigaction){ .sa_handler = on_alarm }, NULL);
	sigaction(SIGTERM, &(struct sigaction){ .sa_handler = on_alarm }, NULL);
	alarm(PROGRAM_LIMIT_S);
	if (!set_up()) {
		perror(socket_path);
		return 1;
	}
	for (int i = 1; i < argc; i++) {
		if (!place(argv[i])) {
			fprintf(stderr, "not a placement: %s\n", argv[i]);
			return 2;
		}
		run_tests(argv[i], tests, nr_tests);
	}
	tear_down();
	return stage_status();
}
