/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/source_members.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dvk/errors.h"
#include "os/socket.h"

#define STAT_EXIT_SIGNAL 38
#define STAT_EXIT_CODE	 52

struct lister {
	struct source_children *children;
	struct inventory *parent;
};

void source_children_free(struct source_children *children)
{
	free(children->child);
	*children = (struct source_children){ 0 };
}

static int add(struct source_children *children, pid_t pid, bool is_of_thread)
{
	if (children->count == children->capacity) {
		uint32_t capacity = children->capacity ? children->capacity * 2 : 16;
		struct source_child *bigger = realloc(children->child, capacity * sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		children->child = bigger;
		children->capacity = capacity;
	}
	assert(children->count < children->capacity);
	children->child[children->count++] = (struct source_child){ pid, is_of_thread };
	return 0;
}

/* A child belongs to the thread that has made it. */
static int list_of_thread(void *ctx, const char *task)
{
	struct lister *lister = ctx;
	struct procdir_text *text = &lister->parent->text;
	bool is_of_thread = strtol(task, NULL, 10) != lister->parent->pid;
	char name[48];
	int r = 0;

	snprintf(name, sizeof(name), "task/%.16s/children", task);
	if (procdir_read(lister->parent->dir, name, text) < 0)
		return 0;
	for (char *at = text->text, *end; *at && r == 0; at = end + strspn(end, " ")) {
		pid_t pid = (pid_t)strtol(at, &end, 10);

		if (end == at)
			break;
		r = add(lister->children, pid, is_of_thread);
	}
	return r;
}

int source_children_list(struct source_children *children, struct inventory *parent)
{
	struct lister lister = { children, parent };

	assert(parent->dir >= 0);
	return procdir_each(parent->dir, "task", list_of_thread, &lister);
}

static int count_thread(void *ctx, const char *name)
{
	(void)name;
	++*(unsigned *)ctx;
	return 0;
}

/* Its main thread may have ended before the others: then it lives. */
bool source_members_has_ended(pid_t pid)
{
	struct procdir_text text = { 0 };
	int dir = procdir_open(pid);
	unsigned threads = 0;
	bool ended = false;

	if (dir >= 0 && procdir_read(dir, "status", &text) == 0) {
		const char *state = procdir_field(text.text, "State");

		ended = state && (*state == 'Z' || *state == 'X') &&
			procdir_each(dir, "task", count_thread, &threads) == 0 && threads == 1;
	}
	procdir_text_free(&text);
	os_close(dir);
	return ended;
}

int source_members_read_ended(pid_t pid, struct image_member *member, struct refusal *refusal)
{
	struct procdir_text text = { 0 };
	int dir = procdir_open(pid);
	int r = dir < 0 ? dir : procdir_read(dir, "status", &text);

	*member = (struct image_member){ .ended = 1 };
	if (r == 0) {
		member->vpid = inventory_last_number(procdir_field(text.text, "NSpid"));
		member->session = inventory_last_number(procdir_field(text.text, "NSsid"));
		member->group = inventory_last_number(procdir_field(text.text, "NSpgid"));
		r = procdir_read(dir, "stat", &text);
	}
	if (r == 0) {
		member->exit_signal = (uint32_t)inventory_stat_field(text.text, STAT_EXIT_SIGNAL);
		member->status = (uint32_t)inventory_stat_field(text.text, STAT_EXIT_CODE);
	}
	procdir_text_free(&text);
	os_close(dir);
	return r < 0 ? refusal_set(
			       refusal, EDVSBUSY,
			       "child process %d, which has ended, cannot be looked at: %s; try "
			       "again",
			       (int)pid, strerror(-r))
		     : 0;
}
