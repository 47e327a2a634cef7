/* SPDX-License-Identifier: Apache-2.0 */
/* A network of its own, in which this process is node 1: the addresses of the kernel are those of the directory. */
#include "node/bind/addresses.h"

#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "base/test.h"
#include "core/directory_fixture.h"
#include "dvk.h"
#include "node/state/order.h"
#include "os/child.h"
#include "os/interface.h"
#include "os/lock.h"

static struct order order = { .self = 1 };
static struct addresses addresses;
static pthread_mutex_t lock;
static struct refusal refusal;

static bool run_ip(const char *commands)
{
	char *argv[] = { "ip", "-batch", "-", NULL }, output[512];

	return os_child_run(argv, getpid(), commands, output, sizeof(output)) == 0;
}

/* A DC with an address, and the order has the directory of the fixture. */
static void begin_with(const char *text)
{
	struct address_net net = { .prefix = 0 };

	begin();
	CHECK(!address_net_parse(&net, text));
	CHECK_EQ(apply((struct command){
			 .kind = COMMAND_DC_ADDRESS, .address = net.address, .value = net.prefix }),
		 0);
	memset(&addresses, 0, sizeof(addresses));
	addresses_init(&addresses, &lock, NULL, &order);
	refusal_clear(&refusal);
}

static int settle(void)
{
	order.directory = dir;
	refusal_clear(&refusal);
	return addresses_settle(&addresses, 0, &refusal);
}

static int silence(bool silent)
{
	return addresses_silence(&addresses, 0, silent, &refusal);
}

/* One mark: the address (1), a hole (2); none (0). */
static int have(void)
{
	struct os_interface_mark mark[4];
	int count = os_interface_marked(mark, 4);

	return count != 1 ? -count : mark[0].index ? 1 : 2;
}

static void go_through(const char *text)
{
	begin_with(text);
	CHECK_EQ(settle(), 0);
	CHECK_EQ(have(), 0); /* no holder */
	CHECK_EQ(bind_at(10, 1), 0);
	CHECK_EQ(settle(), 0);
	CHECK_EQ(have(), 1);
	CHECK_EQ(settle(), 0);
	CHECK_EQ(have(), 1);
	CHECK_EQ(silence(true), 0);
	CHECK_EQ(have(), 2);
	CHECK_EQ(silence(false), 0); /* a move that was given up */
	CHECK_EQ(have(), 1);
	CHECK_EQ(start(10, 2, 0), 0);
	CHECK_EQ(silence(true), 0);
	CHECK_EQ(commit(10, 2, result.move, 0, 5), 0);
	CHECK_EQ(settle(), 0);
	CHECK_EQ(have(), 2); /* until the frozen copy is gone */
	CHECK_EQ(silence(false), 0);
	CHECK_EQ(have(), 0);
	CHECK_EQ(start(10, 1, 0), 0);
	CHECK_EQ(commit(10, 1, result.move, 0, 5), 0);
	CHECK_EQ(settle(), 0);
	CHECK_EQ(have(), 1);
	addresses_end(&addresses);
	CHECK_EQ(have(), 0);
}

static void test_follows_the_directory(void)
{
	go_through("10.7.0.5/24");
	go_through("fd07::5/64");
}

static void test_refused(void)
{
	begin_with("10.8.0.5/24");
	CHECK_EQ(bind_at(10, 1), 0);
	CHECK_EQ(settle(), EDVSADDRNOTAVAIL);
	CHECK(strstr(refusal.reason, "node 1 cannot have 10.8.0.5/24, a service address of DC 0"));
	CHECK_EQ(have(), 0);
	refusal_clear(&refusal);
	CHECK_EQ(addresses_check(&addresses, 0, &refusal), EDVSADDRNOTAVAIL);
	begin_with("10.7.0.1/24"); /* the machine's own */
	CHECK_EQ(bind_at(10, 1), 0);
	CHECK_EQ(settle(), EDVSADDRINUSE);
	CHECK(strstr(refusal.reason, "its interface card has that address"));
}

/* Residues of an earlier life. */
static void test_cleans_up(void)
{
	struct os_interface card;
	struct address_net net = { .prefix = 0 };

	begin_with("10.7.0.5/24");
	CHECK(!address_net_parse(&net, "10.7.0.6/24"));
	CHECK_EQ(os_interface_find(&net, &card), 0);
	CHECK_EQ(os_interface_give(card.index, net.address, 60), 0);
	CHECK(!address_net_parse(&net, "10.7.0.7/24"));
	CHECK_EQ(os_interface_dig(net.address), 0);
	CHECK_EQ(settle(), 0);
	CHECK_EQ(have(), 0);
}

/* ---- what makes the thread settle ---- */

static void change(void)
{
	order.directory = dir;
	os_lock_take(&lock);
	addresses.due = false;
	addresses_on_order(&addresses);
	os_lock_release(&lock);
}

static void test_order_changes(void)
{
	begin_with("10.7.0.5/24");
	CHECK_EQ(bind_at(10, 1), 0);
	change();
	CHECK(addresses.due);
	CHECK_EQ(settle(), 0);
	CHECK_EQ(bind_at(11, 1), 0);
	change();
	CHECK(!addresses.due);
}

/* A successor has its directory before the first command, and compares the two. */
static void test_adopted_directory(void)
{
	begin_with("10.7.0.5/24");
	CHECK_EQ(bind_at(10, 1), 0);
	CHECK_EQ(settle(), 0);
	CHECK_EQ(have(), 1);
	CHECK_EQ(addresses.count, 1); /* so that the lease is prolonged */
	CHECK_EQ(unbind(10, 0), 0);
	change();
	CHECK(addresses.due);
	CHECK_EQ(settle(), 0);
	CHECK_EQ(have(), 0);
}

int main(void)
{
	if (geteuid() || unshare(CLONE_NEWNET) < 0 ||
	    !run_ip("link set lo up\nlink add card type veth peer name other\n"
		    "link set card up\nlink set other up\n"
		    "address add 10.7.0.1/24 dev card\naddress add fd07::1/64 dev card nodad\n"))
		return 77;
	os_lock_init(&lock);
	TEST(test_follows_the_directory);
	TEST(test_refused);
	TEST(test_cleans_up);
	TEST(test_order_changes);
	TEST(test_adopted_directory);
	return test_end();
}
