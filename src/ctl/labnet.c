/* SPDX-License-Identifier: Apache-2.0 */

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "ctl/labnet.h"
#include "os/child.h"
#include "os/file.h"

#define BATCH_MAX 4096

/* The same after a restart, so that no neighbour goes on talking to the card that was. */
#define LABNET_HARDWARE "02:d5:00:00:00:%02x"

#define V4 "10.77.0.%d"
#define V6 "fd77::%d"

const char *labnet_address(const struct lab *lab, int node, char text[ADDRESS_TEXT])
{
	assert(node >= 0 && node < LAB_NODES_MAX);
	if (lab->ipv6)
		snprintf(text, ADDRESS_TEXT, V6, node + 1);
	else
		snprintf(text, ADDRESS_TEXT, V4, node + 1);
	return text;
}

/* Whether a new interface has addresses of IPv6 here. */
static bool has_v6(void)
{
	char text[8] = "";

	return os_file_read("/proc/sys/net/ipv6/conf/default/disable_ipv6", text, sizeof(text)) >
		       0 &&
	       text[0] == '0';
}

static int run(char *const *argv, pid_t netns_pid, const char *input, struct refusal *refusal)
{
	char output[160];
	int r;

	if (!netns_pid)
		return refusal_set(
			refusal, EDVSNOCONN,
			"the network between the lab's nodes is gone, because its switch and "
			"its sequencer have ended: `dvs lab down`, then `dvs lab up`");
	r = os_child_run(argv, netns_pid, input, output, sizeof(output));
	if (!r)
		return 0;
	output[strcspn(output, "\n")] = '\0';
	if (r < 0)
		snprintf(output, sizeof(output), "%s", strerror(-r));
	return refusal_set(refusal, EDVSIO, "%s failed: %s", argv[0],
			   output[0] ? output : "no reason given");
}

static int run_ip(pid_t netns_pid, const char *batch, struct refusal *refusal)
{
	char *argv[] = { "ip", "-batch", "-", NULL };

	return run(argv, netns_pid, batch, refusal);
}

int labnet_switch(const struct lab *lab, struct refusal *refusal)
{
	return run_ip(lab_network(lab),
		      "link set lo up\n"
		      "link add dvs0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0\n"
		      "link set dvs0 up\n",
		      refusal);
}

static int plug_switch_side(const struct lab *lab, unsigned nodes, struct refusal *refusal)
{
	char batch[BATCH_MAX];
	size_t len = 0;

	assert(!(nodes >> LAB_NODES_MAX));
	for (int id = 0; id < LAB_NODES_MAX && len < sizeof(batch); id++) {
		if (nodes >> id & 1)
			len += (size_t)snprintf(batch + len, sizeof(batch) - len,
						"link add n%d type veth peer name eth0 "
						"address " LABNET_HARDWARE " netns %d\n"
						"link set n%d master dvs0 up\n",
						id, id, lab->node[id].task.pid, id);
	}
	if (len >= sizeof(batch))
		return refusal_set(refusal, EDVS2BIG, "too many nodes for one batch");
	return run_ip(lab_network(lab), batch, refusal);
}

int labnet_plug(const struct lab *lab, unsigned nodes, struct refusal *refusal)
{
	int r = plug_switch_side(lab, nodes, refusal);
	bool v6 = lab->ipv6 || has_v6();
	char batch[256];

	for (int id = 0; r >= 0 && id < LAB_NODES_MAX; id++) {
		int len;

		if (!(nodes >> id & 1))
			continue;
		assert(lab->node[id].task.pid > 0);
		len = snprintf(batch, sizeof(batch),
			       "link set lo up\naddress add " V4 "/24 dev eth0\n"
			       "link set eth0 up\n",
			       id + 1);
		/* Nobody else has it: it is there at once. */
		if (v6)
			snprintf(batch + len, sizeof(batch) - (size_t)len,
				 "address add " V6 "/64 dev eth0 nodad\n", id + 1);
		r = run_ip(lab->node[id].task.pid, batch, refusal);
	}
	return r;
}

void labnet_unplug(const struct lab *lab, int node)
{
	struct refusal unused = REFUSAL_NONE;
	char batch[32];

	assert(node >= 0 && node < LAB_NODES_MAX);
	snprintf(batch, sizeof(batch), "link del n%d\n", node);
	run_ip(lab_network(lab), batch, &unused);
}

/* nft allows an "add" of something that exists, except for rules: so the chain is emptied first. */
int labnet_cut(const struct lab *lab, int a, int b, bool cut, struct refusal *refusal)
{
	char *argv[] = { "nft", "-f", "-", NULL };
	char batch[768], pairs[64];

	assert(a != b);
	assert(a >= 0 && a < LAB_NODES_MAX);
	assert(b >= 0 && b < LAB_NODES_MAX);
	snprintf(pairs, sizeof(pairs), "{ \"n%d\" . \"n%d\", \"n%d\" . \"n%d\" }", a, b, b, a);
	snprintf(batch, sizeof(batch),
		 "add table bridge dvs\n"
		 "add set bridge dvs cut { type ifname . ifname; }\n"
		 "add chain bridge dvs forward { type filter hook forward priority 0; }\n"
		 "flush chain bridge dvs forward\n"
		 "add rule bridge dvs forward iifname . oifname @cut drop\n"
		 "add element bridge dvs cut %s\n%s%s%s",
		 pairs, cut ? "" : "delete element bridge dvs cut ", cut ? "" : pairs,
		 cut ? "" : "\n");
	return run(argv, lab_network(lab), batch, refusal);
}
