/* SPDX-License-Identifier: Apache-2.0 */

/* A newcomer's name and addresses, as it was told or as its machine has them. */

#include "ctl/newcomer.h"

#include <stdbool.h>
#include <string.h>

#include "base/test.h"
#include "os/machine.h"

static const char *own_name = "alpha";
static struct address own[3];
static unsigned owned;

void __wrap_os_machine_name(char *name, size_t size);
unsigned __wrap_os_machine_addresses(struct address *address, unsigned most);

void __wrap_os_machine_name(char *name, size_t size)
{
	snprintf(name, size, "%s", own_name);
}

unsigned __wrap_os_machine_addresses(struct address *address, unsigned most)
{
	unsigned count = owned < most ? owned : most;

	memcpy(address, own, count * sizeof(*own));
	return count;
}

static struct roster_node node;
static struct refusal refusal;

static int fill(const char *name, unsigned count, const char *first, const char *second)
{
	const struct newcomer newcomer = { .name = name,
					   .addresses = { count, { first, second } } };

	refusal_clear(&refusal);
	return newcomer_node(&newcomer, &node, &refusal);
}

static bool is_refused(int r, const char *words)
{
	return r == EDVSINVAL && strstr(refusal.reason, words);
}

static void test_told(void)
{
	char text[ADDRESS_TEXT];

	CHECK_EQ(fill("beta", 2, "192.0.2.11", "198.51.100.11"), 0);
	CHECK(!strcmp(node.name, "beta"));
	CHECK_EQ(node.count, 2);
	CHECK(!strcmp(address_print(node.address[1], text), "198.51.100.11"));
	CHECK(is_refused(fill("be ta", 1, "192.0.2.11", NULL), "--name: \"be ta\" is no name"));
	CHECK_EQ(fill("beta", 2, "192.0.2.11", "2001:db8::11"), 0);
	CHECK(!strcmp(address_print(node.address[1], text), "2001:db8::11"));
	CHECK(is_refused(fill("beta", 1, "192.0.2.256", NULL),
			 "--address 192.0.2.256: an address is one of a machine"));
	CHECK(is_refused(fill("beta", 1, "fe80::1%eth0", NULL),
			 "--address fe80::1%eth0: an address of one link"));
	CHECK(is_refused(fill("beta", 2, "192.0.2.1", "192.0.2.1"),
			 "--address 192.0.2.1: the node has an address twice"));
}

static void test_found(void)
{
	owned = 1;
	own[0] = test_address(0);
	CHECK_EQ(fill(NULL, 0, NULL, NULL), 0);
	CHECK(!strcmp(node.name, "alpha"));
	CHECK_EQ(node.count, 1);
	CHECK(address_same(node.address[0], own[0]));
	owned = 2;
	own[1] = test_address(1);
	CHECK(is_refused(fill(NULL, 0, NULL, NULL), "has several addresses: say with --address"));
	CHECK_EQ(fill(NULL, 1, "192.0.2.11", NULL), 0);
	owned = 0;
	CHECK(is_refused(fill(NULL, 0, NULL, NULL), "has no address in a network"));
	own_name = "7up";
	CHECK(is_refused(fill(NULL, 1, "192.0.2.11", NULL), "the name of this machine, \"7up\""));
}

/* Of a machine with one address of each family it is that of the call, or else the IPv4 one. */
static void test_families(void)
{
	struct newcomer newcomer = { .name = "beta" };

	address_parse(&own[1], "2001:db8::1", 11);
	address_parse(&own[2], "2001:db8::2", 11);
	own[0] = test_address(0);
	owned = 2;
	CHECK_EQ(newcomer_node(&newcomer, &node, &refusal), 0);
	CHECK(address_same(node.address[0], own[0]));
	newcomer.called = own[2];
	CHECK_EQ(newcomer_node(&newcomer, &node, &refusal), 0);
	CHECK(address_same(node.address[0], own[1]));
	owned = 3;
	refusal_clear(&refusal);
	CHECK(is_refused(newcomer_node(&newcomer, &node, &refusal), "has several addresses"));
	newcomer.called = own[0];
	CHECK_EQ(newcomer_node(&newcomer, &node, &refusal), 0);
	CHECK(address_same(node.address[0], own[0]));
	/* A machine of IPv6 alone. */
	own[0] = own[1];
	owned = 1;
	newcomer.called = ADDRESS_NONE;
	CHECK_EQ(newcomer_node(&newcomer, &node, &refusal), 0);
	CHECK(address_same(node.address[0], own[1]));
}

int main(void)
{
	TEST(test_told);
	TEST(test_families);
	TEST(test_found);
	return test_end();
}
