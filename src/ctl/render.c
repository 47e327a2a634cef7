/* SPDX-License-Identifier: Apache-2.0 */

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "ctl/program.h"
#include "ctl/render.h"
#include "ctl/signals.h"
#include "ctl/verb.h"
#include "os/clock.h"

struct flag_name {
	unsigned long bit;
	const char *name;
};

static const struct flag_name rts_names[] = {
	{ SLOT_FREE, "SLOT_FREE" },	{ NO_MAP, "NO_MAP" },	  { SENDING, "SENDING" },
	{ RECEIVING, "RECEIVING" },	{ SIGNALED, "SIGNALED" }, { SIG_PENDING, "SIG_PENDING" },
	{ P_STOP, "P_STOP" },		{ NO_PRIV, "NO_PRIV" },	  { NO_PRIORITY, "NO_PRIORITY" },
	{ NO_ENDPOINT, "NO_ENDPOINT" }, { ONCOPY, "ONCOPY" },	  { MIGRATING, "MIGRATING" },
	{ REMOTE, "REMOTE" },		{ RMTOPER, "RMTOPER" },	  { WAITMIGR, "WAITMIGR" },
	{ WAITUNBIND, "WAITUNBIND" },	{ WAITBIND, "WAITBIND" }, { 0, NULL },
};

static const struct flag_name misc_names[] = {
	{ MIS_PROXY, "PROXY" },		{ MIS_CONNECTED, "CONNECTED" },
	{ MIS_NOTIFY, "NOTIFY" },	{ MIS_NEEDMIG, "NEEDMIG" },
	{ MIS_RMTBACKUP, "RMTBACKUP" }, { MIS_GRPLEADER, "GRPLEADER" },
	{ MIS_KTHREAD, "KTHREAD" },	{ MIS_REPLICATED, "REPLICATED" },
	{ MIS_KILLED, "KILLED" },	{ MIS_WOKENUP, "WOKENUP" },
	{ MIS_USERMODE, "USERMODE" },	{ MIS_RMTINFO, "RMTINFO" },
	{ MIS_NOMIGRATE, "NOMIGRATE" }, { MIS_ATOMIC, "ATOMIC" },
	{ MIS_ENQUEUED, "ENQUEUED" },	{ 0, NULL },
};

static const char *render_flags(const struct flag_name *names, unsigned long flags,
				const char *none, char *buf, size_t size)
{
	size_t len = 0;

	assert(size);
	snprintf(buf, size, "%s", none);
	for (; names->name && len < size; names++) {
		if (!(flags & names->bit))
			continue;
		flags &= ~names->bit;
		len += (size_t)snprintf(buf + len, size - len, "%s%s", len ? "|" : "", names->name);
	}
	if (flags && len < size)
		snprintf(buf + len, size - len, "%s0x%lX", len ? "|" : "", flags);
	return buf;
}

const char *render_rts(unsigned long flags, char *buf, size_t size)
{
	return render_flags(rts_names, flags, "RUNNING", buf, size);
}

const char *render_misc(unsigned long flags, char *buf, size_t size)
{
	return render_flags(misc_names, flags, "-", buf, size);
}

const char *render_endpoint(int endpoint, char *buf, size_t size)
{
	assert(size);
	if (endpoint == ANY)
		snprintf(buf, size, "any");
	else if (endpoint == NONE)
		snprintf(buf, size, "-");
	else
		snprintf(buf, size, "%d", endpoint);
	return buf;
}

const char *render_set(unsigned long set, char *buf, size_t size)
{
	size_t len = 0;

	assert(size);
	snprintf(buf, size, "-");
	for (int n = 0; n < 32 && len < size; n++) {
		int last = n;

		if (!(set >> n & 1))
			continue;
		while (last < 31 && set >> (last + 1) & 1)
			last++;
		len += (size_t)snprintf(buf + len, size - len, "%s%d", len ? "," : "", n);
		if (last > n && len < size)
			len += (size_t)snprintf(buf + len, size - len, "%s%d",
						last > n + 1 ? "-" : ",", last);
		n = last;
	}
	return buf;
}

const char *render_time(uint64_t ns, char *buf, size_t size)
{
	assert(size);
	if (ns < 1000)
		snprintf(buf, size, "%llu ns", (unsigned long long)ns);
	else if (ns < 1000000)
		snprintf(buf, size, "%.1f us", (double)ns / 1e3);
	else if (ns < 1000000000)
		snprintf(buf, size, "%.2f ms", (double)ns / 1e6);
	else
		snprintf(buf, size, "%.2f s", (double)ns / 1e9);
	return buf;
}

const char *render_bytes(uint64_t bytes, char *buf, size_t size)
{
	assert(size);
	if (bytes < 1000)
		snprintf(buf, size, "%llu bytes", (unsigned long long)bytes);
	else if (bytes < 1000000)
		snprintf(buf, size, "%.1f kB", (double)bytes / 1e3);
	else
		snprintf(buf, size, "%.1f MB", (double)bytes / 1e6);
	return buf;
}

/* "?" for each byte that a string of the document cannot have; NULL: out of memory. */
static json_t *plain_text(const char *bytes, size_t length)
{
	char *plain = malloc(length + 1);
	json_t *string;

	if (!plain)
		return NULL;
	for (size_t i = 0; i < length; i++)
		plain[i] = (unsigned char)bytes[i] < 128 ? bytes[i] : '?';
	string = json_stringn(plain, length);
	free(plain);
	return string;
}

json_t *render_text(const char *text, size_t max)
{
	size_t len = strnlen(text, max);
	json_t *string = json_stringn(text, len);

	assert(max);
	return string ? string : plain_text(text, len);
}

static void set_bytes(json_t *object, const char *key, const char *bytes, size_t length)
{
	json_t *list = json_array();
	char name[32];

	for (size_t i = 0; i < length; i++)
		json_array_append_new(list, json_integer((unsigned char)bytes[i]));
	snprintf(name, sizeof(name), "%s_bytes", key);
	json_object_set_new(object, name, list);
}

json_t *render_with_bytes(json_t *object, const char *key, const char *text, size_t max)
{
	size_t len = strnlen(text, max);
	json_t *string = json_stringn(text, len);

	if (!string && object)
		set_bytes(object, key, text, len);
	json_decref(string);
	return object;
}

void render_output(json_t *object, const char *key, const char *bytes, size_t length)
{
	json_t *text = json_stringn(bytes, length);

	json_object_set_new(object, key, text ? text : plain_text(bytes, length));
	if (!text)
		set_bytes(object, key, bytes, length);
}

char *render_line(char *text)
{
	assert(text);
	for (char *at = text; *at; at++)
		if ((unsigned char)*at < 32 || *at == 127)
			*at = '?';
	return text;
}

const char *render_name(const char *text, char *buf, size_t size)
{
	assert(size);
	size_t len = strnlen(text, size - 1);

	memcpy(buf, text, len);
	buf[len] = '\0';
	return render_line(buf);
}

void render_end(json_t *object, int wait_status)
{
	int exited = signals_exit(wait_status), killer = signals_killer(wait_status);
	char name[32];

	json_object_set_new(object, "exit_status",
			    exited >= 0 ? json_integer(exited) : json_null());
	json_object_set_new(object, "signal",
			    killer ? json_string(signals_name(killer, name, sizeof(name)))
				   : json_null());
	json_object_set_new(object, "core", json_boolean(signals_core(wait_status)));
}

json_t *render_set_json(unsigned long set)
{
	json_t *list = json_array();

	for (int n = 0; n < 32; n++) {
		if (set >> n & 1)
			json_array_append_new(list, json_integer(n));
	}
	return list;
}

static bool answered;

bool render_answered(void)
{
	return answered;
}

int render_document(json_t *document)
{
	int r = document ? json_dumpf(document, stdout, 0) : -1;

	json_decref(document);
	assert(!answered);
	answered = true;
	if (!r)
		putchar('\n');
	/* Standard output that cannot be written is said by os_self_finish(), for every verb. */
	if (!r || ferror(stdout))
		return r ? REFUSED : DONE;
	fprintf(stderr,
		"%s: the answer could not be made into a document: out of memory (EDVSNOMEM)\n",
		program_name());
	return REFUSED;
}

static json_t *children_json(const struct ctl_proc_row *row)
{
	json_t *list = json_array();

	for (int i = 0; i < row->children && i < CTL_CHILDREN_MAX; i++)
		json_array_append_new(list, json_integer(row->child[i]));
	return list;
}

json_t *render_proc_json(const struct ctl_proc_row *row)
{
	const proc_usr_t *p = &row->proc;

	json_t *object =
		json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:I, s:I, s:i, s:i, s:i, s:i, s:i, s:o, "
			  "s:I, s:I, s:I, s:I, s:o, s:i, s:I}",
			  "dcid", p->p_dcid, "p_nr", p->p_nr, "endpoint", p->p_endpoint, "lpid",
			  p->p_lpid, "vpid", p->p_vpid, "node", p->p_nodeid, "flags",
			  (json_int_t)p->p_rts_flags, "misc", (json_int_t)p->p_misc_flags,
			  "getfrom", p->p_getfrom, "sendto", p->p_sendto, "waitmigr", p->p_waitmigr,
			  "waitunbind", p->p_waitunbind, "proxy", p->p_proxy, "name",
			  render_text(p->p_name, sizeof(p->p_name)), "lclsent",
			  (json_int_t)p->p_lclsent, "rmtsent", (json_int_t)p->p_rmtsent, "lclcopy",
			  (json_int_t)p->p_lclcopy, "rmtcopy", (json_int_t)p->p_rmtcopy, "nodemap",
			  render_set_json(p->p_nodemap), "owner", row->owner, "generation",
			  (json_int_t)row->generation);

	json_object_set_new(object, "children", children_json(row));
	json_object_set_new(object, "child_count",
			    row->children < 0 ? json_null() : json_integer(row->children));
	return render_with_bytes(object, "name", p->p_name, sizeof(p->p_name));
}

json_t *render_image_json(const struct ctl_image *image)
{
	json_t *object = json_pack(
		"{s:i, s:i, s:i, s:i, s:i, s:i, s:I, s:b, s:s, s:o, s:I, s:I, s:I, s:I, s:i, s:i, s:i, "
		"s:i, s:i, s:I}",
		"dcid", image->dcid, "endpoint", image->endpoint, "node", image->node, "pid",
		image->pid, "vpid", image->vpid, "made_on", image->made_on, "generation",
		(json_int_t)image->generation, "by_hand", (int)image->by_hand, "result",
		image->ended ? "ended" : "goes_on", "name",
		render_text(image->name, sizeof(image->name)), "taken_ns",
		(json_int_t)image->taken_ns, "image_bytes", (json_int_t)image->raw_bytes,
		"file_bytes", (json_int_t)image->file_bytes, "pages", (json_int_t)image->pages,
		"processes", (int)image->processes, "threads", (int)image->threads, "maps",
		(int)image->maps, "descriptors", (int)image->descriptors, "uid", (int)image->uid,
		"total_ns", (json_int_t)image->total_ns);

	return render_with_bytes(object, "name", image->name, sizeof(image->name));
}

const char *render_ago(int64_t since_ns, char *buf, size_t size)
{
	int64_t s = (os_realtime_ns() - since_ns) / OS_SECOND_NS;

	assert(size);
	if (s < 120)
		snprintf(buf, size, "%lld s ago", (long long)(s < 0 ? 0 : s));
	else if (s < 7200)
		snprintf(buf, size, "%lld min ago", (long long)(s / 60));
	else
		snprintf(buf, size, "%lld h ago", (long long)(s / 3600));
	return buf;
}

const char *render_result(const struct ctl_move *move)
{
	switch (move->result) {
	case CTL_MOVE_COMMITTED:
		return move->dry_run ? "possible" : "committed";
	case CTL_MOVE_ROLLED_BACK:
		return "rolled_back";
	default:
		return "refused";
	}
}

bool render_cpu_time(const struct ctl_move *move, char *buf, size_t size)
{
	assert(size);
	bool dry = move->dry_run != 0;
	char used[32];

	if (!move->cpu_limited && !move->cpu_timed)
		return false;
	snprintf(buf, size,
		 "the CPU time of endpoint %d %s anew on node %d, after %s on node %d%s%s",
		 move->endpoint, dry ? "would begin" : "begins", move->to,
		 render_time(move->cpu_used_ns, used, sizeof(used)), move->from,
		 !move->cpu_limited ? ""
		 : dry ? "; its limit of CPU time (RLIMIT_CPU) would be lowered by as much"
		       : "; its limit of CPU time (RLIMIT_CPU) is lowered by as much",
		 !move->cpu_timed ? ""
		 : dry		  ? "; its timers of CPU time would keep what they have left"
				  : "; its timers of CPU time keep what they had left");
	return true;
}

static uint32_t fellows_of(const struct ctl_move *move)
{
	return move->fellows < COMMAND_FELLOWS_MAX ? move->fellows : COMMAND_FELLOWS_MAX;
}

/* Of all that moved: the one that was asked for is the first. */
static json_t *endpoints_json(const struct ctl_move *move)
{
	json_t *endpoints = json_pack("[i]", move->endpoint);

	for (uint32_t i = 0; i < fellows_of(move); i++)
		json_array_append_new(endpoints, json_integer(move->fellow[i]));
	return endpoints;
}

bool render_fellows(const struct ctl_move *move, char *buf, size_t size)
{
	size_t used = 0;

	assert(size);
	buf[0] = 0;
	for (uint32_t i = 0; i < fellows_of(move) && used < size; i++)
		used += (size_t)snprintf(buf + used, size - used, "%s%d", i ? ", " : "",
					 move->fellow[i]);
	return fellows_of(move);
}

json_t *render_move_json(const struct ctl_move *move)
{
	static const char *const modes[] = { "stop", "pre", "post" };
	static const char *const engines[] = { "native", "criu" };

	json_t *object =
		json_pack("{s:i, s:i, s:i, s:i, s:s, s:s, s:s, s:i, s:i, s:I, s:I, s:I, s:I, s:I, "
			  "s:i, s:b, s:o, s:i, s:o, s:I, s:b, s:b, s:o}",
			  "dcid", move->dcid, "endpoint", move->endpoint, "from", move->from, "to",
			  move->to, "engine", engines[move->engine == CTL_ENGINE_CRIU], "mode",
			  modes[(unsigned)move->mode <= CTL_MODE_POST ? move->mode : 0], "result",
			  render_result(move), "pid", move->pid, "vpid", move->vpid, "total_ns",
			  (json_int_t)move->total_ns, "downtime_ns", (json_int_t)move->downtime_ns,
			  "transfer_ns", (json_int_t)move->transfer_ns, "image_bytes",
			  (json_int_t)move->image_bytes, "sent_bytes", (json_int_t)move->sent_bytes,
			  "rounds", (int)move->rounds, "dry_run", move->dry_run != 0, "name",
			  render_text(move->name, sizeof(move->name)), "error", move->error,
			  "reason", render_text(move->reason, sizeof(move->reason)), "cpu_used_ns",
			  (json_int_t)move->cpu_used_ns, "cpu_limit_lowered",
			  move->cpu_limited != 0, "cpu_timers", move->cpu_timed != 0, "endpoints",
			  endpoints_json(move));

	render_with_bytes(object, "name", move->name, sizeof(move->name));
	return render_with_bytes(object, "reason", move->reason, sizeof(move->reason));
}

const char *render_procs_row(const proc_usr_t *p, char *buf, size_t size)
{
	assert(size);
	snprintf(buf, size, "%2d %3d %5d %5ld/%-5ld %2d %4lX %4lX %5d %5d %5d %5d %-15.15s",
		 p->p_dcid, p->p_nr, p->p_endpoint, (long)p->p_lpid, (long)p->p_vpid, p->p_nodeid,
		 p->p_rts_flags, p->p_misc_flags, p->p_getfrom, p->p_sendto, p->p_waitmigr,
		 p->p_proxy, p->p_name);
	return render_line(buf);
}

const char *render_stats_row(const proc_usr_t *p, char *buf, size_t size)
{
	assert(size);
	snprintf(buf, size, "%2d %3d %5d %5ld/%-5ld %2d %8ld %8ld %8ld %8ld %-15.15s", p->p_dcid,
		 p->p_nr, p->p_endpoint, (long)p->p_lpid, (long)p->p_vpid, p->p_nodeid,
		 (long)p->p_lclsent, (long)p->p_rmtsent, (long)p->p_lclcopy, (long)p->p_rmtcopy,
		 p->p_name);
	return render_line(buf);
}
