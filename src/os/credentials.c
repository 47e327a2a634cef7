/* SPDX-License-Identifier: Apache-2.0 */
#include "os/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>

#include "os/socket.h"

#define STATUS_BYTES 1024 /* Uid and Gid stand before everything that may be long */

struct status {
	char text[STATUS_BYTES];
	struct stat file;
};

/* 0: the same as ours. */
static int user_ns_of(pid_t tid, uint64_t *user_ns)
{
	static _Atomic uint64_t own;
	struct stat st;
	char path[64];

	if (!own && stat("/proc/self/ns/user", &st) == 0)
		own = st.st_ino;
	snprintf(path, sizeof(path), "/proc/%d/ns/user", tid);
	if (stat(path, &st) < 0)
		return -ESRCH;
	*user_ns = st.st_ino == own ? 0 : st.st_ino;
	return 0;
}

static int status_of(pid_t tid, struct status *status)
{
	OS_CLEANUP_FD int fd = -1;
	char path[64];
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -ESRCH;
	len = read(fd, status->text, sizeof(status->text) - 1);
	if (len <= 0 || fstat(fd, &status->file) < 0)
		return -ESRCH;
	status->text[len] = 0;
	return 0;
}

/* A newline in the name of the task, which comes first, is written in another way. */
static int ids_of(const struct status *status, const char *name, uint32_t ids[3])
{
	const char *at = strstr(status->text, name);

	at = at ? at + strlen(name) : "";
	return sscanf(at, "%u %u %u", &ids[0], &ids[1], &ids[2]) == 3 ? 0 : -ESRCH;
}

static int caps_of(pid_t tid, uint64_t *permitted, uint64_t *effective)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, tid };
	struct __user_cap_data_struct data[2] = { 0 };

	if (syscall(SYS_capget, &head, data) < 0)
		return -ESRCH;
	*permitted = (uint64_t)data[1].permitted << 32 | data[0].permitted;
	*effective = (uint64_t)data[1].effective << 32 | data[0].effective;
	return 0;
}

int os_asker_of(pid_t tid, struct asker *asker)
{
	uint32_t uid[3], gid[3];
	struct status status;
	uint64_t effective;

	*asker = (struct asker){ 0 };
	if (user_ns_of(tid, &asker->user_ns) < 0 || caps_of(tid, &asker->permitted, &effective) < 0)
		return -ESRCH;
	asker->may_trace = effective >> CAP_SYS_PTRACE & 1;
	/* The text of a status costs most of all this, and each copy to another node asks. */
	if (asker_may_all(asker))
		return 0;
	if (status_of(tid, &status) < 0 || ids_of(&status, "\nUid:", uid) < 0 ||
	    ids_of(&status, "\nGid:", gid) < 0)
		return -ESRCH;
	asker->uid = uid[0];
	asker->gid = gid[0];
	return 0;
}

int os_credentials_of(pid_t tid, struct credentials *credentials)
{
	struct status status;
	uint64_t effective;

	*credentials = (struct credentials){ 0 };
	if (status_of(tid, &status) < 0 || ids_of(&status, "\nUid:", credentials->uid) < 0 ||
	    ids_of(&status, "\nGid:", credentials->gid) < 0 ||
	    caps_of(tid, &credentials->permitted, &effective) < 0 ||
	    user_ns_of(tid, &credentials->user_ns) < 0)
		return -ESRCH;
	credentials->dumpable = status.file.st_uid == credentials->uid[1] &&
				status.file.st_gid == credentials->gid[1];
	return 0;
}
