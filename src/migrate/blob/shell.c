/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process shell: the program that a moved process is at first. The DC's init starts it with the
 * wanted pid and one end of a Unix socket pair as descriptor 3; the migration engine then takes it
 * over through ptrace and turns it into the process. All it does by itself is to wait, and to end
 * if the other end of the socket is closed before it was taken over.
 *
 * It is built without any library, so that it has no thread-local memory, no restartable sequence
 * and no descriptors that would have to be undone.
 */
#define SYS_READ       0
#define SYS_WRITE      1
#define SYS_EXIT_GROUP 231

static long system_call(long number, long a, long b, long c)
{
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return result;
}

__attribute__((noreturn)) void shell_main(void);

void shell_main(void)
{
	char byte = 'S';

	/* Tells the engine that the program runs: until then it is still a copy of the init. */
	system_call(SYS_WRITE, 3, (long)&byte, 1);
	while (system_call(SYS_READ, 3, (long)&byte, 1) > 0)
		;
	for (;;)
		system_call(SYS_EXIT_GROUP, 0, 0, 0);
}

__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tand $-16, %rsp\n\tcall shell_main\n");
