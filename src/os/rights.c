/* SPDX-License-Identifier: Apache-2.0 */
/* The calls themselves, for the library's functions change all threads of this program. */
#include "os/rights.h"

#include <assert.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define GROUPS_MAX 65536
#define CAP_WORDS  2

/* Capabilities that open what the ids alone do not. */
#define FILE_CAPABILITIES                                                              \
	(1ull << CAP_DAC_OVERRIDE | 1ull << CAP_DAC_READ_SEARCH | 1ull << CAP_FOWNER | \
	 1ull << CAP_SYS_ADMIN)

struct os_rights {
	struct __user_cap_data_struct capability[CAP_WORDS];
	uint32_t uid, gid;
	pid_t thread; /* whose they are */
	int group_count;
	gid_t group[GROUPS_MAX];
};

_Static_assert(sizeof(gid_t) == sizeof(uint32_t), "groups are passed on as they are");

static struct __user_cap_header_struct capability_head(void)
{
	return (struct __user_cap_header_struct){ .version = _LINUX_CAPABILITY_VERSION_3 };
}

static uint32_t file_uid(void)
{
	return (uint32_t)syscall(SYS_setfsuid, -1);
}

static uint32_t file_gid(void)
{
	return (uint32_t)syscall(SYS_setfsgid, -1);
}

struct os_rights *os_rights_give_back(struct os_rights *rights)
{
	struct __user_cap_header_struct head = capability_head();

	assert(rights->thread == gettid());
	syscall(SYS_setfsuid, rights->uid);
	syscall(SYS_capset, &head, rights->capability);
	syscall(SYS_setfsgid, rights->gid);
	syscall(SYS_setgroups, rights->group_count, rights->group);
	free(rights);
	return NULL;
}

/* All that the thread has now; false: it cannot be found out, or the groups cannot be changed. */
static bool begin(struct os_rights *rights, const struct os_rights_wanted *wanted)
{
	struct __user_cap_header_struct head = capability_head();

	rights->thread = gettid();
	rights->group_count = getgroups(GROUPS_MAX, rights->group);
	rights->uid = file_uid();
	rights->gid = file_gid();
	return rights->group_count >= 0 && syscall(SYS_capget, &head, rights->capability) == 0 &&
	       syscall(SYS_setgroups, wanted->group_count, wanted->group) == 0;
}

int os_rights_assume(struct os_rights **rightsp, const struct os_rights_wanted *wanted)
{
	struct os_rights *rights = malloc(sizeof(*rights));
	struct __user_cap_header_struct head = capability_head();
	struct __user_cap_data_struct less[CAP_WORDS];

	assert(wanted->group_count <= GROUPS_MAX);
	if (!rights)
		return -ENOMEM;
	if (!begin(rights, wanted)) {
		free(rights);
		return -EPERM;
	}
	uint64_t lost = FILE_CAPABILITIES & ~wanted->effective;

	memcpy(less, rights->capability, sizeof(less));
	less[0].effective &= ~(uint32_t)lost;
	less[1].effective &= ~(uint32_t)(lost >> 32);
	syscall(SYS_setfsgid, wanted->gid);
	syscall(SYS_setfsuid, wanted->uid);
	/* The change of the user took some away, which a process may have all the same. */
	if (syscall(SYS_capset, &head, less) == 0 && file_uid() == wanted->uid &&
	    file_gid() == wanted->gid) {
		*rightsp = rights;
		return 0;
	}
	os_rights_give_back(rights);
	return -EPERM;
}
