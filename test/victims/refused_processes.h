/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/io.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "victims/refused.h"

/* The kinds of `refused` that a process is or has as a whole. */

static void stay(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
}

/* A listener that was closed is not seen; the filter asks it still. */
static void seccomp_listener(void)
{
	struct sock_filter code[] = { { BPF_LD | BPF_W | BPF_ABS, 0, 0, 0 },
				      { BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_swapoff },
				      { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_USER_NOTIF },
				      { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW } };
	struct sock_fprog program = { 4, code };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	long fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
			  &program);

	NEED(fd >= 0);
	close((int)fd);
}

/* A child that stays, and has done its act when this returns. */
static void start_child(void (*act)(void))
{
	int ends[2];
	char byte = 0;

	NEED(pipe(ends) == 0);
	if (fork() == 0) {
		act();
		if (write(ends[1], &byte, 1) != 1)
			_exit(97);
		stay();
	}
	close(ends[1]);
	NEED(read(ends[0], &byte, 1) == 1);
	close(ends[0]);
}

static void child_with_filter(void)
{
	start_child(seccomp_listener);
}

/* Another child, which goes on as the one that does this stays. */
static void share_table(void)
{
	if (syscall(SYS_clone, CLONE_FILES | CLONE_PARENT | SIGCHLD, 0, 0, 0, 0) != 0)
		stay();
}

/* Two children that have in common what their parent has not. */
static void child_with_table(void)
{
	start_child(share_table);
}

static int stay_there(void *unused)
{
	stay();
	return unused != NULL;
}

static void share_memory(void)
{
	static char stack[65536] __attribute__((aligned(16)));

	NEED(clone(stay_there, stack + sizeof(stack), CLONE_VM | CLONE_PARENT | SIGCHLD, NULL) > 0);
}

/* The same with their memory. */
static void child_with_memory(void)
{
	start_child(share_memory);
}

static int started; /* a child of the thread has its signal */

static void become_mortal(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static void *start_mortal(void *unused)
{
	start_child(become_mortal);
	__atomic_store_n(&started, 1, __ATOMIC_RELEASE);
	for (;;)
		pause();
	return unused;
}

/* It is told of the end of a thread that is not the main one. */
static void child_of_thread(void)
{
	pthread_t thread;

	NEED(pthread_create(&thread, NULL, start_mortal, NULL) == 0);
	while (!__atomic_load_n(&started, __ATOMIC_ACQUIRE))
		victim_nap();
}

static int semaphores = -1;

static void *start_waiting(void *unused)
{
	for (;;)
		pause();
	return unused;
}

/* Its threads have the list in common. */
static void undo(void)
{
	struct sembuf up = { 0, 1, SEM_UNDO };
	pthread_t thread;

	semaphores = semget(IPC_PRIVATE, 1, 0600);
	NEED(semaphores >= 0 && semop(semaphores, &up, 1) == 0);
	NEED(pthread_create(&thread, NULL, start_waiting, NULL) == 0);
}

static void network(void)
{
	NEED(unshare(CLONE_NEWNET) == 0);
}

static void mounts(void)
{
	NEED(unshare(CLONE_NEWNS) == 0);
}

/* Of a folder that is gone. */
static void root_directory(void)
{
	char folder[] = "/tmp/dvs-root-XXXXXX";

	NEED(mkdtemp(folder) && chdir(folder) == 0 && rmdir(folder) == 0 && chroot(".") == 0);
}

static void task_policy(void)
{
	unsigned long nodes = 1;

	NEED(syscall(SYS_set_mempolicy, 3, &nodes, 64) == 0);
}

static void dispatch(void)
{
	static char selector;

	NEED(prctl(59, 1, 0, 0, &selector) == 0);
}

static void ports(void)
{
	NEED(ioperm(0x80, 1, 1) == 0);
}

static void landlock(void)
{
	NEED(restricted() == 0);
}

static void landlock_user(void)
{
	NEED(restricted() == 0 && setresgid(1, 1, 1) == 0 && setresuid(1, 1, 1) == 0);
}

static void segment_table(void)
{
	struct {
		unsigned number, base, limit, flags;
	} segment = { .limit = 4095, .flags = 0x41 };

	NEED(syscall(SYS_modify_ldt, 1, &segment, sizeof(segment)) == 0);
}

static void segment_register(void)
{
	__asm__ volatile("mov %0, %%gs" : : "r"(0x33));
}

static void add_key(int ring)
{
	NEED(syscall(SYS_add_key, "user", "dvs-victim", "secret", 6, ring) > 0);
}

static void process_key(void)
{
	add_key(-2);
}

static void session_key(void)
{
	NEED(syscall(SYS_keyctl, 1, NULL) > 0);
	add_key(-3);
}

static const struct kind process_kinds[] = {
	{ "child_with_filter", "which descends from it", child_with_filter },
	{ "child_with_memory", "shares its address space with process", child_with_memory },
	{ "child_with_table", "shares its descriptor table with process", child_with_table },
	{ "child_of_thread", "a thread of its parent that is not the main one", child_of_thread },
	{ "seccomp_listener", "SECCOMP_RET_USER_NOTIF", seccomp_listener },
	{ "sysv_undo_threads", "System V semaphores with undo", undo },
	{ "network_namespace", "net namespace", network },
	{ "mount_namespace", "mnt namespace", mounts },
	{ "chroot", "was deleted", root_directory },
	{ "task_memory_policy", "NUMA", task_policy },
	{ "syscall_dispatch", "PR_SET_SYSCALL_USER_DISPATCH", dispatch },
	{ "ports", "I/O ports", ports },
	{ "landlock", "restricted by Landlock", landlock },
	{ "landlock_user", "restricted by Landlock", landlock_user },
	{ "segment_table", "local descriptor table", segment_table },
	{ "segment_register", "segment", segment_register },
	{ "process_key", "process keyring", process_key },
	{ "session_key", "session keyring", session_key },
	{ NULL, NULL, NULL },
};
