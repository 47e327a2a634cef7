/* SPDX-License-Identifier: Apache-2.0 */

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ctl/labstate.h"
#include "os/pid.h"
#include "os/file.h"
#include "os/self.h"
#include "os/socket.h"

#define RUN_FOLDER "/run/dvs"
#define BOOT_FILE  "/proc/sys/kernel/random/boot_id"
#define BOOT_MAX   64
#define TEXT_MAX   16384

static bool print_task(const char *what, const struct lab_task *task, char *text, size_t size,
		       size_t *len)
{
	assert(*len < size);
	*len += (size_t)snprintf(text + *len, size - *len, "%s %d %llu %llu %llu\n", what,
				 task->task.pid, (unsigned long long)task->task.start,
				 (unsigned long long)task->net.inode,
				 (unsigned long long)task->net.cookie);
	return *len < size;
}

bool lab_print(const struct lab *lab, const char *boot, char *text, size_t size)
{
	size_t len = (size_t)snprintf(text, size, "dvs-lab 1\nboot %s\n", boot);
	char what[16];

	if (len >= size || (lab->hub.used && !print_task("switch", &lab->hub, text, size, &len)) ||
	    (lab->sequencer.used && !print_task("sequencer", &lab->sequencer, text, size, &len)))
		return false;
	for (int id = 0; id < LAB_NODES_MAX; id++) {
		snprintf(what, sizeof(what), "node %d", id);
		if (lab->node[id].used && !print_task(what, &lab->node[id], text, size, &len))
			return false;
	}
	for (int a = 0; a < LAB_NODES_MAX; a++) {
		for (int b = a + 1; b < LAB_NODES_MAX; b++) {
			if (!(lab->cut[a] >> b & 1))
				continue;
			len += (size_t)snprintf(text + len, size - len, "cut %d %d\n", a, b);
			if (len >= size)
				return false;
		}
	}
	if (lab->corosync)
		len += (size_t)snprintf(text + len, size - len, "corosync\n");
	if (len < size && lab->log_bytes)
		len += (size_t)snprintf(text + len, size - len, "log-bytes %d\n", lab->log_bytes);
	if (lab->plain && len < size)
		len += (size_t)snprintf(text + len, size - len, "plain\n");
	if (lab->ipv6 && len < size)
		len += (size_t)snprintf(text + len, size - len, "ipv6\n");
	return len < size;
}

static bool parse_task(struct lab_task *task, const char *text)
{
	unsigned long long start, inode, cookie;
	int pid;

	if (sscanf(text, "%d %llu %llu %llu", &pid, &start, &inode, &cookie) != 4 || pid < 0)
		return false;
	*task = (struct lab_task){
		.used = true,
		.task = { .pid = pid, .start = start },
		.net = { .inode = inode, .cookie = cookie },
	};
	return true;
}

static bool parse_line(struct lab *lab, const char *boot, const char *line)
{
	int a, b, at = 0;
	char name[BOOT_MAX];

	if (sscanf(line, "boot %63s", name) == 1) {
		lab->other_boot = strcmp(name, boot) != 0;
		return true;
	}
	if (!strncmp(line, "switch ", 7))
		return parse_task(&lab->hub, line + 7);
	if (!strncmp(line, "sequencer ", 10))
		return parse_task(&lab->sequencer, line + 10);
	if (!strcmp(line, "corosync"))
		return lab->corosync = true;
	if (sscanf(line, "node %d %n", &a, &at) == 1 && at)
		return a >= 0 && a < LAB_NODES_MAX && parse_task(&lab->node[a], line + at);
	if (!strcmp(line, "plain"))
		return lab->plain = true;
	if (!strcmp(line, "ipv6"))
		return lab->ipv6 = true;
	if (sscanf(line, "log-bytes %d", &a) == 1) {
		lab->log_bytes = a;
		return a >= CTL_LOG_LEAST && a <= CTL_LOG_MOST;
	}
	if (sscanf(line, "cut %d %d", &a, &b) == 2) {
		if (a < 0 || b < 0 || a >= LAB_NODES_MAX || b >= LAB_NODES_MAX)
			return false;
		lab->cut[a] |= (uint16_t)(1u << b);
		lab->cut[b] |= (uint16_t)(1u << a);
		return true;
	}
	return false;
}

bool lab_parse(struct lab *lab, const char *boot, const char *text)
{
	char line[160];
	size_t len;

	*lab = (struct lab){ .lock = -1 };
	if (strncmp(text, "dvs-lab 1\n", 10))
		return false;
	for (text += 10; *text; text += len + (text[len] == '\n')) {
		len = strcspn(text, "\n");
		if (len >= sizeof(line))
			return false;
		memcpy(line, text, len);
		line[len] = '\0';
		if (!parse_line(lab, boot, line))
			return false;
	}
	return true;
}

static void read_boot(char *boot)
{
	int len = os_file_read(BOOT_FILE, boot, BOOT_MAX);

	if (len <= 0)
		snprintf(boot, BOOT_MAX, "unknown");
	boot[strcspn(boot, "\n")] = '\0';
}

int lab_create(struct lab *lab, struct refusal *refusal)
{
	int r;

	*lab = (struct lab){ .lock = -1 };
	if (!os_self_is_root())
		return refusal_set(refusal, EDVSPERM,
				   "a lab makes network namespaces, which needs root: use sudo");
	r = os_folder_make(RUN_FOLDER);
	if (!r || r == -EEXIST)
		r = os_folder_make(LAB_FOLDER);
	if (r == -EEXIST)
		return refusal_set(refusal, EDVSEXIST,
				   "there is a lab on this machine already: end it with `dvs lab "
				   "down` first");
	if (!r)
		r = lab->lock = os_folder_lock(LAB_FOLDER);
	if (r < 0)
		return refusal_set(refusal, EDVSIO, "cannot make " LAB_FOLDER ": %s", strerror(-r));
	assert(lab->lock >= 0);
	return 0;
}

int lab_load(struct lab *lab, bool lock, struct refusal *refusal)
{
	char text[TEXT_MAX], boot[BOOT_MAX];
	int fd = -1, r;

	*lab = (struct lab){ .lock = -1 };
	if (lock && !os_self_is_root())
		return refusal_set(refusal, EDVSPERM, "a lab belongs to root: use sudo");
	if (lock)
		fd = os_folder_lock(LAB_FOLDER);
	if (fd == -ENOENT || !os_folder_exists(LAB_FOLDER))
		return refusal_set(refusal, EDVSNOENT,
				   "there is no lab on this machine: `dvs lab up` makes one");
	if (lock && fd < 0)
		return refusal_set(refusal, EDVSIO, "cannot lock " LAB_FOLDER ": %s",
				   strerror(-fd));
	read_boot(boot);
	r = os_file_read(LAB_STATE, text, sizeof(text));
	/* A lab that died before its first line has nothing that lives. */
	if (r >= 0 && !lab_parse(lab, boot, text)) {
		os_close(fd);
		return refusal_set(refusal, EDVSBADFILE,
				   LAB_STATE
				   " cannot be read: `dvs lab down` removes what it finds");
	}
	assert(!lock || fd >= 0);
	lab->lock = fd;
	return 0;
}

int lab_load_node(struct lab *lab, bool lock, int node, struct refusal *refusal)
{
	int r = lab_load(lab, lock, refusal);

	if (r < 0)
		return r;
	if (lab->other_boot || node < 0 || node >= LAB_NODES_MAX || !lab->node[node].used) {
		lab_unlock(lab);
		return refusal_set(refusal, EDVSBADNODEID,
				   "node %d is not in the lab: `dvs lab status` shows its nodes",
				   node);
	}
	return 0;
}

static pid_t living(const struct lab_task *task)
{
	return task->used && os_task_alive(&task->task) ? task->task.pid : 0;
}

pid_t lab_network(const struct lab *lab)
{
	pid_t pid = living(&lab->hub);

	return pid ? pid : living(&lab->sequencer);
}

bool lab_has_sequencer(const struct lab *lab)
{
	return lab->corosync || living(&lab->sequencer) != 0;
}

int lab_save(const struct lab *lab, struct refusal *refusal)
{
	char text[TEXT_MAX], boot[BOOT_MAX];
	int r;

	assert(lab->lock >= 0);
	read_boot(boot);
	r = lab_print(lab, boot, text, sizeof(text)) ? os_file_write(LAB_STATE, text) : -EFBIG;
	if (r < 0)
		return refusal_set_errno(refusal, r, "cannot write " LAB_STATE ": %s",
					 strerror(-r));
	return 0;
}

static int remove_carried(void)
{
	char pattern[64];

	snprintf(pattern, sizeof(pattern), LAB_CARRIED_FOLDER "/%llu-*",
		 (unsigned long long)os_pidns_of(0));
	int r = os_files_remove(pattern);

	os_folder_remove_empty(LAB_CARRIED_FOLDER);
	return r;
}

int lab_forget(struct lab *lab, struct refusal *refusal)
{
	int r = os_folder_remove(LAB_FOLDER);

	if (r >= 0)
		r = remove_carried();
	if (r >= 0)
		os_folder_remove_empty(RUN_FOLDER);
	lab_unlock(lab);
	if (r < 0)
		return refusal_set(refusal, EDVSIO, "cannot remove " LAB_FOLDER ": %s",
				   strerror(-r));
	return 0;
}

void lab_unlock(struct lab *lab)
{
	lab->lock = os_close(lab->lock);
}
