/* SPDX-License-Identifier: Apache-2.0 */
#include "os/kcmp.h"

#include <assert.h>
#include <errno.h>
#include <linux/kcmp.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

_Static_assert((int)OS_KCMP_FILE == KCMP_FILE && (int)OS_KCMP_VM == KCMP_VM &&
		       (int)OS_KCMP_FILES == KCMP_FILES && (int)OS_KCMP_FS == KCMP_FS &&
		       (int)OS_KCMP_SIGHAND == KCMP_SIGHAND && (int)OS_KCMP_IO == KCMP_IO &&
		       (int)OS_KCMP_SYSVSEM == KCMP_SYSVSEM,
	       "numbers");

int os_kcmp(pid_t one, pid_t other, enum os_kcmp what)
{
	assert(what != OS_KCMP_FILE);
	long r = syscall(SYS_kcmp, one, other, what, 0, 0);

	return r < 0 ? -errno : (int)r;
}

int os_kcmp_files(pid_t one, int number, pid_t other, int other_number)
{
	assert(number >= 0);
	assert(other_number >= 0);
	switch (syscall(SYS_kcmp, one, other, KCMP_FILE, number, other_number)) {
	case 0:
		return 0;
	case 1:
		return -1;
	}
	return 1;
}

int os_kcmp_epoll(pid_t one, int number, pid_t other, int epoll, int item, unsigned skip)
{
	const struct kcmp_epoll_slot slot = { .efd = (uint32_t)epoll,
					      .tfd = (uint32_t)item,
					      .toff = skip };

	assert(number >= 0 && epoll >= 0);
	return syscall(SYS_kcmp, one, other, KCMP_EPOLL_TFD, number, &slot) != 0;
}
