/* SPDX-License-Identifier: Apache-2.0 */
#include "os/confine.h"

#include <assert.h>
#include <cap-ng.h>
#include <errno.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>

#include "base/sanitized.h"

/* The daemon keeps each of these capabilities for its reason. It gives up all others. */
static const struct {
	unsigned capability;
	const char *reason;
} kept[] = {
	{ CAP_SYS_PTRACE, "takes processes of all users apart, and copies between them" },
	{ CAP_SYS_ADMIN, "makes pid namespaces and enters those of processes" },
	{ CAP_SYS_CHROOT, "enters mount namespaces, and binds sockets below a folder" },
	{ CAP_CHECKPOINT_RESTORE, "gives a moved process the numbers that it had" },
	{ CAP_SYS_TIME, "gives a process from another machine the clocks that it had there" },
	{ CAP_SYS_RESOURCE, "has more descriptors, and pipes as large as those that it builds" },
	{ CAP_SYS_NICE, "gives threads their CPUs and their scheduling" },
	{ CAP_IPC_OWNER, "reads the System V objects of processes of all users, and fills those" },
	{ CAP_KILL, "sends signals to processes of all users" },
	{ CAP_SETUID, "opens files with the rights of the user whose they are" },
	{ CAP_SETGID, "the same, with its groups" },
	{ CAP_CHOWN, "gives pipes and memory files to their users" },
	{ CAP_FOWNER, "gives them their modes" },
	{ CAP_FSETID, "the same, with their set-group-ID bits" },
	{ CAP_DAC_OVERRIDE, "opens again what a process had opened" },
	{ CAP_DAC_READ_SEARCH, "reads the files of a process in /proc" },
	{ CAP_NET_ADMIN,
	  "gives sockets more room than a user may, and connections the numbers that they had" },
	{ CAP_NET_RAW,
	  "tells neighbours on the network that the address of a container is here now" },
	{ CAP_NET_BIND_SERVICE, "listens at the port that it is told" },
};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static bool is_kept(unsigned capability)
{
	for (size_t i = 0; i < COUNT(kept); i++)
		if (kept[i].capability == capability)
			return kept[i].reason;
	return false;
}

int os_confine_process(void)
{
	if (capng_get_caps_process() < 0)
		return -EPERM;
	for (unsigned i = 0; i <= (unsigned)CAP_LAST_CAP; i++)
		if (!is_kept(i))
			capng_update(CAPNG_DROP,
				     CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_INHERITABLE, i);
	return capng_apply(CAPNG_SELECT_CAPS) < 0 ? -EPERM : 0;
}

/* On descriptors that are open, about time, and about memory that is not executed. */
static const int allowed[] = {
	SCMP_SYS(read),		 SCMP_SYS(readv),	    SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),	 SCMP_SYS(write),	    SCMP_SYS(writev),
	SCMP_SYS(sendto),	 SCMP_SYS(sendmsg),	    SCMP_SYS(shutdown),
	SCMP_SYS(close),	 SCMP_SYS(fcntl),	    SCMP_SYS(accept4),
	SCMP_SYS(bind), /* a call leaves from the address of its node */
	SCMP_SYS(connect),	 SCMP_SYS(getsockname),	    SCMP_SYS(getpeername),
	SCMP_SYS(getsockopt),	 SCMP_SYS(setsockopt),	    SCMP_SYS(poll),
	SCMP_SYS(ppoll),	 SCMP_SYS(epoll_ctl),	    SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),	 SCMP_SYS(epoll_pwait2),    SCMP_SYS(timerfd_settime),
	SCMP_SYS(clock_gettime), SCMP_SYS(clock_nanosleep), SCMP_SYS(gettimeofday),
	SCMP_SYS(futex),	 SCMP_SYS(sched_yield),	    SCMP_SYS(brk),
	SCMP_SYS(munmap),	 SCMP_SYS(mremap),	    SCMP_SYS(madvise),
	SCMP_SYS(getrandom),	 SCMP_SYS(getpid),	    SCMP_SYS(gettid),
	SCMP_SYS(sigaltstack),	 SCMP_SYS(rt_sigprocmask),  SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigaction), /* a fault says where it was */
	SCMP_SYS(tgkill),	 SCMP_SYS(restart_syscall), SCMP_SYS(rseq),
	SCMP_SYS(exit),		 SCMP_SYS(exit_group),
};

/* A server takes away its socket at the end, and says to the service manager that it stops. */
static const int of_server[] = {
	SCMP_SYS(unlink),
	SCMP_SYS(unlinkat),
};

/* Corosync is reached by files in /dev/shm, which its library makes as long as wanted, maps, and takes away. */
static const int of_files[] = {
	SCMP_SYS(open),	      SCMP_SYS(openat),	  SCMP_SYS(access),    SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2), SCMP_SYS(stat),	  SCMP_SYS(lstat),     SCMP_SYS(fstat),
	SCMP_SYS(newfstatat), SCMP_SYS(statx),	  SCMP_SYS(fstatfs),   SCMP_SYS(lseek),
	SCMP_SYS(ftruncate),  SCMP_SYS(truncate), SCMP_SYS(fallocate), SCMP_SYS(rmdir),
	SCMP_SYS(getuid),     SCMP_SYS(geteuid),  SCMP_SYS(getgid),    SCMP_SYS(getegid),
};

/* No part of a confined thread or server calls them: it has been taken over. */
static const int deadly[] = {
	SCMP_SYS(execve),
	SCMP_SYS(execveat),
	SCMP_SYS(fork),
	SCMP_SYS(vfork),
	SCMP_SYS(clone),
	SCMP_SYS(clone3),
	SCMP_SYS(ptrace),
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev),
	SCMP_SYS(setns),
	SCMP_SYS(unshare),
	SCMP_SYS(mount),
	SCMP_SYS(umount2),
	SCMP_SYS(pivot_root),
	SCMP_SYS(chroot),
	SCMP_SYS(init_module),
	SCMP_SYS(finit_module),
	SCMP_SYS(delete_module),
	SCMP_SYS(kexec_load),
	SCMP_SYS(kexec_file_load),
	SCMP_SYS(bpf),
	SCMP_SYS(setuid),
	SCMP_SYS(setresuid),
	SCMP_SYS(capset),
	SCMP_SYS(pidfd_getfd),
	SCMP_SYS(open_by_handle_at),
	SCMP_SYS(io_uring_setup),
	SCMP_SYS(perf_event_open),
};

static int add_all(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t count)
{
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++)
		r = seccomp_rule_add(filter, action, calls[i], 0);
	return r;
}

static int allow_sockets(scmp_filter_ctx filter, unsigned family)
{
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
				SCMP_A0(SCMP_CMP_MASKED_EQ, UINT64_MAX, family));
}

/* The calls that all filters let through, with sockets of one family. */
static int add_rules(scmp_filter_ctx filter, unsigned family)
{
	int r = add_all(filter, SCMP_ACT_ALLOW, allowed, COUNT(allowed));

	if (!r)
		r = add_all(filter, SCMP_ACT_KILL_PROCESS, deadly, COUNT(deadly));
	if (!r)
		r = allow_sockets(filter, family);
	/* Memory, but no code. */
	if (!r)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
				     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (!r)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
				     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	return r;
}

/* A unit without capabilities may have a filter that does not let it drop any. */
static int no_capabilities(void)
{
	if (capng_get_caps_process() == 0 &&
	    capng_have_capabilities(CAPNG_SELECT_CAPS) == CAPNG_NONE &&
	    capng_have_permitted_capabilities() == CAPNG_NONE)
		return 0;
	capng_clear(CAPNG_SELECT_CAPS);
	return capng_apply(CAPNG_SELECT_CAPS) < 0 ? -EPERM : 0;
}

int os_confine_thread(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r;

	if (!filter)
		return -ENOMEM;
	r = add_rules(filter, AF_INET);
	if (!r)
		r = allow_sockets(filter, AF_INET6);
	if (!r)
		r = no_capabilities();
	if (!r)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r;
}

int os_confine_server(bool opens_files)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r;

	if (!filter)
		return -ENOMEM;
	tzset(); /* reads a file, for the times of the log */
	r = add_rules(filter, AF_UNIX);
	if (!r)
		r = add_all(filter, SCMP_ACT_ALLOW, of_server, COUNT(of_server));
	if (!r && opens_files)
		r = add_all(filter, SCMP_ACT_ALLOW, of_files, COUNT(of_files));
	if (!r)
		r = no_capabilities();
	/* At its end the runtime of a sanitizer starts a process that traces this one. */
	if (!r && !SANITIZED)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r;
}
