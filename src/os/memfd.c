/* SPDX-License-Identifier: Apache-2.0 */
#include "os/memfd.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIZE_SEALS (F_SEAL_SHRINK | F_SEAL_GROW)
#define EXECUTABLE 0x10u /* MFD_EXEC, of Linux 6.3 */

int os_memfd_new(const char *name, size_t bytes)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)bytes) < 0 ||
	    fcntl(fd, F_ADD_SEALS, SIZE_SEALS | F_SEAL_SEAL) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

/* 0 if the file behind fd is that large and will stay so. */
static int memfd_check(int fd, size_t bytes)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	if (seals < 0 || (seals & SIZE_SEALS) != SIZE_SEALS)
		return -EBADF;
	if (fstat(fd, &st) < 0)
		return -errno;
	return st.st_size < 0 || (size_t)st.st_size < bytes ? -EBADF : 0;
}

int os_memfd_map(int fd, size_t bytes, unsigned flags, void **addrp)
{
	int r = memfd_check(fd, bytes);
	void *addr;

	if (r < 0)
		return r;
	addr = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (addr == MAP_FAILED)
		return -errno;
	if ((flags & OS_MAP_NOFORK) && madvise(addr, bytes, MADV_DONTFORK) < 0) {
		r = -errno;
		munmap(addr, bytes);
		return r;
	}
	*addrp = addr;
	return 0;
}

int os_memfd_own_head(int fd, size_t bytes, void *head, size_t head_bytes)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;
	ssize_t got;

	if (seals != (SIZE_SEALS | F_SEAL_SEAL))
		return -EBADF;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_uid != geteuid() || st.st_size != (off_t)bytes)
		return -EBADF;
	got = pread(fd, head, head_bytes, 0);
	if (got < 0)
		return -errno;
	return (size_t)got == head_bytes ? 0 : -EBADF;
}

int os_memfd_new_file(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | EXECUTABLE);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return fd < 0 ? -errno : fd;
}

int os_memfd_seals(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);

	return seals < 0 ? -errno : seals;
}

int os_memfd_add_seals(int fd, unsigned seals)
{
	assert(fd >= 0);
	return fcntl(fd, F_ADD_SEALS, seals) < 0 ? -errno : 0;
}

void *os_memfd_unmap(void *addr, size_t bytes)
{
	if (addr)
		munmap(addr, bytes);
	return NULL;
}

ssize_t os_memfd_size(int fd)
{
	struct stat st;

	return fstat(fd, &st) < 0 ? -errno : (ssize_t)st.st_size;
}
