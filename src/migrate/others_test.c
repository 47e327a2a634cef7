/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes that stay, and what they have in common with the one that moves: they are children of the test, which
 * is the init of their container as far as they can tell.
 */
#include "migrate/others.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "dvk/errors.h"
#include "migrate/kind.h"
#include "migrate/made_proc_test.h"
#include "os/kcmp.h"
#include "os/pid.h"
#include "os/sleeper_test.h"

static struct inventory inventory;
static struct tables tables;
static struct refusal refusal;
static pid_t victim;
static struct inventory *const one = &inventory;
static const struct inventories all = { (struct inventory **)&one, 1, &tables };

static void begin(void)
{
	victim = sleeper();
	refusal = REFUSAL_NONE;
	CHECK_EQ(inventory_open(&inventory, victim, &tables, &refusal), 0);
	inventory.init = getpid();
	inventory.process.vpid = 0x7ffffffe; /* nobody's session */
}

static void stop(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void end(void)
{
	inventory_close(&inventory);
	tables_clear(&tables);
	stop(victim);
}

static int check(void)
{
	refusal = REFUSAL_NONE;
	return others_check(&all, &refusal);
}

static bool is_named(int result, const char *format, pid_t pid)
{
	char words[128];

	snprintf(words, sizeof(words), format, (int)pid);
	return is_refusal(result, &refusal, EDVSPROCSTS, words);
}

static void test_none(void)
{
	begin();
	pid_t other = sleeper();

	CHECK_EQ(check(), 0);
	stop(other);
	end();
}

/* A child of the test that shares tables with the process that makes it. */
static pid_t make_sharing(unsigned long flags)
{
	int numbers[2];
	pid_t other = 0;

	stop(victim);
	inventory_close(&inventory);
	CHECK_EQ(pipe(numbers), 0);
	victim = fork();
	if (victim == 0) {
		other = (pid_t)syscall(SYS_clone, flags | CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
		if (other > 0 && write(numbers[1], &other, sizeof(other)) != sizeof(other))
			_exit(1);
		for (;;)
			pause();
	}
	CHECK_EQ(read(numbers[0], &other, sizeof(other)), sizeof(other));
	close(numbers[0]);
	close(numbers[1]);
	CHECK_EQ(inventory_open(&inventory, victim, &tables, &refusal), 0);
	inventory.init = getpid();
	inventory.process.vpid = 0x7ffffffe;
	return other;
}

static void test_tables(void)
{
	begin();
	pid_t other = make_sharing(CLONE_FILES);

	CHECK(is_named(check(), "shares its descriptor table with process %d", other));
	stop(other);
	CHECK_EQ(check(), 0);
	other = make_sharing(CLONE_FS);
	CHECK(is_named(check(), "shares its working directory with process %d", other));
	stop(other);
	end();
	CHECK(strcmp(others_tables[0].what, "address space") == 0);
	CHECK_EQ(others_tables[0].kind, OS_KCMP_VM);
}

/* The inode of a shared anonymous mapping, which maps shows. */
static uint64_t object_at(void *address)
{
	char line[512], start[32];
	unsigned long long inode = 0;
	FILE *maps = fopen("/proc/self/maps", "re");

	snprintf(start, sizeof(start), "%llx-", (unsigned long long)address);
	while (maps && fgets(line, sizeof(line), maps))
		if (strncmp(line, start, strlen(start)) == 0)
			sscanf(line, "%*s %*s %*s %*s %llu", &inode);
	if (maps)
		fclose(maps);
	return inode;
}

static void test_shared_memory(void)
{
	begin();
	void *memory = mmap(NULL, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct image_map map = { .kind = IMAGE_MAP_SHARED_ANON, .object = object_at(memory) };

	CHECK(map.object);
	CHECK_EQ(maps_append(&inventory.maps, &map), 0);
	CHECK(is_named(check(), "shares memory with process %d, which would stay", getpid()));
	pid_t other = sleeper(); /* which has it as well */

	CHECK_EQ(munmap(memory, 4096), 0);
	CHECK(is_named(check(), "shares memory with process %d", other));
	stop(other);
	CHECK_EQ(check(), 0);
	inventory.maps.map[0].kind = IMAGE_MAP_FILE; /* a file is no memory of theirs */
	CHECK_EQ(check(), 0);
	end();
}

/* A description of the process, which the test knows by its own descriptor: a child inherits them. */
static void describe(int fd, uint32_t kind)
{
	const struct image_description image = { .id = tables.descriptions.count + 1,
						 .kind = kind };
	struct stat status;

	CHECK_EQ(fstat(fd, &status), 0);
	struct description *description =
		descriptions_add(&tables.descriptions, &image, kind_of(image.kind));

	description->pid = victim;
	description->number = fd;
	description->device = status.st_dev;
	description->inode = status.st_ino;
}

/* The description itself counts: one that is like it is another one. All eventfds have one inode. */
static void test_description(void)
{
	int fd = eventfd(0, EFD_CLOEXEC), like = eventfd(0, EFD_CLOEXEC);

	if (os_kcmp_files(getpid(), fd, getpid(), like) < 0 &&
	    os_kcmp_files(getpid(), fd, getpid(), fd) != 0) {
		test_skip("the kernel does not compare descriptions");
		return;
	}
	begin();
	describe(fd, IMAGE_DESCRIPTION_EVENTFD);
	char words[128];

	snprintf(words, sizeof(words),
		 "descriptor %d of the process (an eventfd) is also open in process %d (", fd,
		 (int)getpid());
	CHECK(is_refusal(check(), &refusal, EDVSPROCSTS, words));
	CHECK(strstr(refusal.reason, "end that one first"));
	close(fd);
	CHECK_EQ(check(), 0); /* the other one is no reason */
	end();
	close(like);
}

/* Not even the object of a pipe may be shared, by any description. */
static void test_object(void)
{
	int ends[2];

	begin();
	CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
	describe(ends[1], IMAGE_DESCRIPTION_PIPE);
	close(ends[1]);
	CHECK(is_named(check(), "is also open in process %d", getpid())); /* the other end */
	close(ends[0]);
	CHECK_EQ(check(), 0);
	end();
}

/* A memory file of this process, which the one that moves has as well, with this use. */
static int begin_memory(uint32_t use, off_t bytes)
{
	struct {
		struct image_file file;
		char path[8];
	} record = { .file = { .id = 1, .use = IMAGE_FILE_MEMORY | use, .path_length = 8 } };
	int fd = memfd_create("m", MFD_CLOEXEC);
	struct stat status;

	begin();
	CHECK_EQ(fstat(fd, &status) + ftruncate(fd, bytes), 0);
	record.file.device = status.st_dev;
	record.file.inode = status.st_ino;
	memcpy(record.path, "/memfd:m", 8);
	CHECK_EQ(files_add_record(&inventory.tables->files, &record.file), 0);
	CHECK(is_named(check(), "shares memory with process %d", getpid()));
	return fd;
}

/* A memory file is memory: mapped or open, it is shared. */
static void test_memory_file(void)
{
	int fd = begin_memory(IMAGE_FILE_WRITTEN, 4096);
	void *memory = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);

	close(fd);
	CHECK(is_named(check(), "shares memory with process %d", getpid()));
	/* One that ours only read is common to both as long as the other one does not write it. */
	uint32_t *use = &inventory.tables->files.file[0].image.use;

	*use = IMAGE_FILE_MEMORY;
	CHECK_EQ(check(), 0);
	CHECK_EQ(munmap(memory, 4096), 0);
	CHECK_EQ(check(), 0);
	end();
}

static void test_read_only_file(void)
{
	int fd = begin_memory(0, 8192);
	char name[32];
	char *memory = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	int reader = open(name, O_RDONLY | O_CLOEXEC);

	CHECK(memory != MAP_FAILED && reader >= 0);
	void *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	close(fd);
	CHECK(is_named(check(), "shares memory with process %d", getpid()));
	CHECK_EQ(munmap(shared, 4096), 0);
	CHECK_EQ(check(), 0);
	CHECK_EQ(munmap(memory, 8192), 0);
	close(reader);
	end();
}

/* A process of the session of the one that moves was started by a child of it that has ended. */
static void test_orphan(void)
{
	int ready[2];
	char byte;

	begin();
	CHECK_EQ(pipe(ready), 0);
	pid_t other = fork();

	if (other == 0) {
		if (setsid() < 0 || write(ready[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	CHECK_EQ(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	CHECK_EQ(check(), 0);
	inventory.process.vpid = os_pid_innermost(other);
	CHECK(is_named(check(), "left a child process of its own child behind (%d)", other));
	kill(other, SIGKILL);
	CHECK_EQ(waitid(P_PID, (id_t)other, &(siginfo_t){ 0 }, WEXITED | WNOWAIT), 0);
	CHECK_EQ(check(), 0); /* a dead one does not stay */
	waitpid(other, NULL, 0);
	end();
}

/* Frozen: nothing is looked at again while the init has the children that it had. */
static void test_again(void)
{
	int fd = eventfd(0, EFD_CLOEXEC);

	begin();
	CHECK_EQ(check(), 0);
	describe(fd, IMAGE_DESCRIPTION_EVENTFD);
	CHECK_EQ(others_check_again(&all, &refusal), 0);
	pid_t other = sleeper(); /* has inherited it */

	close(fd);
	CHECK(is_named(others_check_again(&all, &refusal), "is also open in process %d", other));
	stop(other);
	end();
}

int main(void)
{
	if (access("/proc/thread-self/children", F_OK)) {
		test_skip("the kernel does not list children");
		return test_end();
	}
	TEST(test_none);
	TEST(test_tables);
	TEST(test_shared_memory);
	TEST(test_description);
	TEST(test_object);
	TEST(test_memory_file);
	TEST(test_read_only_file);
	TEST(test_orphan);
	TEST(test_again);
	return test_end();
}
