/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_INODE_H
#define DVS_OS_INODE_H

#include <sys/types.h>

/* The identity of an open file: what /proc/PID/maps shows of a mapping of it. */
struct os_inode {
	dev_t dev;
	ino_t ino;
};

/* 0 or negative errno. */
int os_inode(int fd, struct os_inode *inode);

#endif
