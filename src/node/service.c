/* SPDX-License-Identifier: Apache-2.0 */
#include "node/service.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/refusal.h"
#include "node/node.h"
#include "os/lock.h"
#include "os/log.h"
#include "os/loop.h"
#include "os/notify.h"
#include "os/signals.h"
#include "os/threads.h"

void service_ready(const struct node *node)
{
	char status[64];

	assert(os_lock_protects());
	snprintf(status, sizeof(status), "node %d is a member", node->options.id);
	os_notify_ready(status);
}

void service_stopping(const struct node *node)
{
	assert(os_lock_protects());
	if (!node->life.begins_anew)
		os_notify_stopping("its processes are ended");
}

/* Run by the loop with the lock held: a thread that keeps the lock keeps the watchdog from hearing of us. */
static void on_watchdog(void *ctx)
{
	struct life *life = ctx;

	assert(life->watchdog_us > 0);
	os_notify_alive();
	os_timer_set(life->watchdog, life->watchdog_us);
}

static void take_over(struct node *node, const struct node_settings *now)
{
	assert(os_lock_protects());
	node->options.settings = *now;
	node->options.log_bytes = (uint32_t)now->log_bytes;
	os_log_set_level((enum os_log_level)now->log_level);
	/* A successor begins with them as well. */
	node->options.argv = node_settings_words(&node->options.settings);
}

static void read_settings(struct node *node)
{
	struct node_settings now;
	char why[512];
	bool good;

	assert(!os_lock_is_held());
	node_lock(node);
	now = node->options.settings;
	node_unlock(node);
	if (!now.config[0])
		return;
	good = node_settings_again(&now, why, sizeof(why));
	node_lock(node);
	if (good)
		take_over(node, &now);
	if (good && !why[0])
		os_log(OS_LOG_INFO, "%s was read again", now.config);
	else
		os_log(OS_LOG_WARN, "%s%s", why, good ? "" : "; the settings stay as they were");
	node_unlock(node);
}

/* In a thread of its own, because the disk may keep it waiting. */
static void *reload(void *ctx)
{
	struct node *node = ctx;
	struct refusal logged = REFUSAL_NONE;
	struct ctl_keys keys;
	bool again;

	do {
		read_settings(node);
		if (keys_have_file(&node->keys))
			keys_read_again(&node->keys, &keys, &logged);
		node_lock(node);
		again = node->life.reload_again;
		node->life.reload_again = false;
		if (!again) {
			node->life.reloading = false;
			service_ready(node);
		}
		node_unlock(node);
	} while (again);
	return NULL;
}

static void on_hangup(void *ctx)
{
	struct node *node = ctx;

	if (!node->options.settings.config[0] && !keys_have_file(&node->keys)) {
		os_log(OS_LOG_INFO, "there is no file of settings or keys to read again");
		return;
	}
	/* The file may have changed since it was read. */
	node->life.reload_again = node->life.reloading;
	if (node->life.reloading)
		return;
	os_notify_reloading();
	node->life.reloading = true;
	if (os_thread_start(reload, node) < 0) {
		os_log(OS_LOG_ERROR, "there is no memory to read the settings again");
		node->life.reloading = false;
		service_ready(node);
	}
}

int service_start(struct node *node)
{
	struct life *life = &node->life;
	int r = os_source_signal(node->loop, OS_SIGHUP, on_hangup, node, &life->hangup);

	/* Two chances in each interval. */
	life->watchdog_us = os_notify_watchdog_us() / 2;
	if (r == 0 && life->watchdog_us)
		r = os_source_timer(node->loop, 0, on_watchdog, life, &life->watchdog);
	return r;
}
