/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <sys/stat.h>

#include "os/inode.h"

int os_inode(int fd, struct os_inode *inode)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	inode->dev = st.st_dev;
	inode->ino = st.st_ino;
	return 0;
}
