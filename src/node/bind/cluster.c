/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/result.h"
#include "base/right.h"
#include "dvk.h"
#include "node/bind/binding.h"
#include "node/calls.h"
#include "node/state/life.h"
#include "node/task/caller.h"
#include "node/state/order.h"
#include "node/ask/request.h"

/* Calls that change the shared state, each one command of the order. */

static const char *why(const struct order *order, int code)
{
	switch (code) {
	case EDVSBADDCID:
		return "the DC number is out of range 0 to 31";
	case EDVSRSCBUSY:
		return "a DC of this number or name runs already, or it has all its nodes";
	case EDVSDCNOTRUN:
		return "the DC is not running (dvs dc lists those that are)";
	case EDVSBADNODEID:
		return "a node named is not up, or is this one (dvs nodes lists them)";
	case EDVSDCNODE:
		return "the node already is, or is not, a member of the DC";
	case EDVSNODEFREE:
		return "the node is not up";
	case EDVSBADRANGE:
		return "the numbers of slots do not fit together";
	case EDVSBADVALUE:
		return "a mode has three digits of 0 to 7, as that of a file";
	case EDVSNOSPC:
		return "it has as many addresses as a DC may have";
	case EDVSNAMESIZE:
		return "the name is longer than 15 characters";
	}
	return order_why(order, code);
}

/* With the words for an address, which names its user. */
static void refuse_address(struct order *order, struct request *request,
			   const struct address_net *net, int code)
{
	char text[ADDRESS_NET_TEXT];
	int dcid = request->head.dcid;
	int user = directory_service_dc(&order->directory, net->address);
	int node = directory_address_node(&order->directory, net->address);

	address_net_print(net, text);
	if (code == EDVSADDRINUSE && user >= 0)
		request_fail(
			request, EDVSADDRINUSE,
			"DC %d was not made: the address %s is one of DC %d; take another one, "
			"or remove that DC",
			dcid, text, user);
	else if (code == EDVSADDRINUSE && node >= 0)
		request_fail(
			request, EDVSADDRINUSE,
			"DC %d was not made: the address %s is that of node %d itself; take one "
			"that no machine has",
			dcid, text, node);
	else
		request_fail_number(request, code, "DC %d was not made with the address %s: %s",
				    dcid, text, why(order, code));
}

static void changed(struct order *order, void *ctx, const struct directory_result *result)
{
	struct request *request = ctx;

	if (result->code < 0)
		request_fail_number(request, result->code, "DC %d was not changed: %s",
				    request->head.dcid, why(order, result->code));
	else
		request_end(request, request->head.call == CTL_DCINIT ? order->self : 0, NULL, 0,
			    NULL, 0);
}

/* A DC that is made with addresses: they are given to it one after the other, or it is removed again. */
struct making {
	struct request *request;
	struct ctl_dc_make make;
	uint32_t given;
	int code; /* the refusal of an address */
};

static void give_address(struct making *making);

static void address_given(struct order *order, void *ctx, const struct directory_result *result)
{
	struct making *making = ctx;

	(void)order;
	making->code = result->code;
	making->given += result->code >= 0;
	give_address(making);
}

/* The first refusal is the one that is told. */
static void unmade(struct order *order, void *ctx, const struct directory_result *result)
{
	struct making *making = ctx;

	(void)result;
	refuse_address(order, making->request, &making->make.service[making->given], making->code);
	free(making);
}

static void give_address(struct making *making)
{
	struct request *request = making->request;
	struct order *order = request->requests->order;
	const struct address_net *net = &making->make.service[making->given];
	struct command cmd = { .kind = COMMAND_DC_ADDRESS, .dcid = request->head.dcid };

	assert(making->given <= making->make.service_count);
	if (making->code < 0) {
		cmd.kind = COMMAND_DC_REMOVE;
		order_propose(order, &cmd, &request->user, unmade, making);
	} else if (making->given == making->make.service_count) {
		request_end(request, order->self, NULL, 0, NULL, 0);
		free(making);
	} else {
		cmd.address = net->address;
		cmd.value = net->prefix;
		order_propose(order, &cmd, &request->user, address_given, making);
	}
}

static void made(struct order *order, void *ctx, const struct directory_result *result)
{
	struct making *making = ctx;

	if (result->code >= 0) {
		give_address(making);
		return;
	}
	changed(order, making->request, result);
	free(making);
}

/* Addresses that are wrong, or in use as far as this node knows, are refused before anything is made. */
static int check_addresses(struct request *request, const struct ctl_dc_make *make)
{
	struct order *order = request->requests->order;

	if (make->service_count > CTL_SERVICES_MAX) {
		request_fail(request, EDVSBADREQUEST, "the request is malformed");
		return -1;
	}
	for (uint32_t i = 0; i < make->service_count; i++) {
		const struct address_net *net = &make->service[i];
		int code = 0;

		if (address_net_check(net)) {
			request_fail(request, EDVSBADREQUEST, "the request is malformed");
			return -1;
		}
		if (directory_service_dc(&order->directory, net->address) >= 0 ||
		    directory_address_node(&order->directory, net->address) >= 0)
			code = EDVSADDRINUSE;
		if (code) {
			refuse_address(order, request, net, code);
			return -1;
		}
	}
	return 0;
}

/* Proposes the DC, and its addresses. */
static void make_dc(struct request *request, const struct command *cmd,
		    const struct ctl_dc_make *make)
{
	struct making *making;

	if (!make->service_count) {
		order_propose(request->requests->order, cmd, &request->user, changed, request);
		return;
	}
	making = calloc(1, sizeof(*making));
	if (!making) {
		request_fail(request, EDVSALLOCMEM, "no memory");
		return;
	}
	*making = (struct making){ .request = request, .make = *make };
	order_propose(request->requests->order, cmd, &request->user, made, making);
}

static int nodes_up(const struct order *order)
{
	int count = 0;

	for (int i = 0; i < NR_NODES; i++)
		count += order->directory.node[i].up;
	return count;
}

/* The numbers before the name, as the contract has it. */
static int dc_check(struct request *request, const dc_usr_t *dc)
{
	if (dc->dc_dcid < 0 || dc->dc_dcid >= SHM_DCS) /* BADRANGE to a program: see dvk_dc_init */
		request_fail(request, EDVSBADDCID, "DC %d was not changed: %s", dc->dc_dcid,
			     why(request->requests->order, EDVSBADDCID));
	else if (dc->dc_nr_procs < 1 || dc->dc_nr_procs > NR_PROCS || dc->dc_nr_tasks < 0 ||
		 dc->dc_nr_tasks > NR_TASKS || dc->dc_nr_sysprocs < 0 ||
		 dc->dc_nr_sysprocs > NR_SYS_PROCS || dc->dc_nr_nodes < 1 ||
		 dc->dc_nr_nodes > NR_NODES ||
		 dc->dc_nr_sysprocs >= dc->dc_nr_procs + dc->dc_nr_tasks ||
		 dc->dc_nr_sysprocs <= dc->dc_nr_tasks)
		request_fail(request, EDVSBADRANGE, "DC %d was not changed: %s", dc->dc_dcid,
			     why(request->requests->order, EDVSBADRANGE));
	else if (!memchr(dc->dc_name, 0, sizeof(dc->dc_name)))
		request_fail(request, EDVSNAMESIZE, "DC %d was not changed: %s", dc->dc_dcid,
			     why(request->requests->order, EDVSNAMESIZE));
	else
		return 0;
	return -1;
}

/* Where the command line says no other, the DC is the asker's. */
static void set_owner(struct command *cmd, const struct ctl_dc_make *make)
{
	if (make->uid != CTL_UNSAID)
		cmd->uid = make->uid;
	if (make->gid != CTL_UNSAID)
		cmd->gid = make->gid;
	if (make->mode != CTL_UNSAID)
		cmd->mode = (uint16_t)(make->mode > RIGHT_MODE_MOST ? UINT16_MAX : make->mode);
}

static void set_numbers(struct command *cmd, const struct request *request, const dc_usr_t *dc)
{
	cmd->flags = COMMAND_FLAG_EXACT;
	if (!(request->head.flags & CTL_FLAG_CREATE))
		cmd->flags |= COMMAND_FLAG_STATED;
	else if (!(request->head.flags & CTL_FLAG_CLASSIC))
		cmd->flags |= COMMAND_FLAG_SERVE;
	if (!cmd->nodes && nodes_up(request->requests->order) > dc->dc_nr_nodes)
		cmd->nodes = 1u << request->requests->order->self;
	cmd->dcid = dc->dc_dcid;
	cmd->nr_procs = (int16_t)dc->dc_nr_procs;
	cmd->nr_tasks = (int16_t)dc->dc_nr_tasks;
	cmd->nr_sysprocs = (int16_t)dc->dc_nr_sysprocs;
	cmd->nr_nodes = (int16_t)dc->dc_nr_nodes;
	cmd->warn2proc = dc->dc_warn2proc;
	cmd->warnmsg = dc->dc_warnmsg;
	memcpy(cmd->name, dc->dc_name, sizeof(cmd->name));
}

/* A program says the numbers alone, with which the words of the command line begin. False: none of both came. */
static bool take_make(const struct request *request, struct ctl_dc_make *make)
{
	size_t len = request->head.payload_bytes;

	_Static_assert(!offsetof(struct ctl_dc_make, dc), "the numbers come first");
	if (len != sizeof(make->dc) && len != sizeof(*make))
		return false;
	memcpy(make, request->payload, len);
	return true;
}

/* bytes: bitmap of nodes for the command line; a program's DC begins on all nodes
 * that are up, or here if it cannot have so many. */
void handle_dcinit(struct request *request)
{
	struct command cmd = { .kind = COMMAND_DC_CREATE,
			       .dcid = request->head.dcid,
			       .nodes = (uint32_t)request->head.bytes,
			       .uid = request->uid,
			       .gid = request->gid,
			       .mode = RIGHT_MODE_DEFAULT,
			       .warn2proc = NONE,
			       .warnmsg = -1 };
	struct ctl_dc_make make = { .uid = CTL_UNSAID, .gid = CTL_UNSAID, .mode = CTL_UNSAID };

	if (take_make(request, &make)) {
		if (dc_check(request, &make.dc) < 0 || check_addresses(request, &make) < 0)
			return;
		set_numbers(&cmd, request, &make.dc);
		set_owner(&cmd, &make);
		request->head.dcid = make.dc.dc_dcid;
	} else {
		memcpy(cmd.name, request->head.name, sizeof(cmd.name));
	}
	cmd.name[sizeof(cmd.name) - 1] = 0;
	make_dc(request, &cmd, &make);
}

static void propose(struct request *request, enum command_kind kind)
{
	struct command cmd = { .kind = (uint16_t)kind,
			       .dcid = request->head.dcid,
			       .node = request->head.nodeid };

	order_propose(request->requests->order, &cmd, &request->user, changed, request);
}

void handle_dcend(struct request *request)
{
	propose(request, COMMAND_DC_REMOVE);
}

void handle_addnode(struct request *request)
{
	propose(request, COMMAND_ADD_NODE);
}

void handle_delnode(struct request *request)
{
	propose(request, COMMAND_DEL_NODE);
}

void handle_shutdown(struct request *request)
{
	struct bindings *bindings = binding_part(request);

	request_end(request, 0, NULL, 0, NULL, 0);
	life_stop(bindings->life);
}
