/* SPDX-License-Identifier: Apache-2.0 */
#include "os/null.h"

#include <errno.h>
#include <fcntl.h>

int os_null_open(void)
{
	int fd = open("/dev/null", O_RDWR);

	return fd < 0 ? -errno : fd;
}
