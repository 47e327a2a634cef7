/* SPDX-License-Identifier: Apache-2.0 */
#include "os/machine.h"

#include <assert.h>
#include <ifaddrs.h>
#include <linux/keyctl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/file.h"
#include "os/procdir.h"

#define BOOT_ID		  "/proc/sys/kernel/random/boot_id"
#define TIMER_RESTORE_IDS 77 /* PR_TIMER_CREATE_RESTORE_IDS */
#define TIMER_RESTORE_GET 2
#define TICKS_OTHERWISE	  100
#define MEMINFO_BYTES	  4096

void os_boot_id(uint8_t id[16])
{
	char text[64] = "";
	unsigned digits = 0;

	memset(id, 0, 16);
	if (os_file_read(BOOT_ID, text, sizeof(text)) < 0)
		return;
	for (const char *at = text; *at && digits < 32; at++) {
		char digit[2] = { *at, 0 }, *end;
		unsigned value = (unsigned)strtoul(digit, &end, 16);

		if (*end)
			continue;
		id[digits / 2] |= (uint8_t)(value << (digits % 2 ? 0 : 4));
		digits++;
	}
}

bool os_timer_ids_can_be_chosen(void)
{
	return prctl(TIMER_RESTORE_IDS, TIMER_RESTORE_GET, 0, 0, 0) >= 0;
}

static uint64_t huge_pages(unsigned kb, const char *which)
{
	char path[96], text[32] = "";

	assert(kb && which);
	snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%ukB/%s", kb, which);
	return os_file_read(path, text, sizeof(text)) > 0 ? strtoull(text, NULL, 10) : 0;
}

uint64_t os_huge_pages_free(unsigned kb)
{
	uint64_t there = huge_pages(kb, "free_hugepages");
	uint64_t more = huge_pages(kb, "nr_overcommit_hugepages");
	uint64_t made = huge_pages(kb, "surplus_hugepages");
	uint64_t promised = huge_pages(kb, "resv_hugepages");

	there += more > made ? more - made : 0;
	return there > promised ? there - promised : 0;
}

uint64_t os_memory_free_kb(void)
{
	char text[MEMINFO_BYTES] = "";

	if (os_file_read("/proc/meminfo", text, sizeof(text)) <= 0)
		return UINT64_MAX;
	uint64_t available = procdir_number(text, "MemAvailable", 10, UINT64_MAX);

	return available == UINT64_MAX ? available
				       : available + procdir_number(text, "SwapFree", 10, 0);
}

uint64_t os_ticks_per_second(void)
{
	long ticks = sysconf(_SC_CLK_TCK);

	return ticks > 0 ? (uint64_t)ticks : TICKS_OTHERWISE;
}

int32_t os_session_keyring(void)
{
	long key = syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0);

	return key > 0 ? (int32_t)key : 0;
}

void os_machine_name(char *name, size_t size)
{
	char text[256] = "";

	if (gethostname(text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	text[strcspn(text, ".")] = '\0';
	snprintf(name, size, "%s", text);
}

static bool is_usable(const struct ifaddrs *at, int family, struct address *address)
{
	if (!at->ifa_addr || at->ifa_addr->sa_family != family || !(at->ifa_flags & IFF_UP) ||
	    at->ifa_flags & IFF_LOOPBACK)
		return false;
	if (family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, at->ifa_addr, sizeof(in));
		*address = address_v4((const uint8_t *)&in.sin_addr);
	} else {
		struct sockaddr_in6 in;

		memcpy(&in, at->ifa_addr, sizeof(in));
		memcpy(address->byte, &in.sin6_addr, sizeof(address->byte));
	}
	return !address_check(*address);
}

unsigned os_machine_addresses(struct address *address, unsigned most)
{
	static const int families[] = { AF_INET, AF_INET6 };
	struct ifaddrs *all;
	unsigned count = 0;

	if (getifaddrs(&all) < 0)
		return 0;
	for (int family = 0; family < 2; family++)
		for (struct ifaddrs *at = all; at && count < most; at = at->ifa_next)
			count += is_usable(at, families[family], &address[count]);
	freeifaddrs(all);
	return count;
}
