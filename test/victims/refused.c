/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What cannot move: `refused KIND` builds one such thing and waits. The test expects a refusal that
 * names it, and the process to run on. `refused` alone lists the kinds with the word the sentence must
 * contain. A kind that this machine does not have ends the program with status 77.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/io.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "victims/others.h"
#include "victims/victim.h"

static const struct sockaddr_in anywhere = { .sin_family = AF_INET };

static int tcp(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	NEED(bind(fd, (const struct sockaddr *)&anywhere, sizeof(anywhere)) == 0);
	return fd;
}

static void tcp_listen(void)
{
	NEED(listen(tcp(), 5) == 0);
}

static void tcp_connected(void)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);
	int server = tcp(), client = socket(AF_INET, SOCK_STREAM, 0);

	NEED(listen(server, 5) == 0);
	getsockname(server, (struct sockaddr *)&address, &length);
	NEED(connect(client, (struct sockaddr *)&address, length) == 0);
	close(server);
}

static void udp(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	NEED(bind(fd, (const struct sockaddr *)&anywhere, sizeof(anywhere)) == 0);
}

static void unix_socket(void)
{
	int pair[2];

	NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
}

static void netlink(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW, 0);
	struct sockaddr address = { .sa_family = AF_NETLINK };

	NEED(fd >= 0 && bind(fd, &address, 12) == 0);
}

static void pipes(void)
{
	int ends[2];

	NEED(pipe(ends) == 0);
}

static void fifo(void)
{
	char name[64];

	snprintf(name, sizeof(name), "/tmp/dvs-victim-fifo-%d", getpid());
	unlink(name);
	NEED(mkfifo(name, 0600) == 0 && open(name, O_RDWR) >= 0);
}

static void terminal(void)
{
	NEED(open("/dev/ptmx", O_RDWR | O_NOCTTY) >= 0);
}

static void event(void)
{
	NEED(eventfd(0, 0) >= 0);
}

static void epolls(void)
{
	NEED(epoll_create1(0) >= 0);
}

static void timer_fd(void)
{
	NEED(timerfd_create(CLOCK_MONOTONIC, 0) >= 0);
}

static void signal_fd(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	NEED(signalfd(-1, &set, 0) >= 0);
}

static void inotify(void)
{
	NEED(inotify_init() >= 0);
}

static void pid_fd(void)
{
	NEED(syscall(SYS_pidfd_open, getpid(), 0) >= 0);
}

static void uring(void)
{
	uint32_t params[30] = { 0 };

	NEED(syscall(SYS_io_uring_setup, 4, params) >= 0);
}

static void perf(void)
{
	struct {
		uint32_t type, size;
		uint64_t config, rest[14];
	} attr = { .type = 1, .size = 128, .config = 0 };

	NEED(syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0) >= 0);
}

static void fault_fd(void)
{
	NEED(syscall(SYS_userfaultfd, O_CLOEXEC) >= 0);
}

static void deleted(void)
{
	char name[] = "/tmp/dvs-victim-deleted-XXXXXX";

	NEED(mkstemp(name) >= 0);
	unlink(name);
}

static void deleted_mapped(void)
{
	char name[] = "/tmp/dvs-victim-deleted-XXXXXX";
	int fd = mkstemp(name);

	NEED(ftruncate(fd, 4096) == 0);
	NEED(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0) != MAP_FAILED);
	close(fd);
	unlink(name);
}

static void child(void)
{
	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
}

static void dead_child(void)
{
	if (fork() == 0)
		_exit(0);
	usleep(20000);
}

static void seccomp(void)
{
	struct sock_filter code[] = { { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW } };
	struct sock_fprog program = { 1, code };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	NEED(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static void huge(void)
{
	void *at = mmap(NULL, 2 << 20, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_NORESERVE, -1, 0);

	NEED(at != MAP_FAILED);
}

static void sysv(void)
{
	int id = shmget(IPC_PRIVATE, 4096, 0600);

	NEED(shmat(id, NULL, 0) != (void *)-1);
	shmctl(id, IPC_RMID, NULL);
}

static int semaphores = -1;

static void undo(void)
{
	struct sembuf up = { 0, 1, SEM_UNDO };

	semaphores = semget(IPC_PRIVATE, 1, 0600);
	NEED(semaphores >= 0 && semop(semaphores, &up, 1) == 0);
}

static void sealed(void)
{
	void *at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	NEED(syscall(462, at, 4096, 0) == 0);
}

static void file_lock(void)
{
	char name[] = "/tmp/dvs-victim-lock-XXXXXX";
	int fd = mkstemp(name);

	NEED(flock(fd, LOCK_EX) == 0);
}

static void record_lock(void)
{
	char name[] = "/tmp/dvs-victim-lock-XXXXXX";
	int fd = mkstemp(name);
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };

	NEED(fcntl(fd, F_SETLK, &lock) == 0);
}

static void aio(void)
{
	unsigned long context = 0;

	NEED(syscall(SYS_io_setup, 4, &context) == 0);
}

static void network(void)
{
	NEED(unshare(CLONE_NEWNET) == 0);
}

static void mounts(void)
{
	NEED(unshare(CLONE_NEWNS) == 0);
}

static void root_directory(void)
{
	NEED(chroot("/usr") == 0);
}

static void key(void)
{
	long number = syscall(SYS_pkey_alloc, 0, 0);
	void *at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	NEED(number > 0 && syscall(SYS_pkey_mprotect, at, 4096, PROT_READ, number) == 0);
}

static void memory_policy(void)
{
	unsigned long nodes = 1;
	void *at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	NEED(syscall(SYS_mbind, at, 4096, 2, &nodes, 64, 0) == 0);
}

static void task_policy(void)
{
	unsigned long nodes = 1;

	NEED(syscall(SYS_set_mempolicy, 3, &nodes, 64) == 0);
}

static void no_writable_code(void)
{
	NEED(prctl(65, 1, 0, 0, 0) == 0);
}

static void no_counter(void)
{
	NEED(prctl(PR_SET_TSC, PR_TSC_SIGSEGV) == 0);
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

/* By its system call: the library's function wants a library of its own on older systems. */
static void message_queue(void)
{
	char name[64];

	snprintf(name, sizeof(name), "dvs-victim-%d", getpid());
	NEED(syscall(SYS_mq_open, name, O_CREAT | O_RDWR, 0600, NULL) >= 0);
	syscall(SYS_mq_unlink, name);
}

/* The file lives under its second name only, as a semaphore does after sem_open(). */
static void renamed_by_links(void)
{
	char name[] = "/tmp/dvs-victim-linked-XXXXXX", second[64];

	NEED(mkstemp(name) >= 0);
	snprintf(second, sizeof(second), "%s-2", name);
	NEED(link(name, second) == 0 && unlink(name) == 0);
}

static bool is_deep;
#define DEPTH 25

/* Step by step, for no call takes so long a path. */
static bool go_deep(char name[201])
{
	memset(name, 'n', 200);
	name[200] = 0;
	if (chdir("/tmp"))
		return false;
	for (int depth = 0; depth < DEPTH; depth++) {
		mkdir(name, 0700);
		if (chdir(name))
			return false;
	}
	return true;
}

static void long_path(void)
{
	char name[201];

	NEED(go_deep(name));
	is_deep = true;
	NEED(open("file", O_CREAT | O_RDWR, 0600) >= 0);
	NEED(chdir("/") == 0);
}

static void remove_long_path(void)
{
	char name[201];

	VICTIM_CHECK(go_deep(name) && unlink("file") == 0);
	for (int depth = 0; depth < DEPTH; depth++)
		VICTIM_CHECK(chdir("..") == 0 && rmdir(name) == 0);
}

static void proc_file(void)
{
	NEED(open("/proc/self/status", O_RDONLY) >= 0);
}

static void device(void)
{
	NEED(open("/dev/kmsg", O_RDONLY) >= 0 || open("/dev/fuse", O_RDWR) >= 0);
}

/* Less than it has already. */
static void address_space(void)
{
	struct rlimit limit = { 1 << 20, RLIM_INFINITY };

	NEED(setrlimit(RLIMIT_AS, &limit) == 0);
}

static void stopped(void)
{
	victim_ready();
	raise(SIGSTOP);
}

static void asynchronous(void)
{
	int fd = open("/dev/urandom", O_RDONLY);

	NEED(fcntl(fd, F_SETFL, O_ASYNC) == 0 && fcntl(fd, F_GETFL) & O_ASYNC);
}

static void *own_directory(void *ready)
{
	unshare(CLONE_FS);
	*(volatile bool *)ready = true;
	for (;;)
		pause();
	return NULL;
}

static void unlike_thread(void)
{
	static volatile bool ready;
	pthread_t thread;

	NEED(pthread_create(&thread, NULL, own_directory, (void *)&ready) == 0);
	while (!ready)
		victim_nap();
}

/* What only one thread has, and not the main one. */
static int (*peculiar)(void);

static void *be_peculiar(void *state)
{
	*(volatile int *)state = peculiar() == 0 ? 1 : -1;
	for (;;)
		pause();
	return NULL;
}

static void in_thread(int (*set_up)(void))
{
	static volatile int state;
	pthread_t thread;

	peculiar = set_up;
	NEED(pthread_create(&thread, NULL, be_peculiar, (void *)&state) == 0);
	while (!state)
		victim_nap();
	NEED(state > 0);
}

static int own_network(void)
{
	return unshare(CLONE_NEWNET);
}

static void thread_network(void)
{
	in_thread(own_network);
}

static int own_policy(void)
{
	unsigned long nodes = 1;

	return (int)syscall(SYS_set_mempolicy, 3, &nodes, 64);
}

static void thread_policy(void)
{
	in_thread(own_policy);
}

static int own_counter(void)
{
	return prctl(PR_SET_TSC, PR_TSC_SIGSEGV);
}

static void thread_tsc(void)
{
	in_thread(own_counter);
}

static int own_personality(void)
{
	return personality(ADDR_NO_RANDOMIZE) < 0;
}

static void thread_personality(void)
{
	in_thread(own_personality);
}

static int own_mce(void)
{
	return prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0);
}

static void thread_mce(void)
{
	in_thread(own_mce);
}

static int restricted(void)
{
	uint64_t rules = 1 << 2; /* LANDLOCK_ACCESS_FS_READ_FILE */
	int fd = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);

	if (fd < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    syscall(SYS_landlock_restrict_self, fd, 0))
		return -1;
	return close(fd);
}

static void landlock(void)
{
	NEED(restricted() == 0);
}

static void thread_landlock(void)
{
	in_thread(restricted);
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

static void directory_watch(void)
{
	NEED(fcntl(open("/tmp", O_RDONLY), F_NOTIFY, DN_CREATE | DN_MULTISHOT) == 0);
}

static void add_key(int ring)
{
	NEED(syscall(SYS_add_key, "user", "dvs-victim", "secret", 6, ring) > 0);
}

static void process_key(void)
{
	add_key(-2);
}

static int own_key(void)
{
	return syscall(SYS_add_key, "user", "dvs-victim", "secret", 6, -1) < 0;
}

static void thread_key(void)
{
	in_thread(own_key);
}

static void session_key(void)
{
	NEED(syscall(SYS_keyctl, 1, NULL) > 0);
	add_key(-3);
}

static void watched(void)
{
	struct {
		uint64_t api, features, ioctls;
	} api = { .api = 0xaa };
	struct {
		uint64_t start, length, mode, ioctls;
	} range = { .length = 4096, .mode = 1 };
	long fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	NEED(fd >= 0 && syscall(SYS_ioctl, fd, 0xc018aa3f, &api) == 0);
	range.start = (uint64_t)mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	NEED(syscall(SYS_ioctl, fd, 0xc020aa00, &range) == 0);
}

static const struct kind {
	const char *name, *word;
	void (*build)(void);
} kinds[] = {
	{ "tcp_listen", "listening TCP", tcp_listen },
	{ "tcp_connected", "TCP", tcp_connected },
	{ "udp", "UDP", udp },
	{ "unix_socket", "Unix socket", unix_socket },
	{ "netlink", "netlink", netlink },
	{ "pipe", "pipe", pipes },
	{ "fifo", "FIFO", fifo },
	{ "terminal", "terminal", terminal },
	{ "eventfd", "eventfd", event },
	{ "epoll", "epoll", epolls },
	{ "timerfd", "timerfd", timer_fd },
	{ "signalfd", "signalfd", signal_fd },
	{ "inotify", "inotify", inotify },
	{ "memfd_shared", "shares memory", memory_shared },
	{ "memfd_mapped", "shares memory", memory_mapped },
	{ "memfd_huge", "huge pages", memory_huge },
	{ "pidfd", "pidfd", pid_fd },
	{ "io_uring", "io_uring", uring },
	{ "perf", "perf event", perf },
	{ "userfaultfd", "userfaultfd", fault_fd },
	{ "userfaultfd_range", "userfaultfd", watched },
	{ "deleted", "deleted", deleted },
	{ "deleted_mapped", "deleted", deleted_mapped },
	{ "child", "child process", child },
	{ "dead_child", "child process", dead_child },
	{ "orphan", "left a child process", orphan },
	{ "seccomp", "seccomp", seccomp },
	{ "hugetlb", "huge pages", huge },
	{ "sysv_memory", "System V shared memory", sysv },
	{ "sysv_undo", "System V semaphores", undo },
	{ "sealed", "mseal", sealed },
	{ "file_lock", "lock", file_lock },
	{ "record_lock", "lock", record_lock },
	{ "aio", "AIO", aio },
	{ "network_namespace", "net namespace", network },
	{ "mount_namespace", "mnt namespace", mounts },
	{ "chroot", "chroot", root_directory },
	{ "protection_key", "protection key", key },
	{ "memory_policy", "NUMA", memory_policy },
	{ "task_memory_policy", "NUMA", task_policy },
	{ "mdwe", "PR_SET_MDWE", no_writable_code },
	{ "tsc", "time-stamp counter", no_counter },
	{ "syscall_dispatch", "PR_SET_SYSCALL_USER_DISPATCH", dispatch },
	{ "ports", "I/O ports", ports },
	{ "proc_file", "proc file system", proc_file },
	{ "message_queue", "POSIX message queue", message_queue },
	{ "renamed_by_links", "other names only", renamed_by_links },
	{ "long_path", "longer than", long_path },
	{ "device", "device", device },
	{ "shared_memory", "shares memory", shared_memory },
	{ "shared_position", "one position", shared_position },
	{ "shared_reader", "(/etc/passwd) has one position", shared_reader },
	{ "shared_afar", "(/etc/passwd) has one position", shared_afar },
	{ "address_space", "RLIMIT_AS", address_space },
	{ "stopped", "SIGSTOP", stopped },
	{ "async", "O_ASYNC", asynchronous },
	{ "thread_directory", "working directory", unlike_thread },
	{ "thread_network", "net namespace", thread_network },
	{ "thread_memory_policy", "NUMA", thread_policy },
	{ "thread_tsc", "time-stamp counter", thread_tsc },
	{ "thread_personality", "personality", thread_personality },
	{ "thread_mce", "PR_MCE_KILL", thread_mce },
	{ "landlock", "restricted by Landlock", landlock },
	{ "thread_landlock", "restricted by Landlock", thread_landlock },
	{ "landlock_user", "restricted by Landlock", landlock_user },
	{ "segment_table", "local descriptor table", segment_table },
	{ "segment_register", "segment", segment_register },
	{ "directory_watch", "F_NOTIFY", directory_watch },
	{ "process_key", "process keyring", process_key },
	{ "thread_key", "thread keyring", thread_key },
	{ "session_key", "session keyring", session_key },
};
#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

int main(int argc, char **argv)
{
	if (argc < 2) {
		for (size_t i = 0; i < KIND_COUNT; i++)
			printf("%s %s\n", kinds[i].name, kinds[i].word);
		return 0;
	}
	victim_begin();
	for (size_t i = 0; i < KIND_COUNT; i++) {
		if (strcmp(kinds[i].name, argv[1]) == 0)
			kinds[i].build();
	}
	victim_ready();
	while (victim_moved())
		continue;
	if (log_file >= 0)
		check_log();
	if (is_deep)
		remove_long_path();
	if (semaphores >= 0)
		semctl(semaphores, 0, IPC_RMID);
	return victim_end();
}
