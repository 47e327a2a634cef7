/* SPDX-License-Identifier: Apache-2.0 */
#include "os/affinity.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "os/file.h"

static unsigned count(const struct os_affinity *affinity)
{
	unsigned bits = 0;

	for (size_t i = 0; i < OS_AFFINITY_BYTES; i++)
		bits += (unsigned)__builtin_popcount(affinity->cpu[i]);
	return bits;
}

static bool is_within(const struct os_affinity *part, const struct os_affinity *whole)
{
	for (size_t i = 0; i < OS_AFFINITY_BYTES; i++)
		if (part->cpu[i] & ~whole->cpu[i])
			return false;
	return true;
}

/* Those that may come as well: the kernel's list begins with the first one, and mostly has no gap. */
static void test_possible(void)
{
	char text[256] = "";
	unsigned last = 0;

	CHECK(os_file_read("/sys/devices/system/cpu/possible", text, sizeof(text)) > 0);
	if (strchr(text, ','))
		CHECK(os_affinity_possible() > 1);
	else
		CHECK_EQ(os_affinity_possible(), sscanf(text, "0-%u", &last) == 1 ? last + 1 : 1);
}

static void test_read(void)
{
	struct os_affinity affinity;
	cpu_set_t set;
	int bytes;

	memset(&affinity, 0xff, sizeof(affinity));
	bytes = os_affinity(0, &affinity);
	CHECK(bytes > 0 && bytes % 8 == 0 && bytes <= (int)OS_AFFINITY_BYTES);
	for (int i = bytes > 0 ? bytes : 0; i < (int)OS_AFFINITY_BYTES; i++)
		CHECK_EQ(affinity.cpu[i], 0);
	CHECK_EQ(sched_getaffinity(0, sizeof(set), &set), 0);
	CHECK(count(&affinity) > 0);
	CHECK_EQ(count(&affinity), CPU_COUNT(&set));
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		CHECK_EQ(affinity.cpu[cpu / 8] >> cpu % 8 & 1, CPU_ISSET(cpu, &set) != 0);
}

static void test_one_cpu(void)
{
	struct os_affinity all, here, now;

	CHECK(os_affinity(0, &all) > 0);
	CHECK(os_affinity_here(&here));
	CHECK_EQ(count(&here), 1);
	CHECK(is_within(&here, &all));
	CHECK_EQ(os_affinity_set(0, &here), 0);
	CHECK(os_affinity(0, &now) > 0);
	CHECK(!memcmp(&now, &here, sizeof(now)));
	CHECK(os_affinity_here(&now)); /* and it cannot have got away */
	CHECK(!memcmp(&now, &here, sizeof(now)));
	CHECK_EQ(os_affinity_set(0, &all), 0);
	CHECK(os_affinity(0, &now) > 0);
	CHECK(!memcmp(&now, &all, sizeof(now)));
}

static void test_refused(void)
{
	static const struct os_affinity none;
	struct os_affinity all, now;
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
	CHECK(os_affinity(0, &all) > 0);
	CHECK_EQ(os_affinity_set(0, &none), -EINVAL);
	CHECK(os_affinity(0, &now) > 0);
	CHECK(!memcmp(&now, &all, sizeof(now)));
	CHECK_EQ(os_affinity(pid, &now), -ESRCH);
	CHECK_EQ(os_affinity_set(pid, &all), -ESRCH);
}

int main(void)
{
	TEST(test_possible);
	TEST(test_read);
	TEST(test_one_cpu);
	TEST(test_refused);
	return test_end();
}
