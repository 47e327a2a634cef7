/* SPDX-License-Identifier: Apache-2.0 */
#include "os/socket_filter.h"

#include <errno.h>
#include <linux/filter.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/test.h"

static uint8_t code[OS_SOCKET_FILTER_MOST * OS_SOCKET_FILTER_BYTES];

static void test_given(void)
{
	struct sock_filter some[3] = { { BPF_LD | BPF_LEN, 0, 0, 0 },
				       { BPF_ALU | BPF_ADD | BPF_K, 0, 0, 1 },
				       { BPF_RET | BPF_A, 0, 0, 0 } };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), other = socket(AF_UNIX, SOCK_STREAM, 0);

	CHECK_EQ(os_socket_filter_count(fd), 0);
	CHECK_EQ(os_socket_filter_give(fd, (const uint8_t *)some, 3), 0);
	CHECK_EQ(os_socket_filter_count(fd), 3);
	CHECK_EQ(os_socket_filter_look(fd, code, 3), 0);
	CHECK(memcmp(code, some, sizeof(some)) == 0);
	CHECK_EQ(os_socket_filter_give(other, code, 3), 0);
	CHECK_EQ(os_socket_filter_count(other), 3);
	some[2].code = BPF_ALU; /* without an end */
	CHECK_EQ(os_socket_filter_give(fd, (const uint8_t *)some, 3), -EINVAL);
	CHECK_EQ(os_socket_filter_count(-1), -EBADF);
	close(fd);
	close(other);
}

int main(void)
{
	TEST(test_given);
	return test_end();
}
