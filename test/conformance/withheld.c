/* SPDX-License-Identifier: Apache-2.0 */

/*
 * For test/scenarios/withheld.sh:
 *
 *	withheld server OWN        has a page that never comes (userfaultfd), and tells where it is
 *	withheld client OWN PEER   copies from that page of PEER
 *
 * Both are bound by the program that starts them. 77: this kernel lets nobody withhold a page.
 */

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "dvk.h"

#define BYTES 4096

static char *withhold(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	char *page = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);

	range.range.start = (uintptr_t)page;
	range.range.len = BYTES;
	if (page == MAP_FAILED || fd < 0 || ioctl(fd, UFFDIO_API, &api) ||
	    ioctl(fd, UFFDIO_REGISTER, &range))
		return NULL;
	return page;
}

static int serve(void)
{
	char *page = withhold();

	if (!page)
		return 77;
	puts("ready");
	fflush(stdout);
	for (;;) {
		message m = { 0 };

		if (dvk_receive(ANY, &m) < 0)
			return 1;
		m.m1_p1 = page;
		dvk_send(m.m_source, &m);
	}
}

static int copy_from(int peer)
{
	static char here[BYTES];
	message m = { .m_type = 1 };
	long r = dvk_sendrec(peer, &m);

	if (r >= 0)
		r = dvk_vcopy(peer, m.m1_p1, SELF, here, BYTES);
	/* The server has sent its answer, and is not in its next receive yet. */
	while (r == EDVSPROCSTS) {
		usleep(1000);
		r = dvk_vcopy(peer, m.m1_p1, SELF, here, BYTES);
	}
	printf("copied: %ld\n", r);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc < 3 || dvk_open() < 0)
		return 2;
	if (strcmp(argv[1], "server") == 0)
		return serve();
	return argc < 4 ? 2 : copy_from((int)strtol(argv[3], NULL, 10));
}
