/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pseudo-terminals of the process's own: what is under way in them, settings, size, packets, lock, ends that were
 * closed, and one that is the controlling terminal of a session in the tree.
 *
 *	root --- leader (of a session with a terminal) --- foreground (leads a group)
 *	     --- another (of one whose terminal ends with its child) --- holder (has the other end)
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>

#include "victims/victim.h"

#define ROWS 33

static int lines[2], packets[2], shell[2]; /* master, slave */
static int left, fresh, hung_up;
static char name[3][32];
static uint32_t
	*shared; /* signals seen, rounds asked and answered, the line of a check that failed */

enum {
	INTERRUPTED,
	RESIZED,
	ASKED,
	ANSWERED,
	WRONG,
	LEADER,
	FOREGROUND,
	ANOTHER,
	WORDS
};

static void on_interrupt(int signo)
{
	__atomic_add_fetch(&shared[signo == SIGINT ? INTERRUPTED : RESIZED], 1, __ATOMIC_SEQ_CST);
}

static uint32_t get(int word)
{
	return __atomic_load_n(&shared[word], __ATOMIC_SEQ_CST);
}

static bool await(int word, uint32_t value)
{
	for (int ms = 0; ms < 2000 && get(word) != value; ms++)
		victim_nap();
	return get(word) == value;
}

static void open_pair(int pair[2])
{
	pair[0] = posix_openpt(O_RDWR | O_NOCTTY);
	VICTIM_CHECK(pair[0] >= 0 && grantpt(pair[0]) == 0 && unlockpt(pair[0]) == 0);
	pair[1] = open(ptsname(pair[0]), O_RDWR | O_NOCTTY);
	VICTIM_CHECK(pair[1] >= 0);
}

static bool hears(int fd, const char *wanted)
{
	struct pollfd one = { .fd = fd, .events = POLLIN };
	char got[64] = "";

	if (poll(&one, 1, 2000) != 1)
		return false;
	ssize_t n = read(fd, got, sizeof(got) - 1);

	return n == (ssize_t)strlen(wanted) && memcmp(got, wanted, (size_t)n) == 0;
}

static bool says(int fd, const char *text)
{
	return write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

static void fill_lines(void)
{
	VICTIM_CHECK(says(lines[0], "first\nsecond\nhal"));
	VICTIM_CHECK(says(lines[1], "out\nput"));
}

/* By lines, without an echo; the last of them is not ended. It is the root's controlling terminal. */
static void build_lines(void)
{
	struct termios settings;
	const struct winsize size = { .ws_row = ROWS, .ws_col = 77 };

	open_pair(lines);
	snprintf(name[0], sizeof(name[0]), "%s", ptsname(lines[0]));
	VICTIM_CHECK(tcgetattr(lines[1], &settings) == 0);
	settings.c_lflag &= ~(tcflag_t)ECHO;
	settings.c_cc[VINTR] = 7;
	VICTIM_CHECK(tcsetattr(lines[1], TCSANOW, &settings) == 0);
	VICTIM_CHECK(ioctl(lines[0], TIOCSWINSZ, &size) == 0);
	VICTIM_CHECK(ioctl(lines[1], TIOCSCTTY, 0) == 0);
	VICTIM_CHECK(fchmod(lines[1], 0613) == 0 && fchown(lines[1], 5, 6) == 0);
	fill_lines();
}

static void check_lines(void)
{
	struct termios settings;
	struct winsize size = { 0 };
	struct stat status;

	VICTIM_CHECK(strcmp(ptsname(lines[0]), name[0]) == 0);
	VICTIM_CHECK(strcmp(ttyname(lines[1]), name[0]) == 0);
	VICTIM_CHECK(tcgetattr(lines[1], &settings) == 0 && settings.c_cc[VINTR] == 7);
	VICTIM_CHECK((settings.c_lflag & (ICANON | ECHO)) == ICANON);
	VICTIM_CHECK(ioctl(lines[1], TIOCGWINSZ, &size) == 0 && size.ws_row == ROWS);
	VICTIM_CHECK(fstat(lines[1], &status) == 0 && (status.st_mode & 07777) == 0613);
	VICTIM_CHECK(tcgetsid(lines[1]) == getpid() && tcgetpgrp(lines[1]) == getpid());
	VICTIM_CHECK(status.st_uid == 5 && status.st_gid == 6);
	VICTIM_CHECK(hears(lines[1], "first\n") && hears(lines[1], "second\n"));
	VICTIM_CHECK(says(lines[0], "\177lf\n") && hears(lines[1], "half\n"));
	VICTIM_CHECK(hears(lines[0], "out\r\nput"));
	fill_lines();
}

static void check_packets(void)
{
	int on = 0;

	VICTIM_CHECK(ioctl(packets[0], TIOCGPKT, &on) == 0 && on);
	VICTIM_CHECK(hears(packets[0], "p") == false); /* a byte of the mode comes first */
	VICTIM_CHECK(says(packets[1], "p"));
	VICTIM_CHECK(fcntl(packets[0], F_GETFL) & O_NONBLOCK);
}

static void build_ends(void)
{
	int pair[2], on = 1;

	open_pair(packets);
	VICTIM_CHECK(ioctl(packets[0], TIOCPKT, &on) == 0 && says(packets[1], "p"));
	fcntl(packets[0], F_SETFL, O_RDWR | O_NONBLOCK);
	open_pair(pair);
	left = pair[0];
	close(pair[1]);
	fresh = posix_openpt(O_RDWR | O_NOCTTY);
	open_pair(pair);
	hung_up = pair[1];
	close(pair[0]);
}

static void check_ends(void)
{
	struct pollfd one = { .fd = left, .events = POLLIN };
	char byte;
	int locked = 0;

	VICTIM_CHECK(poll(&one, 1, 0) == 1 && one.revents & POLLHUP);
	one.fd = fresh;
	VICTIM_CHECK(poll(&one, 1, 0) == 0);
	VICTIM_CHECK(ioctl(fresh, TIOCGPTLCK, &locked) == 0 && locked);
	VICTIM_CHECK(read(hung_up, &byte, 1) == 0);
	VICTIM_CHECK(write(hung_up, "x", 1) < 0 && errno == EIO);
}

/* ---- the session ---- */

#define CHECK_HERE(cond)                          \
	do {                                      \
		if (!(cond) && !get(WRONG))       \
			shared[WRONG] = __LINE__; \
	} while (0)

static void live_in_foreground(void)
{
	struct sigaction action = { .sa_handler = on_interrupt, .sa_flags = SA_RESTART };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGWINCH, &action, NULL);
	shared[FOREGROUND] = (uint32_t)getpid();
	for (;;)
		pause();
}

static void check_session(int tty)
{
	int again = open("/dev/tty", O_RDWR);

	CHECK_HERE(again >= 0 && getsid(0) == getpid() && tcgetsid(shell[1]) == getpid());
	CHECK_HERE(tcgetpgrp(again) == (pid_t)get(FOREGROUND));
	CHECK_HERE(tcgetpgrp(tty) == (pid_t)get(FOREGROUND));
	CHECK_HERE(says(tty, "t"));
	close(again);
}

static void lead(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGTTOU, SIG_IGN);
	setsid();
	CHECK_HERE(ioctl(shell[1], TIOCSCTTY, 0) == 0);
	int tty = open("/dev/tty", O_RDWR);
	pid_t child = fork();

	if (child == 0)
		live_in_foreground();
	close(shell[0]);
	CHECK_HERE(tty >= 0 && await(FOREGROUND, (uint32_t)child));
	CHECK_HERE(tcsetpgrp(tty, child) == 0);
	for (uint32_t round = 1;; round++) {
		shared[LEADER] = round;
		while (get(ASKED) != round)
			victim_nap();
		check_session(tty);
		__atomic_store_n(&shared[ANSWERED], round, __ATOMIC_SEQ_CST);
	}
}

/* The end of its child, which has the other end of its terminal, would end it, too. */
static void lead_another(void)
{
	int pair[2];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setsid();
	open_pair(pair);
	CHECK_HERE(ioctl(pair[1], TIOCSCTTY, 0) == 0);
	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	close(pair[0]);
	__atomic_store_n(&shared[ANOTHER], (uint32_t)getpid(), __ATOMIC_SEQ_CST);
	for (;;)
		pause();
}

static void build_session(void)
{
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	open_pair(shell);
	if (fork() == 0)
		lead();
	VICTIM_CHECK(await(LEADER, 1));
	pid_t another = fork();

	if (another == 0)
		lead_another();
	VICTIM_CHECK(await(ANOTHER, (uint32_t)another));
}

static void check_session_from_outside(uint32_t round)
{
	const struct winsize size = { .ws_row = (unsigned short)(10 + round), .ws_col = 50 };

	shared[ASKED] = round;
	VICTIM_CHECK(await(ANSWERED, round) && !get(WRONG));
	if (get(WRONG))
		fprintf(stderr, "line %u\n", get(WRONG));
	VICTIM_CHECK(hears(shell[0], "t"));
	VICTIM_CHECK(waitpid((pid_t)get(ANOTHER), NULL, WNOHANG) == 0);
	VICTIM_CHECK(get(INTERRUPTED) == round - 1 && get(RESIZED) == round - 1);
	VICTIM_CHECK(says(shell[0], "\003") && await(INTERRUPTED, round));
	VICTIM_CHECK(ioctl(shell[0], TIOCSWINSZ, &size) == 0 && await(RESIZED, round));
	tcflush(shell[0], TCIOFLUSH);
	VICTIM_CHECK(tcflush(shell[1], TCIOFLUSH) == 0);
}

int main(void)
{
	uint32_t round = 0;

	victim_begin();
	build_session();
	build_lines();
	build_ends();
	victim_ready();
	while (victim_moved()) {
		check_lines();
		check_packets();
		check_ends();
		check_session_from_outside(++round);
	}
	return victim_end();
}
