/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registrations a thread has with the kernel: restartable sequences, the list of robust locks, the
 * word cleared at its end, memory barriers, locked memory. And the clocks of the vdso.
 */
#include <errno.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <sys/rseq.h>
#include <sys/syscall.h>

#include "victims/victim.h"

static pthread_mutex_t robust;
static volatile bool die;
static char *locked;

static void *holder(void *argument)
{
	pthread_mutex_lock(&robust);
	while (!die)
		victim_nap();
	return argument; /* with the lock held: the kernel marks it through the list */
}

static long locked_kb(void)
{
	char line[256];
	long found = -1;
	FILE *status = fopen("/proc/self/status", "re");

	while (status && fgets(line, sizeof(line), status))
		sscanf(line, "VmLck: %ld", &found);
	if (status)
		fclose(status);
	return found;
}

/* Increments *counter in a restartable sequence; a preemption inside goes to the abort handler. */
static int rseq_add(struct rseq *rseq, uint64_t *counter)
{
	__asm__ goto(".pushsection __rseq_cs, \"aw\"\n\t.balign 32\n3:\n\t.long 0, 0\n\t"
		     ".quad 1f, (2f - 1f), 4f\n\t.popsection\n\t"
		     "leaq 3b(%%rip), %%rax\n\tmovq %%rax, 8(%0)\n"
		     "1:\n\tmovq (%1), %%rcx\n\t.rept 400\n\tnop\n\t.endr\n\t"
		     "cmpq $0, 8(%0)\n\tjz %l[forgotten]\n\t"
		     "addq $1, %%rcx\n\tmovq %%rcx, (%1)\n"
		     "2:\n\tjmp %l[done]\n\t"
		     ".byte 0x0f, 0xb9, 0x3d\n\t.long 0x53053053\n"
		     "4:\n\tjmp %l[aborted]\n"
		     :
		     : "r"(rseq), "r"(counter)
		     : "memory", "cc", "rax", "rcx"
		     : done, aborted, forgotten);
done:
	return 1;
aborted:
	return 0;
forgotten: /* it has left the sequence, as the kernel has it, and does not know */
	return -1;
}

int main(void)
{
	struct rseq *rseq = (struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset);
	struct timespec clock, last = { 0 };
	uint64_t counter = 0, wanted = 0;
	pthread_mutexattr_t attribute;
	pthread_t thread;

	victim_begin();
	pthread_mutexattr_init(&attribute);
	pthread_mutexattr_setrobust(&attribute, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&robust, &attribute);
	pthread_create(&thread, NULL, holder, NULL);
	while (pthread_mutex_trylock(&robust) == 0) {
		pthread_mutex_unlock(&robust);
		victim_nap();
	}
	VICTIM_CHECK(syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0);
	locked = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	VICTIM_CHECK(mlock(locked, 1 << 16) == 0);
	victim_ready();
	for (bool more = true; more;) {
		victim_page->verified = victim_seen;
		while (!victim_has_moved() && !victim_must_end()) {
			int added = rseq_add(rseq, &counter);

			VICTIM_CHECK(added >= 0);
			wanted += (uint64_t)added;
			clock_gettime(CLOCK_MONOTONIC, &clock);
			VICTIM_CHECK(clock.tv_sec > last.tv_sec || (clock.tv_sec == last.tv_sec &&
								    clock.tv_nsec >= last.tv_nsec));
			last = clock;
		}
		more = victim_has_moved();
		victim_seen = victim_page->moves;
		VICTIM_CHECK(counter == wanted);
		VICTIM_CHECK(__rseq_size == 0 || rseq->cpu_id < 4096);
		VICTIM_CHECK(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0);
		VICTIM_CHECK(locked_kb() == 64);
	}
	die = true;
	pthread_join(thread, NULL);
	VICTIM_CHECK(pthread_mutex_lock(&robust) == EOWNERDEAD);
	return victim_end();
}
