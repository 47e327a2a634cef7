/* SPDX-License-Identifier: Apache-2.0 */

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "ctl/dc.h"
#include "ctl/labcorosync.h"
#include "ctl/labend.h"
#include "ctl/labnode.h"
#include "os/options.h"
#include "ctl/render.h"
#include "ctl/verb.h"
#include "os/clock.h"
#include "os/keyfile.h"
#include "os/self.h"

#define NODES_DEFAULT 2
#define START_MS      10000
#define DC_LOOKS      1000
#define GO_ON_MS      5

/* Does the node know container 0? It is told a moment after the one that was asked. */
static int has_dc(int id, bool *has, struct refusal *refusal)
{
	struct ctl_request request = client_request(CTL_DCINFO);
	dc_usr_t dc;
	int r;

	request.dcid = 0;
	r = client_call(id, &request, NULL, 0, &dc, sizeof(dc), refusal);
	*has = r >= 0 && dc.dc_flags == DC_RUNNING;
	return r;
}

static int make_dc(int nodes, struct refusal *refusal)
{
	const struct dc_wanted wanted = { .nodes = nodes >= 32 ? ~0u : (1u << nodes) - 1,
					  .uid = CTL_UNSAID,
					  .gid = CTL_UNSAID,
					  .mode = CTL_UNSAID };
	int r = dc_create(0, &wanted, refusal);

	assert(nodes >= 1 && nodes <= LAB_NODES_MAX);
	for (int id = 0, look = 0; r >= 0 && id < nodes && look < DC_LOOKS; look++) {
		bool has;

		r = has_dc(id, &has, refusal);
		id += has;
		if (r >= 0 && !has)
			os_self_sleep_ms(GO_ON_MS);
	}
	return r;
}

static int make_key(struct refusal *refusal)
{
	int r = os_keyfile_make(LAB_KEY);

	return r ? refusal_set_errno(refusal, -r, "cannot make " LAB_KEY ": %s", strerror(-r)) : 0;
}

/* The options of the user. */
struct wanted {
	int nodes, log_bytes; /* 0: the daemon's own choice */
	bool corosync, plain, ipv6;
};

static int up(const struct wanted *wanted, struct refusal *refusal)
{
	unsigned nodes = (1u << wanted->nodes) - 1;
	struct refusal unused = REFUSAL_NONE;
	struct lab lab;
	int r = lab_create(&lab, refusal);

	if (r < 0)
		return r;
	lab.log_bytes = wanted->log_bytes;
	lab.plain = wanted->plain;
	lab.ipv6 = wanted->ipv6;
	lab.corosync = wanted->corosync;
	r = lab.plain ? 0 : make_key(refusal);
	if (!r && lab.corosync)
		r = labcorosync_prepare(&lab, nodes, refusal);
	if (!r)
		r = labnode_start_switch(&lab, refusal);
	if (!r)
		r = labnode_start(&lab, nodes, START_MS, refusal);
	if (!r)
		r = make_dc(wanted->nodes, refusal);
	if (r < 0)
		labend_remove(&lab, &unused);
	else
		lab_unlock(&lab);
	return r;
}

int verb_lab_up(const struct verb *verb, int node, int argc, char **argv)
{
	const char *group = "local", *links = NULL;
	struct wanted wanted = { .nodes = NODES_DEFAULT, .log_bytes = -1 };
	bool json = false;
	const struct option_row rows[] = {
		VERB_JSON(&json),
		{ "nodes", 'n', OPTION_NUMBER, &wanted.nodes },
		{ "group", 0, OPTION_WORD, &group },
		{ "links", 0, OPTION_WORD, &links },
		{ "ipv6", 0, OPTION_FLAG, &wanted.ipv6 },
		{ "log-bytes", 0, OPTION_NUMBER, &wanted.log_bytes },
		VERB_OPTIONS_END,
	};
	int64_t start_ns = os_now_ns();
	struct refusal refusal = REFUSAL_NONE;
	int status;

	(void)node; /* the verb is about the machine, not about a node */
	status = verb_words(verb, rows, NULL, 0, argc, argv);
	if (status != GO_ON)
		return status;
	if (wanted.nodes < 1 || wanted.nodes > LAB_NODES_MAX)
		return verb_usage(verb, "--nodes is a number from 1 to %d", LAB_NODES_MAX);
	if (wanted.log_bytes >= 0 &&
	    (wanted.log_bytes < CTL_LOG_LEAST || wanted.log_bytes > CTL_LOG_MOST))
		return verb_usage(verb, "--log-bytes is a number from %d to %d, not %d",
				  CTL_LOG_LEAST, CTL_LOG_MOST, wanted.log_bytes);
	if (links && strcmp(links, "plain") != 0)
		return verb_usage(verb, "--links is plain, not %s; without it links prove a key",
				  links);
	if (links)
		fprintf(stderr,
			"dvs lab up: links are plain, which is for measuring only: whatever "
			"reaches the port of a node has it\n");
	wanted.corosync = !strcmp(group, "corosync");
	if (!wanted.corosync && strcmp(group, "local"))
		return verb_usage(verb, "--group is local or corosync, not %s", group);
	wanted.plain = links;
	if (wanted.log_bytes < 0)
		wanted.log_bytes = 0;
	if (up(&wanted, &refusal) < 0)
		return verb_refuse(&refusal);
	if (json)
		return render_document(json_pack("{s:i, s:s, s:I}", "nodes", wanted.nodes, "group",
						 group, "start_ns",
						 (json_int_t)(os_now_ns() - start_ns)));
	printf("%d nodes are up after %.2f s; container 0 runs on all of them\n", wanted.nodes,
	       (double)(os_now_ns() - start_ns) / OS_SECOND_NS);
	return DONE;
}
