/* SPDX-License-Identifier: Apache-2.0 */
#include "os/store.h"

#include "base/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static char top[] = "/tmp/dvs-store-XXXXXX";
static char path[64];
static int folder;

/* The digest of "abc", as FIPS 180-4's example has it. */
static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

static int written(const char *text)
{
	int fd = os_store_begin(folder);

	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	return fd;
}

static int keep(const char *text, uint8_t digest[OS_DIGEST_BYTES])
{
	const struct os_store_like like = { .executable = true, .mtime_s = 12345, .mtime_ns = 678 };
	int fd = written(text);

	CHECK_EQ(os_digest(fd, digest), 0);
	int r = os_store_keep(folder, fd, digest, &like);

	close(fd);
	return r;
}

static void test_names(void)
{
	uint8_t digest[OS_DIGEST_BYTES], again[OS_DIGEST_BYTES];
	char name[OS_STORE_NAME_BYTES];
	int fd = written("abc");

	CHECK_EQ(os_digest(fd, digest), 0);
	close(fd);
	os_store_name(digest, name);
	CHECK(strcmp(name, abc) == 0);
	CHECK(os_store_digest(name, again) && memcmp(digest, again, sizeof(again)) == 0);
	name[3] = 'G';
	CHECK(!os_store_digest(name, again));
	name[3] = 0;
	CHECK(!os_store_digest(name, again) && !os_store_digest("", again));
	CHECK(!os_store_digest("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad0",
			       again));
}

static void test_kept(void)
{
	uint8_t digest[OS_DIGEST_BYTES];
	struct stat status;
	char text[8] = "";

	CHECK_EQ(keep("abc", digest), 0);
	int fd = os_store_find(folder, digest, O_RDONLY);

	CHECK(fd >= 0 && read(fd, text, sizeof(text)) == 3 && strcmp(text, "abc") == 0);
	CHECK(fstat(fd, &status) == 0 && (status.st_mode & 07777) == 0555);
	CHECK(status.st_mtim.tv_sec == 12345 && status.st_mtim.tv_nsec == 678);
	close(fd);
	CHECK_EQ(keep("abc", digest), 0); /* once more is no error */
	digest[0]++;
	CHECK_EQ(os_store_find(folder, digest, O_RDONLY), -ENOENT);
}

/* Other contents than those of the digest: it gets no name. */
static void test_other_contents(void)
{
	const struct os_store_like like = { .executable = false };
	uint8_t digest[OS_DIGEST_BYTES];

	CHECK(os_store_digest(abc, digest));
	digest[31]++;
	int fd = written("abc");

	CHECK_EQ(os_store_keep(folder, fd, digest, &like), -EBADMSG);
	close(fd);
	CHECK_EQ(os_store_find(folder, digest, O_RDONLY), -ENOENT);
}

/* Whether there is room; nothing stays claimed. */
static int claim_room(int in, uint64_t bytes, uint64_t limit)
{
	int r = os_store_claim(in, bytes, limit);

	if (r == 0)
		os_store_give_back(bytes);
	return r;
}

/* Two that are on their way have no more room together than one has. */
static void test_claims(void)
{
	uint8_t digest[OS_DIGEST_BYTES];

	CHECK_EQ(os_store_claim(folder, 8, 12), 0);
	CHECK_EQ(os_store_claim(folder, 5, 12), -ENOSPC);
	CHECK_EQ(os_store_claim(folder, UINT64_MAX, 12), -ENOSPC);
	CHECK_EQ(os_store_claim(folder, 4, 12), 0);
	CHECK_EQ(os_store_claim(folder, 1, 10), -ENOSPC); /* the limit became lower */
	os_store_give_back(8);
	CHECK_EQ(keep("12345678", digest), 0);
	CHECK_EQ(os_store_claim(folder, 8, 12), 0); /* nobody uses the one that is there */
	CHECK_EQ(os_store_find(folder, digest, O_PATH), -ENOENT);
	os_store_give_back(12);
}

/* A full store gives up files that nobody uses, and no others. */
static void test_room(void)
{
	uint8_t open_one[OS_DIGEST_BYTES], mapped[OS_DIGEST_BYTES], unused[OS_DIGEST_BYTES];

	CHECK_EQ(keep("open1", open_one), 0);
	CHECK_EQ(keep("mapped", mapped), 0);
	CHECK_EQ(keep("unused", unused), 0);
	int fd = os_store_find(folder, open_one, O_RDONLY),
	    other = os_store_find(folder, mapped, O_RDONLY);
	void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, other, 0);

	close(other);
	CHECK(page != MAP_FAILED);
	CHECK_EQ(claim_room(folder, 1, 1000), 0);
	other = os_store_find(folder, unused, O_PATH);
	CHECK(other >= 0); /* there was room */
	close(other);
	CHECK_EQ(claim_room(folder, 1, 12), 0);
	CHECK_EQ(os_store_find(folder, unused, O_PATH), -ENOENT);
	CHECK_EQ(claim_room(folder, 2, 12), -ENOSPC);
	CHECK_EQ(claim_room(folder, 13, 12), -ENOSPC);
	munmap(page, 4096);
	CHECK_EQ(claim_room(folder, 2, 12), 0);
	CHECK_EQ(os_store_find(folder, mapped, O_PATH), -ENOENT);
	close(fd);
	CHECK_EQ(claim_room(folder, 12, 12), 0);
}

/* A folder that others may enter, or a link to one, is none. */
static void test_strange_folder(void)
{
	char other[80];

	CHECK(chmod(path, 0755) == 0);
	CHECK_EQ(os_store_open(path, true), -EPERM);
	CHECK(chmod(path, 0700) == 0);
	snprintf(other, sizeof(other), "%s/link", top);
	CHECK(symlink(path, other) == 0);
	CHECK(os_store_open(other, true) < 0);
	unlink(other);
	snprintf(other, sizeof(other), "%s/no/folder", top);
	CHECK_EQ(os_store_open(other, false), -ENOENT);
	int made = os_store_open(other, true); /* with the folder that it is in */

	CHECK(made >= 0 && rmdir(other) == 0);
	close(made);
	*strrchr(other, '/') = 0;
	CHECK(rmdir(other) == 0);
	snprintf(other, sizeof(other), "%s/no/such/folder", top);
	CHECK_EQ(os_store_open(other, true), -ENOENT);
}

int main(void)
{
	CHECK(mkdtemp(top) != NULL);
	snprintf(path, sizeof(path), "%s/files", top);
	folder = os_store_open(path, true);
	CHECK(folder >= 0);
	TEST(test_names);
	TEST(test_kept);
	TEST(test_other_contents);
	TEST(test_claims);
	TEST(test_room);
	TEST(test_strange_folder);
	close(folder);
	CHECK(rmdir(path) == 0 && rmdir(top) == 0);
	return test_end();
}
