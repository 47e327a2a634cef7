/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets of this very process, made anew as those of another one. */
#include "migrate/kind.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/test.h"
#include "migrate/restore_test.h"

#define COUNT 100

/* A socket of UDP, as it comes from a source. */
static void add(int number, bool reuses)
{
	struct image_description image = { .id = (uint32_t)number,
					   .kind = IMAGE_DESCRIPTION_INET_SOCKET };
	const struct image_fd descriptor = { .number = number, .description = image.id };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), on = reuses;
	const struct kind_seen seen = {
		.pid = getpid(), .number = fd, .link = "socket:[1]", .socket = fd, .info = ""
	};
	const struct kind_frozen frozen = { .pid = getpid(),
					    .descriptions = &restore_tables.descriptions };

	CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	CHECK_EQ(kind_inet_socket.find(&seen, &image, &restore_refusal), 1);
	struct description *description =
		descriptions_add(&restore_tables.descriptions, &image, &kind_inet_socket);

	CHECK_OR_RETURN(description);
	description->number = fd;
	CHECK_EQ(kind_inet_socket.write(&frozen, description, &restore_refusal), 0);
	description->number = -1;
	CHECK_EQ(descriptors_append(&restore->picture.descriptors, &descriptor), 0);
	close(fd);
}

/* Those that may share a port wait for their turn. */
static void test_ahead(void)
{
	restore_begin();
	for (int i = 1; i <= COUNT; i++)
		add(i, i % 4 == 0);
	restore_open_ahead(restore, 0);
	for (uint32_t i = 0; i < restore_tables.descriptions.count; i++) {
		const struct description *description = &restore_tables.descriptions.description[i];

		CHECK_EQ(description->ahead >= 0, description->image.id % 4 != 0);
	}
	/* Once made, they are not made again. */
	int first = restore_tables.descriptions.description[0].ahead;

	restore_open_ahead(restore, 0);
	CHECK_EQ(restore_tables.descriptions.description[0].ahead, first);
	restore_end();
}

int main(void)
{
	TEST(test_ahead);
	return test_end();
}
