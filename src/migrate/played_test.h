/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_PLAYED_TEST_H
#define DVS_MIGRATE_PLAYED_TEST_H

/*
 * For tests of one side of a move: a program of the system on the stage of stage_test.h, and the streams of its source
 * in files in memory. Include this after base/test.h.
 */

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "migrate/stage_test.h"
#include "os/procdir.h"

#define PLAYED_VPID 1000

struct played {
	struct stage stage;
	struct stage_side side;
	struct migrate_host host;
	struct migrate_source *source;
	struct refusal refusal;
	pid_t pid;
	int stream;
};

/* A text of /proc about the process; the caller frees it. */
TEST_LOOKS_UNUSED static struct procdir_text played_text(const struct played *played,
							 const char *name)
{
	struct procdir_text text = { 0 };
	int dir = procdir_open(played->pid);

	CHECK(dir >= 0 && procdir_read(dir, name, &text) == 0);
	close(dir);
	return text;
}

TEST_LOOKS_UNUSED static bool played_begin(struct played *played)
{
	char *argv[] = { (char *)"/bin/sleep", (char *)"1000", NULL };

	memset(played, 0, sizeof(*played));
	played->stream = memfd_create("stream", MFD_CLOEXEC);
	if (stage_open(&played->stage) < 0) {
		test_skip("needs root");
		return false;
	}
	played->pid = stage_start(&played->stage, 0, PLAYED_VPID, argv);
	/* Until it sleeps, it is not yet the program that it is to be. */
	for (int i = 0; i < 5000; i++, usleep(1000)) {
		struct procdir_text text = played_text(played, "comm");
		bool there = strcmp(text.text, "sleep\n") == 0 && stage_state(played->pid) == 'S';

		procdir_text_free(&text);
		if (there)
			break;
	}
	played->side.stage = &played->stage;
	played->host = stage_host(&played->side);
	played->source = migrate_source_new(played->pid, &played->host);
	CHECK(played->pid > 0 && played->source);
	return played->pid > 0 && played->source;
}

TEST_LOOKS_UNUSED static void played_end(struct played *played)
{
	migrate_source_free(played->source);
	stage_close(&played->stage);
	close(played->stream);
}

/* The stream from its begin, for a reader. */
TEST_LOOKS_UNUSED static int played_again(struct played *played)
{
	CHECK_EQ(lseek(played->stream, 0, SEEK_SET), 0);
	return played->stream;
}

#endif
