/* SPDX-License-Identifier: Apache-2.0 */
/* The terminals of a tree: each is made once, and with its own number or not at all. */
#include "migrate/restore_terminal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/test.h"
#include "os/socket.h"

static void test_made_once(void)
{
	struct restore *restore = calloc(1, sizeof(*restore));
	struct restore_terminals terminals = { 0 };
	struct refusal refusal = REFUSAL_NONE;
	struct restore_terminal *first = NULL, *again = NULL;
	struct terminal_master master = { .number = 0 };
	bool is_master = false;
	uint32_t number = 0;

	restore->terminals = &terminals;
	restore->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int taken = os_terminal_new(restore->root, "/dev/ptmx", 0);

	/* Where 0 is somebody's, the first free one is taken. */
	if (taken < 0)
		taken = posix_openpt(O_RDWR | O_NOCTTY);
	CHECK_EQ(os_terminal_number(taken, &master.number, &is_master), 0);
	CHECK(restore_terminal(restore, &master, &first, &refusal) < 0);
	CHECK(strstr(refusal.reason, "is taken on the target"));
	restore_terminals_close(&terminals);
	refusal_clear(&refusal);
	close(taken);
	CHECK_EQ(restore_terminal(restore, &master, &first, &refusal), 0);
	CHECK(first->slave < 0 && os_terminal_number(first->master, &number, &is_master) == 0);
	CHECK(is_master && number == master.number);
	int slave = restore_terminal_slave(first, &refusal);

	CHECK(slave >= 0 && restore_terminal_slave(first, &refusal) == slave);
	CHECK_EQ(restore_terminal(restore, &master, &again, &refusal), 0);
	CHECK(again == first && terminals.count == 1);
	restore_terminals_close(&terminals);
	CHECK(terminals.count == 0 && fcntl(slave, F_GETFD) < 0);
	os_close(restore->root);
	free(restore);
}

int main(void)
{
	int some = posix_openpt(O_RDWR | O_NOCTTY);

	if (some < 0 || close(some) || geteuid()) {
		test_skip("needs pseudo-terminals and root");
		return test_end();
	}
	TEST(test_made_once);
	return test_end();
}
