/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_STORE_H
#define DVS_OS_STORE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A folder of files by their contents: the name of each is its SHA-256 (FIPS 180-4) in hexadecimal digits, so that a
 * name tells all that is to be known of a file. Only root enters the folder. A file is whole from the moment that it
 * has its name. All may wait for the disk; errors are negative errnos, and descriptors are the caller's and
 * close-on-exec.
 */
#define OS_DIGEST_BYTES	    32u
#define OS_STORE_NAME_BYTES (2u * OS_DIGEST_BYTES + 1u)

/* The digest of an open file, from its begin to its end. 0 or -errno. */
int os_digest(int fd, uint8_t digest[OS_DIGEST_BYTES]);

void os_store_name(const uint8_t digest[OS_DIGEST_BYTES], char name[OS_STORE_NAME_BYTES]);
/* False: it is no such name. */
bool os_store_digest(const char *name, uint8_t digest[OS_DIGEST_BYTES]);

/* The folder, which must be the caller's own. If it is not there it is made (and the one that it is in), or -ENOENT. */
int os_store_open(const char *path, bool make);

/* The file with these contents, with the flags of os/open.h; -ENOENT: it is not here. */
int os_store_find(int folder, const uint8_t digest[OS_DIGEST_BYTES], unsigned flags);

/*
 * Room for so many bytes more, which are the caller's until it gives that claim back, piece by piece or at once: when a
 * file has its name, or will have none. Where there would be more than `limit` in all, with the claims of others, files
 * that nobody has open or mapped are removed. -ENOSPC: those that are left are too many, and nothing is claimed.
 */
int os_store_claim(int folder, uint64_t bytes, uint64_t limit);
void os_store_give_back(uint64_t bytes);

/* A file without a name, to be written and read. */
int os_store_begin(int folder);

/* Properties of a file of the store beside its contents. */
struct os_store_like {
	bool executable;
	int64_t mtime_s;
	uint32_t mtime_ns;
};

/*
 * Gives a file that was written its name, on the disk. -EBADMSG: its contents are not those of the digest. A file that
 * is there already, kept by another caller, is as good.
 */
int os_store_keep(int folder, int fd, const uint8_t digest[OS_DIGEST_BYTES],
		  const struct os_store_like *like);

#endif
