/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Makes what has to stand while something else is measured, says `ready`, and stands until it is killed.
 *
 *	standing files COUNT FOLDER	has that many files of the folder open
 *	standing endpoints DC COUNT	that many processes, bound to 0, 1, ... of the DC
 */

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "dvk.h"

static int fail(const char *text)
{
	perror(text);
	return 1;
}

static _Noreturn void stand(void)
{
	printf("ready\n");
	fflush(stdout);
	for (;;)
		pause();
}

static int open_files(int count, const char *folder)
{
	char path[256];

	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/%d", folder, i);
		if (open(path, O_RDWR | O_CREAT, 0600) < 0)
			return fail(path);
	}
	stand();
}

static int bind_many(int dcid, int count)
{
	int ready[2];
	char byte;
	long r;

	if (pipe(ready) < 0)
		return fail("pipe");
	for (int i = 0; i < count; i++) {
		if (fork())
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		r = dvk_open();
		if (r >= 0)
			r = dvk_bind(dcid, i);
		if (r < EDVSERRCODE) {
			fprintf(stderr, "standing: endpoint %d of DC %d: %ld\n", i, dcid, r);
			_exit(1);
		}
		if (write(ready[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	for (int i = 0; i < count; i++)
		if (read(ready[0], &byte, 1) != 1)
			return fail("a child");
	stand();
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "files"))
		return open_files((int)strtol(argv[2], NULL, 10), argv[3]);
	if (argc == 4 && !strcmp(argv[1], "endpoints"))
		return bind_many((int)strtol(argv[2], NULL, 10), (int)strtol(argv[3], NULL, 10));
	fprintf(stderr, "usage: standing files COUNT FOLDER | endpoints DC COUNT\n");
	return 2;
}
