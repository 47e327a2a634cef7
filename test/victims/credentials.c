/* SPDX-License-Identifier: Apache-2.0 */
/* User and group ids, groups, capabilities, security bits; those of each thread. */
#include <grp.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "victims/victim.h"

struct identity {
	uid_t uid[3];
	gid_t gid[3], groups[8];
	int group_count, bits, no_new_privs, bounding;
	struct __user_cap_data_struct caps[2];
	int fsuid;
};

static void look(struct identity *identity)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };

	memset(identity, 0, sizeof(*identity));
	getresuid(&identity->uid[0], &identity->uid[1], &identity->uid[2]);
	getresgid(&identity->gid[0], &identity->gid[1], &identity->gid[2]);
	identity->group_count = getgroups(8, identity->groups);
	identity->bits = prctl(PR_GET_SECUREBITS);
	identity->no_new_privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
	identity->bounding = prctl(PR_CAPBSET_READ, CAP_SYS_BOOT);
	syscall(SYS_capget, &head, identity->caps);
	identity->fsuid = setfsuid((uid_t)-1);
}

static volatile bool ready, over;

/* A thread with credentials of its own: raw system calls change only the caller's. */
static void *other(void *argument)
{
	struct identity before, after;
	uint32_t seen;

	syscall(SYS_setresuid, 3000, 3000, 3000);
	look(&before);
	ready = true;
	while (!over) {
		seen = victim_page->moves;
		while (victim_page->moves == seen && !over)
			victim_nap();
		look(&after);
		VICTIM_CHECK(memcmp(&before, &after, sizeof(after)) == 0 && after.uid[1] == 3000);
	}
	return argument;
}

int main(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct identity before, after;
	gid_t groups[] = { 100, 200, 300 };
	pthread_t thread;

	victim_begin();
	pthread_create(&thread, NULL, other, NULL);
	while (!ready)
		victim_nap();
	VICTIM_CHECK(syscall(SYS_setgroups, 3, groups) == 0);
	prctl(PR_CAPBSET_DROP, CAP_SYS_BOOT);
	prctl(PR_SET_KEEPCAPS, 1);
	VICTIM_CHECK(syscall(SYS_setresgid, 2001, 2002, 2003) == 0);
	VICTIM_CHECK(syscall(SYS_setresuid, 1001, 1002, 1003) == 0);
	struct __user_cap_data_struct caps[2] = {
		{ 1u << CAP_NET_RAW, 1u << CAP_NET_RAW | 1u << CAP_CHOWN, 1u << CAP_NET_RAW }, { 0 }
	};

	VICTIM_CHECK(syscall(SYS_capset, &head, caps) == 0);
	VICTIM_CHECK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0) == 0);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	look(&before);
	victim_ready();
	while (victim_moved()) {
		look(&after);
		VICTIM_CHECK(memcmp(&before, &after, sizeof(after)) == 0);
		VICTIM_CHECK(after.uid[1] == 1002 && after.group_count == 3 && after.no_new_privs);
		VICTIM_CHECK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_NET_RAW, 0, 0) == 1);
	}
	over = true;
	pthread_join(thread, NULL);
	return victim_end();
}
