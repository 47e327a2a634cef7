/* SPDX-License-Identifier: Apache-2.0 */
#include "os/machine.h"

#include <linux/keyctl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"

#define TIMER_RESTORE_IDS 77

/* As the kernel prints it, byte by byte. */
static void test_boot_id(void)
{
	uint8_t id[16], again[16], expected[16] = { 0 };
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
	char text[64] = "";

	CHECK_OR_RETURN(file && fgets(text, sizeof(text), file));
	fclose(file);
	unsigned bytes = 0;

	for (const char *at = text; bytes < 16 && *at; bytes++, at += 2) {
		at += *at == '-';
		char pair[3] = { at[0], at[1], 0 };

		expected[bytes] = (uint8_t)strtoul(pair, NULL, 16);
	}
	os_boot_id(id);
	os_boot_id(again);
	CHECK_EQ(memcmp(id, again, sizeof(id)), 0);
	CHECK_EQ(bytes, 16);
	CHECK_EQ(memcmp(id, expected, sizeof(id)), 0);
}

/* More than half of the pages that are free, and less than there are. */
static void test_memory(void)
{
	uint64_t all_kb = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) >> 10;
	uint64_t free_kb =
		(uint64_t)sysconf(_SC_AVPHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) >> 10;
	uint64_t there = os_memory_free_kb();

	CHECK(there > free_kb / 2);
	CHECK(there < all_kb || access("/proc/swaps", R_OK) == 0);
}

static int in_child(int (*what)(void))
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(what());
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Asking is no choice. */
static void test_timer_ids(void)
{
	if (os_timer_ids_can_be_chosen())
		CHECK_EQ(prctl(TIMER_RESTORE_IDS, 2, 0, 0, 0), 0);
	else
		CHECK(prctl(TIMER_RESTORE_IDS, 1, 0, 0, 0) < 0);
}

/* A keyring is not made by asking for it; the one that a program joins is found. */
static int join_keyring(void)
{
	int32_t before = os_session_keyring();

	if (os_session_keyring() != before)
		return 1;
	long joined = syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);

	if (joined < 0)
		return 77;
	return os_session_keyring() == (int32_t)joined && joined != before ? 0 : 2;
}

static void test_session_keyring(void)
{
	int r = in_child(join_keyring);

	if (r == 77)
		test_skip("keyrings cannot be used here");
	else
		CHECK_EQ(r, 0);
}

/* /proc counts in them: no kernel of this machine has others. */
static void test_ticks(void)
{
	CHECK_EQ(os_ticks_per_second(), 100);
}

static void test_name(void)
{
	char name[64], cut[4];

	os_machine_name(name, sizeof(name));
	os_machine_name(cut, sizeof(cut));
	CHECK(!strchr(name, '.'));
	CHECK(!strncmp(name, cut, 3));
	CHECK(strlen(cut) <= 3);
}

/* On any machine, no address is a loopback one, and no more come than were asked for. */
static void test_addresses(void)
{
	struct address address[64];
	unsigned count = os_machine_addresses(address, 64);

	for (unsigned i = 0; i < count; i++)
		CHECK(!address_is_v4(address[i]) || address[i].byte[12] != 127);
	for (unsigned i = 0; i < count; i++) {
		CHECK(!address_check(address[i]));
		CHECK(!i || address_is_v4(address[i - 1]) >= address_is_v4(address[i]));
	}
	CHECK_EQ(os_machine_addresses(address, 1), count > 0);
}

int main(void)
{
	TEST(test_boot_id);
	TEST(test_memory);
	TEST(test_timer_ids);
	TEST(test_session_keyring);
	TEST(test_ticks);
	TEST(test_name);
	TEST(test_addresses);
	return test_end();
}
