/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/glance.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/crew.h"
#include "os/pid.h"
#include "os/procdir.h"
#include "os/socket.h"

struct glancing {
	const struct kind_seen *of;
	const int *number;
	struct glance *glance;
	struct procdir_text text[OS_CREW_WORKERS_MAX]; /* of each worker */
};

static int read_link(struct glance *glance)
{
	char link[IMAGE_PATH_MAX];
	int r = (int)procdir_link(glance->seen.dir, glance->entry, link, sizeof(link));

	if (r >= (int)sizeof(link) - 1)
		return -ENAMETOOLONG;
	if (r < 0)
		return r;
	glance->link = strdup(link);
	return glance->link ? 0 : -ENOMEM;
}

static int read_info(struct glance *glance, struct procdir_text *text)
{
	char name[40];

	snprintf(name, sizeof(name), "fdinfo/%d", glance->seen.number);
	int r = procdir_read(glance->seen.dir, name, text);

	if (r < 0)
		return r;
	glance->info = strdup(text->text);
	return glance->info ? 0 : -ENOMEM;
}

static void look(struct glance *glance, struct procdir_text *text)
{
	struct kind_seen *seen = &glance->seen;

	assert(seen->dir > 0);
	snprintf(glance->entry, sizeof(glance->entry), "fd/%d", seen->number);
	glance->r = read_link(glance);
	if (glance->r == 0)
		glance->r = os_status_at(seen->dir, glance->entry, &glance->status);
	if (glance->r == 0)
		glance->r = read_info(glance, text);
	if (glance->r)
		return;
	seen->entry = glance->entry;
	seen->link = glance->link;
	seen->status = &glance->status;
	seen->info = glance->info;
	if (strncmp(glance->link, "socket:[", 8))
		return;
	seen->socket = os_pid_descriptor(seen->pid, seen->number);
	kind_find_alone(seen, &glance->known);
	seen->known = &glance->known;
}

static void look_at_some(void *ctx, uint32_t worker, uint32_t from, uint32_t to)
{
	struct glancing *glancing = ctx;

	os_pid_keep();
	for (uint32_t i = from; i < to; i++) {
		struct glance *glance = &glancing->glance[i];

		*glance = (struct glance){ .seen = *glancing->of };
		glance->seen.number = glancing->number[i];
		glance->seen.socket = -1;
		look(glance, &glancing->text[worker]);
	}
	os_pid_let_go();
}

void glance_take(const struct kind_seen *of, const int *number, uint32_t count,
		 struct glance *glance)
{
	struct glancing glancing = { .of = of, .number = number, .glance = glance };

	assert(count <= GLANCE_MOST);
	os_crew(count, look_at_some, &glancing);
	for (uint32_t i = 0; i < OS_CREW_WORKERS_MAX; i++)
		procdir_text_free(&glancing.text[i]);
}

void glance_end(struct glance *glance, uint32_t count)
{
	assert(count <= GLANCE_MOST);
	for (uint32_t i = 0; i < count; i++) {
		os_close(glance[i].seen.socket);
		free(glance[i].link);
		free(glance[i].info);
	}
}
