/* SPDX-License-Identifier: Apache-2.0 */
#include "os/store.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE_BYTES ((size_t)64 * 1024)
#define MAKE_TRIES  10

static int digest_file(EVP_MD_CTX *context, int fd, uint8_t *piece, uint8_t *digest)
{
	unsigned length = 0;
	off_t at = 0;

	if (EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1)
		return -EIO;
	for (;;) {
		ssize_t got = pread(fd, piece, PIECE_BYTES, at);

		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		if (EVP_DigestUpdate(context, piece, (size_t)got) != 1)
			return -EIO;
		at += got;
	}
	if (EVP_DigestFinal_ex(context, digest, &length) != 1)
		return -EIO;
	assert(length == OS_DIGEST_BYTES);
	return 0;
}

int os_digest(int fd, uint8_t digest[OS_DIGEST_BYTES])
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	uint8_t *piece = malloc(PIECE_BYTES);
	int r = context && piece ? digest_file(context, fd, piece, digest) : -ENOMEM;

	assert(fd >= 0);
	free(piece);
	EVP_MD_CTX_free(context);
	return r;
}

void os_store_name(const uint8_t digest[OS_DIGEST_BYTES], char name[OS_STORE_NAME_BYTES])
{
	for (unsigned i = 0; i < OS_DIGEST_BYTES; i++)
		snprintf(name + 2 * (size_t)i, 3, "%02x", digest[i]);
}

static int value_of(char digit)
{
	static const char digits[] = "0123456789abcdef";
	const char *found = digit ? strchr(digits, digit) : NULL;

	return found ? (int)(found - digits) : -1;
}

bool os_store_digest(const char *name, uint8_t digest[OS_DIGEST_BYTES])
{
	if (strlen(name) != OS_STORE_NAME_BYTES - 1)
		return false;
	for (unsigned i = 0; i < OS_DIGEST_BYTES; i++) {
		int high = value_of(name[2 * i]), low = value_of(name[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		digest[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static int make_folder(const char *path)
{
	char above[256];
	const char *end = strrchr(path, '/');
	size_t length = end ? (size_t)(end - path) : 0;

	/* The folder around it may be removed meanwhile, as an empty one. */
	for (int tries = 0; mkdir(path, 0700) < 0 && errno != EEXIST; tries++) {
		if (errno != ENOENT || !length || length >= sizeof(above) || tries == MAKE_TRIES)
			return -errno;
		memcpy(above, path, length);
		above[length] = 0;
		if (mkdir(above, 0755) < 0 && errno != EEXIST)
			return -errno;
	}
	return 0;
}

int os_store_open(const char *path, bool make)
{
	struct stat status;
	int r = make ? make_folder(path) : 0;

	if (r < 0)
		return r;
	int folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (folder < 0)
		return -errno;
	if (fstat(folder, &status) == 0 && status.st_uid == geteuid() && !(status.st_mode & 077))
		return folder;
	close(folder);
	return -EPERM;
}

int os_store_find(int folder, const uint8_t digest[OS_DIGEST_BYTES], unsigned flags)
{
	char name[OS_STORE_NAME_BYTES];

	assert(folder >= 0);
	os_store_name(digest, name);
	int fd = openat(folder, name, (int)flags | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* The kernel grants a lease for writing only of a file that nobody else has open or mapped. */
static bool is_used(int folder, const char *name)
{
	int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	bool used = fd < 0 || fcntl(fd, F_SETLEASE, F_WRLCK) < 0;

	if (fd >= 0)
		close(fd);
	return used;
}

/* Goes through the files, and removes those that are not used until `excess` bytes are gone. Returns the sum of all. */
static uint64_t sum_files(int folder, uint64_t excess)
{
	int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	uint8_t digest[OS_DIGEST_BYTES];
	struct dirent *entry;
	struct stat status;
	uint64_t sum = 0, freed = 0;

	if (!dir && copy >= 0)
		close(copy);
	while (dir && (entry = readdir(dir))) {
		if (!os_store_digest(entry->d_name, digest) ||
		    fstatat(folder, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		uint64_t bytes = (uint64_t)status.st_size;

		if (freed < excess && !is_used(folder, entry->d_name) &&
		    unlinkat(folder, entry->d_name, 0) == 0)
			freed += bytes;
		else
			sum += bytes;
	}
	if (dir)
		closedir(dir);
	return sum;
}

/* Of the files that have no name so far; a process has one store. */
static struct {
	pthread_mutex_t lock;
	uint64_t bytes;
} claims = { .lock = PTHREAD_MUTEX_INITIALIZER };

static int claim(int folder, uint64_t bytes, uint64_t limit)
{
	uint64_t sum;

	if (claims.bytes > limit || bytes > limit - claims.bytes)
		return -ENOSPC;
	limit -= claims.bytes + bytes;
	sum = sum_files(folder, 0);
	if (sum > limit)
		sum = sum_files(folder, sum - limit);
	if (sum > limit)
		return -ENOSPC;
	claims.bytes += bytes;
	return 0;
}

int os_store_claim(int folder, uint64_t bytes, uint64_t limit)
{
	assert(folder >= 0);
	pthread_mutex_lock(&claims.lock);
	int r = claim(folder, bytes, limit);

	pthread_mutex_unlock(&claims.lock);
	return r;
}

void os_store_give_back(uint64_t bytes)
{
	pthread_mutex_lock(&claims.lock);
	assert(bytes <= claims.bytes);
	claims.bytes -= bytes;
	pthread_mutex_unlock(&claims.lock);
}

int os_store_begin(int folder)
{
	assert(folder >= 0);
	int fd = openat(folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	return fd < 0 ? -errno : fd;
}

int os_store_keep(int folder, int fd, const uint8_t digest[OS_DIGEST_BYTES],
		  const struct os_store_like *like)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
					   { .tv_sec = like->mtime_s, .tv_nsec = like->mtime_ns } };
	uint8_t written[OS_DIGEST_BYTES];
	char name[OS_STORE_NAME_BYTES], number[32];

	assert(folder >= 0 && fd >= 0);
	int r = os_digest(fd, written);

	if (r == 0 && memcmp(written, digest, sizeof(written)))
		r = -EBADMSG;
	if (r)
		return r;
	os_store_name(digest, name);
	if (fchmod(fd, like->executable ? 0555 : 0444) < 0 || futimens(fd, times) < 0 ||
	    fsync(fd) < 0)
		return -errno;
	/* By its number, because the empty name needs a right more. */
	snprintf(number, sizeof(number), "/proc/self/fd/%d", fd);
	if (linkat(AT_FDCWD, number, folder, name, AT_SYMLINK_FOLLOW) < 0 && errno != EEXIST)
		return -errno;
	return fsync(folder) < 0 && errno != EINVAL ? -errno : 0;
}
