/* SPDX-License-Identifier: Apache-2.0 */
#include "os/signalfd.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/procdir.h"

bool os_signalfd_parse(const char *info, uint64_t *mask)
{
	assert(info);
	*mask = procdir_number(info, "sigmask", 16, 0);
	return procdir_field(info, "sigmask") != NULL;
}

/* The library's own call refuses none of the kernel's masks, but has its own type for them. */
int os_signalfd_new(uint64_t mask)
{
	long fd = syscall(SYS_signalfd4, -1, &mask, sizeof(mask), O_CLOEXEC);

	return fd < 0 ? -errno : (int)fd;
}
