/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_INODE_H
#define DVS_OS_INODE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The identity of an open file, as /proc/PID/maps shows it for a mapping of the file. */
struct os_inode {
	dev_t dev;
	ino_t ino;
};

/* 0 or negative errno. */
int os_inode(int fd, struct os_inode *inode);

/* The file that the name leads to. Its file system is not asked, which may not answer. 0 or negative errno. */
int os_inode_at(int folder, const char *name, struct os_inode *inode);

/* A mode has the kernel's numbers, which an image carries as well; os/inode.c compares them. */
enum os_mode {
	OS_MODE_RIGHTS = 07777,
	OS_MODE_KIND = 0170000,
	OS_MODE_PIPE = 0010000,
	OS_MODE_DEVICE = 0020000, /* a character device */
	OS_MODE_FOLDER = 0040000,
	OS_MODE_FILE = 0100000,
	OS_MODE_SOCKET = 0140000,
};

/* The properties of a file, by any name. */
struct os_status {
	uint64_t device, inode;
	uint64_t size;
	int64_t mtime_s;
	uint32_t mtime_ns;
	uint32_t mode; /* enum os_mode */
	uint32_t uid, gid;
	uint64_t links;
	uint64_t rdev; /* of a device */
};

/* 0 or negative errno. OS_OPEN_PATH is enough for fd; a link at the end of the name is followed. */
int os_status(int fd, struct os_status *status);
int os_status_at(int folder, const char *name, struct os_status *status);

/* The magic number of the file system that the file is on; 0 or negative errno. */
int os_file_system(int fd, unsigned long *magic);

uint32_t os_device_major(uint64_t device);
uint32_t os_device_minor(uint64_t device);
uint64_t os_device(uint32_t device_major, uint32_t device_minor);

/* For a new file that is to be like another one: its owner and rights, size, time. 0 or negative errno. */
int os_inode_own(int fd, uint32_t uid, uint32_t gid, uint32_t rights);
int os_inode_resize(int fd, uint64_t bytes);
int os_inode_set_mtime(int fd, int64_t s, uint32_t ns);

/* A new folder that has no name, the caller's; it had that name in the place for a moment, or another one. */
int os_inode_nameless_folder(int place, const char *name);

/* A new FIFO that has no name, by its place alone (O_PATH): nobody has an end of it. It had a name for a moment. */
int os_inode_nameless_fifo(int place);

/* Whether it has extended attributes. */
bool os_inode_has_attributes(int fd);

#endif
