/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A log that is only appended to, and that a process which stays goes on writing: its lines and ours
 * are all there, each whole, wherever we are.
 */
#include <fcntl.h>
#include <sys/wait.h>

#include "victims/victim.h"

#define LINES 300

static char name[] = "/tmp/dvs-victim-common-XXXXXX";

static void write_line(int log, char who, unsigned number)
{
	VICTIM_CHECK(dprintf(log, "%c %05u\n", who, number) == 8);
}

/* In a session of its own, so that it is nobody's orphan. */
static void leave_writer(int log)
{
	pid_t child = fork();

	if (child == 0) {
		setsid();
		if (fork())
			_exit(0);
		for (unsigned i = 0; i < LINES; i++) {
			dprintf(log, "b %05u\n", i);
			victim_nap();
		}
		_exit(0);
	}
	VICTIM_CHECK(waitpid(child, NULL, 0) == child);
}

static unsigned lines_of(char who)
{
	FILE *log = fopen(name, "re");
	char line[32], wanted[32];
	unsigned count = 0;

	while (log && fgets(line, sizeof(line), log)) {
		snprintf(wanted, sizeof(wanted), "%c %05u\n", who, count);
		if (strcmp(line, wanted) == 0)
			count++;
		else
			VICTIM_CHECK(line[0] != who && strlen(line) == 8);
	}
	if (log)
		fclose(log);
	return count;
}

int main(void)
{
	unsigned written = 0;

	victim_begin();
	close(mkstemp(name));
	int log = open(name, O_WRONLY | O_APPEND);

	leave_writer(log);
	victim_ready();
	while (victim_moved()) {
		for (int i = 0; i < 20; i++, victim_nap())
			write_line(log, 'a', written++);
	}
	for (int ms = 0; ms < 5000 && lines_of('b') < LINES; ms++)
		victim_nap();
	VICTIM_CHECK(lines_of('b') == LINES && lines_of('a') == written);
	unlink(name);
	return victim_end();
}
