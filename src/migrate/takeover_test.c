/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/takeover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/test.h"
#include "migrate/restore.h"
#include "migrate/tracee.h"
#include "os/kcmp.h"

static struct tracee source; /* has the descriptors that this process had when it was made */

static void stop_source(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		pause();
		_exit(0);
	}
	CHECK_EQ(tracee_seize(&source, pid, true), 0);
	CHECK_EQ(tracee_interrupt(&source), 0);
	CHECK_EQ(tracee_await_stop(&source, 2000000), 0);
}

static void test_found(void)
{
	struct restore *restore = calloc(1, sizeof(*restore));
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	CHECK_OR_RETURN(restore && fd >= 0);
	stop_source();
	const struct takeover takeover = takeover_of(source.tid, fd),
			      running = takeover_of(getpid(), fd),
			      closed = takeover_of(source.tid, 1000);

	CHECK_EQ(takeover_open(restore, &takeover, O_RDWR), -ENOENT); /* of another machine */
	restore->same_machine = true;
	int found = takeover_open(restore, &takeover, O_RDWR | O_APPEND);

	CHECK(found >= 0 && found != fd);
	CHECK_EQ(os_kcmp_files(getpid(), fd, getpid(), found), 0);
	close(found);
	CHECK_EQ(takeover_open(restore, &takeover, O_RDONLY), -ESTALE);
	struct takeover other = takeover;

	other.start++; /* a later process with its number */
	CHECK_EQ(takeover_open(restore, &other, O_RDWR), -ENOENT);
	other = takeover;
	other.pidns++; /* the number means another process there */
	CHECK_EQ(takeover_open(restore, &other, O_RDWR), -ENOENT);
	other = takeover;
	other.pid = 0;
	CHECK_EQ(takeover_open(restore, &other, O_RDWR), -ENOENT);
	CHECK_EQ(takeover_open(restore, &running, O_RDWR), -ENOENT);
	CHECK_EQ(takeover_open(restore, &closed, O_RDWR), -EBADF);
	tracee_kill(&source);
	CHECK_EQ(takeover_open(restore, &takeover, O_RDWR), -ENOENT);
	close(fd);
	free(restore);
}

int main(void)
{
	TEST(test_found);
	return test_end();
}
