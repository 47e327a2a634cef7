/* SPDX-License-Identifier: Apache-2.0 */
#include "os/signalfd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/test.h"
#include "os/open.h"
#include "os/procdir.h"

#define BIT(signal) (1ull << ((signal)-1))

static uint64_t mask_seen(int fd)
{
	struct procdir_text info = { 0 };
	char name[48];
	uint64_t mask = 0;

	snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", fd);
	CHECK_EQ(procdir_read(OS_FOLDER_CURRENT, name, &info), 0);
	CHECK(os_signalfd_parse(info.text, &mask));
	procdir_text_free(&info);
	return mask;
}

static void test_mask(void)
{
	const uint64_t masks[] = { 0, BIT(SIGUSR1), BIT(64) | BIT(1), BIT(33) };

	for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
		int fd = os_signalfd_new(masks[i]);

		CHECK(fd >= 0 && fcntl(fd, F_GETFD) & FD_CLOEXEC);
		CHECK_EQ(mask_seen(fd), masks[i]);
		close(fd);
	}
	int fd = os_signalfd_new(UINT64_MAX);

	CHECK_EQ(mask_seen(fd), ~(BIT(SIGKILL) | BIT(SIGSTOP)));
	close(fd);
}

static void test_read(void)
{
	struct signalfd_siginfo info = { 0 };
	sigset_t set;
	int fd = os_signalfd_new(BIT(SIGUSR2));

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR2);
	CHECK_EQ(read(fd, &info, sizeof(info)), sizeof(info));
	CHECK_EQ(info.ssi_signo, SIGUSR2);
	close(fd);
}

static void test_parse(void)
{
	uint64_t mask;

	CHECK(os_signalfd_parse("pos:\t0\nsigmask:\t8000000000000200\n", &mask));
	CHECK_EQ(mask, BIT(64) | BIT(SIGUSR1));
	CHECK(!os_signalfd_parse("pos:\t0\n", &mask));
}

int main(void)
{
	TEST(test_mask);
	TEST(test_read);
	TEST(test_parse);
	return test_end();
}
