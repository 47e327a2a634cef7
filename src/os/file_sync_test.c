/* SPDX-License-Identifier: Apache-2.0 */
#include "os/file.h"

#include <errno.h>
#include <semaphore.h>

#include "base/test.h"

/* Stands for the server of the file: it answers when it is let. */
static sem_t let, answered;
static int answer;

int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
	(void)fd;
	sem_wait(&let);
	errno = answer;
	sem_post(&answered);
	return answer ? -1 : 0;
}

static void test_in_time(void)
{
	sem_post(&let);
	CHECK_EQ(os_file_sync_within(0, 60000), 0);
	answer = EIO;
	sem_post(&let);
	CHECK_EQ(os_file_sync_within(0, 60000), -EIO);
	answer = 0;
	sem_wait(&answered);
	sem_wait(&answered);
}

/* The caller goes its way; that which waits ends with the answer. */
static void test_too_late(void)
{
	CHECK_EQ(os_file_sync_within(0, 1), -ETIMEDOUT);
	sem_post(&let);
	sem_wait(&answered);
}

static void test_no_file(void)
{
	CHECK_EQ(os_file_sync_within(1 << 30, 60000), -EBADF);
}

int main(void)
{
	sem_init(&let, 0, 0);
	sem_init(&answered, 0, 0);
	TEST(test_in_time);
	TEST(test_too_late);
	TEST(test_no_file);
	return test_end();
}
