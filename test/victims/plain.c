/* SPDX-License-Identifier: Apache-2.0 */
/* The simplest: heap, data, stack and read-only data are unchanged. */
#include "victims/victim.h"

static int data[1000] = { 1, 2, 3 };
static int zeroes[10000];

int main(void)
{
	unsigned char *heap, stack[3000];
	pid_t pid = getpid();

	victim_begin();
	heap = malloc(1000000);
	memset(heap, 0x5a, 1000000);
	memset(stack, 0x77, sizeof(stack));
	victim_ready();
	for (uint32_t moves = 1; victim_moved(); moves++) {
		VICTIM_CHECK(heap[0] == 0x5a && heap[999999] == 0x5a && heap[500000] == 0x5a);
		VICTIM_CHECK(stack[17] == 0x77 && stack[2999] == 0x77);
		VICTIM_CHECK(data[2] == 3 && zeroes[(moves - 1) % 10000] == 0);
		VICTIM_CHECK(getpid() == pid && getppid() == 1 && getsid(0) == pid);
		VICTIM_CHECK(data[999] == (int)moves - 1);
		data[999]++;
		zeroes[0] = 0;
		printf("move %u\n", moves);
		fflush(stdout);
	}
	return victim_end();
}
