/* SPDX-License-Identifier: Apache-2.0 */
#include "os/trace.h"

#include <assert.h>
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/lock.h"
#include "os/signals.h"

#ifndef PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG
#define PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG 0x4211
#endif
#ifndef NT_386_IOPERM
#define NT_386_IOPERM 0x201
#endif
#ifndef PTRACE_GET_THREAD_AREA
#define PTRACE_GET_THREAD_AREA 25
#endif

_Static_assert(OS_SIGTRAP == SIGTRAP && OS_SIGSTOP == SIGSTOP, "signals");

#define PENDING_BATCH 16
#define OF_INSTRUCTIONS                                                           \
	(OS_SIGNAL_BIT(SIGSEGV) | OS_SIGNAL_BIT(SIGBUS) | OS_SIGNAL_BIT(SIGILL) | \
	 OS_SIGNAL_BIT(SIGTRAP) | OS_SIGNAL_BIT(SIGFPE) | OS_SIGNAL_BIT(SIGSYS))
#define TLS_ENTRY_FIRST 12
#define TLS_ENTRY_LAST	14

static int request(int what, pid_t tid, void *address, void *data)
{
	assert(tid > 0);
	return ptrace(what, tid, address, data) < 0 ? -errno : 0;
}

int trace_seize(pid_t tid, bool exit_kill)
{
	unsigned long options = PTRACE_O_TRACESYSGOOD;

	if (exit_kill)
		options |= PTRACE_O_EXITKILL;
	return request(PTRACE_SEIZE, tid, NULL, (void *)options);
}

int trace_interrupt(pid_t tid)
{
	return request(PTRACE_INTERRUPT, tid, NULL, NULL);
}

int trace_detach(pid_t tid, int signal)
{
	assert(signal >= 0);
	return request(PTRACE_DETACH, tid, NULL, (void *)(long)signal);
}

int trace_continue(pid_t tid, int signal)
{
	assert(signal >= 0);
	return request(PTRACE_CONT, tid, NULL, (void *)(long)signal);
}

int trace_continue_to_syscall(pid_t tid)
{
	return request(PTRACE_SYSCALL, tid, NULL, NULL);
}

int trace_registers(pid_t tid, struct user_regs_struct *registers)
{
	assert(registers);
	return request(PTRACE_GETREGS, tid, NULL, registers);
}

int trace_set_registers(pid_t tid, const struct user_regs_struct *registers)
{
	assert(registers);
	return request(PTRACE_SETREGS, tid, NULL, (void *)registers);
}

ssize_t trace_xstate(pid_t tid, void *area, size_t bytes)
{
	struct iovec io = { .iov_base = area, .iov_len = bytes };
	int result = request(PTRACE_GETREGSET, tid, (void *)NT_X86_XSTATE, &io);

	assert(bytes > 0);
	if (result < 0)
		return result;
	return io.iov_len == bytes ? -ENOSPC : (ssize_t)io.iov_len;
}

int trace_set_xstate(pid_t tid, const void *area, size_t bytes)
{
	struct iovec io = { .iov_base = (void *)area, .iov_len = bytes };

	assert(bytes > 0);
	return request(PTRACE_SETREGSET, tid, (void *)NT_X86_XSTATE, &io);
}

int trace_signal_mask(pid_t tid, uint64_t *mask)
{
	return request(PTRACE_GETSIGMASK, tid, (void *)sizeof(*mask), mask);
}

int trace_set_signal_mask(pid_t tid, uint64_t mask)
{
	return request(PTRACE_SETSIGMASK, tid, (void *)sizeof(mask), &mask);
}

int trace_pending(pid_t tid, bool shared, uint64_t first, void *infos, int count)
{
	struct __ptrace_peeksiginfo_args args = {
		.off = first,
		.flags = shared ? PTRACE_PEEKSIGINFO_SHARED : 0,
		.nr = count,
	};
	long got = ptrace(PTRACE_PEEKSIGINFO, tid, &args, infos);

	assert(tid > 0);
	assert(count > 0);
	return got < 0 ? -errno : (int)got;
}

static bool is_among(pid_t tid, bool shared, int signal)
{
	siginfo_t infos[PENDING_BATCH];
	uint64_t first = 0;
	int count;

	for (; (count = trace_pending(tid, shared, first, infos, PENDING_BATCH)) > 0;
	     first += (uint64_t)count)
		for (int i = 0; i < count; i++)
			if (infos[i].si_signo == signal)
				return true;
	return false;
}

bool trace_is_pending(pid_t tid, int signal)
{
	assert(signal > 0);
	return is_among(tid, false, signal) || is_among(tid, true, signal);
}

bool trace_awaits_handler(pid_t tid)
{
	siginfo_t infos[PENDING_BATCH];
	uint64_t mask = 0, first = 0;
	int count;

	while ((count = trace_pending(tid, false, first, infos, PENDING_BATCH)) > 0) {
		if (first == 0 && trace_signal_mask(tid, &mask) < 0)
			return false;
		for (int i = 0; i < count; i++) {
			uint64_t bit = OS_SIGNAL_BIT((unsigned)infos[i].si_signo);

			if (infos[i].si_code > 0 && bit & OF_INSTRUCTIONS & ~mask)
				return true;
		}
		first += (uint64_t)count;
	}
	return false;
}

void trace_robust_list(pid_t tid, uint64_t *head, uint64_t *length)
{
	void *list = NULL;
	size_t bytes = 0;

	if (syscall(SYS_get_robust_list, tid, &list, &bytes) < 0)
		return;
	*head = (uint64_t)list;
	*length = bytes;
}

int trace_rseq(pid_t tid, struct trace_rseq *rseq)
{
	struct __ptrace_rseq_configuration config = { 0 };
	long result = ptrace(PTRACE_GET_RSEQ_CONFIGURATION, tid, (void *)sizeof(config), &config);

	assert(rseq);
	if (result < 0)
		return -errno;
	*rseq = (struct trace_rseq){
		.address = config.rseq_abi_pointer,
		.size = config.rseq_abi_size,
		.signature = config.signature,
		.flags = config.flags,
	};
	return 0;
}

int trace_exit_kill(pid_t tid)
{
	const unsigned long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL;

	return request(PTRACE_SETOPTIONS, tid, NULL, (void *)options);
}

int trace_suspend_seccomp(pid_t tid)
{
	const unsigned long options =
		PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_SUSPEND_SECCOMP;

	return request(PTRACE_SETOPTIONS, tid, NULL, (void *)options);
}

int trace_seccomp_filter(pid_t tid, uint64_t number, void *code)
{
	long got = ptrace(PTRACE_SECCOMP_GET_FILTER, tid, (void *)number, code);

	assert(tid > 0);
	return got < 0 ? -errno : (int)got;
}

int trace_seccomp_flags(pid_t tid, uint64_t number, uint64_t *flags)
{
	struct {
		uint64_t number, flags;
	} data = { .number = number };
	long got = ptrace(PTRACE_SECCOMP_GET_METADATA, tid, (void *)sizeof(data), &data);

	assert(flags);
	if (got < 0)
		return -errno;
	*flags = data.flags;
	return 0;
}

int trace_syscall_dispatch(pid_t tid)
{
	struct {
		uint64_t mode, selector, offset, length;
	} config = { 0 };
	long result = ptrace(PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG, tid, (void *)sizeof(config),
			     &config);

	/* An older kernel does not know the question: then it is older than the answer too. */
	if (result < 0)
		return errno == ESRCH ? -ESRCH : 0;
	return config.mode != 0;
}

int trace_io_bitmap(pid_t tid)
{
	uint8_t bitmap[8192];
	struct iovec io = { .iov_base = bitmap, .iov_len = sizeof(bitmap) };
	int result = request(PTRACE_GETREGSET, tid, (void *)NT_386_IOPERM, &io);

	if (result == -ESRCH)
		return result;
	return result == 0 && io.iov_len > 0;
}

int trace_tls_entries(pid_t tid)
{
	/* struct user_desc: number, base, limit, flags. An empty entry reads as zero but for two flags. */
	uint32_t entry[4];

	for (long number = TLS_ENTRY_FIRST; number <= TLS_ENTRY_LAST; number++) {
		memset(entry, 0, sizeof(entry));
		int result = request(PTRACE_GET_THREAD_AREA, tid, (void *)number, entry);

		if (result == -ESRCH)
			return result;
		if (result == 0 && (entry[1] || entry[2]))
			return 1;
	}
	return 0;
}

static bool is_job_control(int signal)
{
	return signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
}

int trace_wait(pid_t tid, bool block, struct trace_stop *stop)
{
	int status;
	pid_t got;

	assert(tid > 0);
	if (block)
		os_lock_wait_begins("trace_wait()");
	do
		got = waitpid(tid, &status, __WALL | (block ? 0 : WNOHANG));
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return errno == ECHILD ? -ESRCH : -errno;
	if (got == 0)
		return -EAGAIN;
	*stop = (struct trace_stop){ .kind = TRACE_EXITED, .code = status };
	if (!WIFSTOPPED(status))
		return 0;
	stop->signal = WSTOPSIG(status) & 0x7f;
	stop->code = status >> 16;
	stop->by_job_control = stop->code == PTRACE_EVENT_STOP && is_job_control(stop->signal);
	if (stop->code == PTRACE_EVENT_STOP)
		stop->kind = TRACE_STOP;
	else if (stop->code)
		stop->kind = TRACE_EVENT;
	else
		stop->kind = WSTOPSIG(status) == (SIGTRAP | 0x80) ? TRACE_SYSCALL : TRACE_SIGNAL;
	return 0;
}

int trace_read(pid_t pid, uint64_t address, void *to, size_t bytes)
{
	struct iovec here = { .iov_base = to, .iov_len = bytes };
	struct iovec there = { .iov_base = (void *)address, .iov_len = bytes };
	ssize_t got = process_vm_readv(pid, &here, 1, &there, 1, 0);

	assert(to || !bytes);
	if (got < 0)
		return -errno;
	return (size_t)got == bytes ? 0 : -EFAULT;
}

int trace_write(pid_t pid, uint64_t address, const void *from, size_t bytes)
{
	struct iovec here = { .iov_base = (void *)from, .iov_len = bytes };
	struct iovec there = { .iov_base = (void *)address, .iov_len = bytes };
	ssize_t done = process_vm_writev(pid, &here, 1, &there, 1, 0);

	assert(from || !bytes);
	if (done < 0)
		return -errno;
	return (size_t)done == bytes ? 0 : -EFAULT;
}

int trace_force(pid_t tid, uint64_t address, const void *from, size_t bytes)
{
	const uint8_t *at = from;

	assert(from);
	for (size_t done = 0; done < bytes; done += sizeof(long)) {
		size_t now = bytes - done < sizeof(long) ? bytes - done : sizeof(long);
		long word;

		/* The bytes behind the end stay. */
		if (now < sizeof(long) && trace_read(tid, address + done, &word, sizeof(word)) < 0)
			return -EFAULT;
		memcpy(&word, at + done, now);
		if (ptrace(PTRACE_POKEDATA, tid, address + done, word) < 0)
			return errno == EIO ? -EFAULT : -errno;
	}
	return 0;
}
