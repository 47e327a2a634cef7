/* SPDX-License-Identifier: Apache-2.0 */

/* The daemon as a service: the settings that it takes over while it runs, and the words for its manager. */

#include "node/service.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/test.h"
#include "node/node.h"
#include "os/log.h"
#include "os/loop.h"
#include "os/notify.h"

#define GOOD "id = 3\naddress = 10.0.0.1\ngroup = local:x\nkey = k\n"

static struct node node;
static char path[] = "/tmp/dvs.service.XXXXXX";
static int64_t watchdog_us;
static unsigned ready, reloading, alive, stopping;
static char status[64];

/* In place of those that tell the manager. */
void os_notify_ready(const char *now)
{
	ready++;
	snprintf(status, sizeof(status), "%s", now);
	os_loop_stop(node.loop);
}

void os_notify_reloading(void)
{
	reloading++;
}

void os_notify_stopping(const char *now)
{
	(void)now;
	stopping++;
}

void os_notify_alive(void)
{
	if (++alive == 3)
		os_loop_stop(node.loop);
}

int64_t os_notify_watchdog_us(void)
{
	return watchdog_us;
}

bool os_notify_is_journal(void)
{
	return false;
}

static void put(const char *text)
{
	FILE *file = fopen(path, "w");

	CHECK_OR_RETURN(file);
	CHECK(fputs(text, file) >= 0);
	CHECK_EQ(fclose(file), 0);
}

/* The lock is held, as in the daemon. */
static void set_up(bool with_file)
{
	char program[] = "dvsd", config[] = "--config";
	char *words[] = { program, config, path, NULL };

	memset(&node, 0, sizeof(node));
	os_lock_init(&node.lock);
	node_lock(&node);
	ready = reloading = alive = stopping = 0;
	node.options.id = 3;
	put(GOOD "log-bytes = 4096\nlog-level = error\n");
	CHECK_EQ(node_settings_read(&node.options.settings, 3, words), -1);
	node.options.argv = node_settings_words(&node.options.settings);
	node.options.log_bytes = 4096;
	if (!with_file)
		node.options.settings.config[0] = '\0';
	CHECK_EQ(os_loop_new(&node.loop, &node.lock), 0);
	CHECK_EQ(service_start(&node), 0);
}

static void run(void)
{
	node_unlock(&node);
	CHECK_EQ(os_loop_run(node.loop), 0);
	node_lock(&node);
}

static void tear_down(void)
{
	os_source_free(node.life.hangup);
	os_source_free(node.life.watchdog);
	os_loop_free(node.loop);
	node_unlock(&node);
	watchdog_us = 0;
}

static void on_time(void *ctx)
{
	os_loop_stop(ctx);
}

/* The signal comes: the loop runs until the manager was told the end, or that nothing is done. */
static void hang_up(bool is_answered)
{
	struct os_source *timer;

	CHECK_EQ(os_source_timer(node.loop, is_answered ? 20000000 : 50000, on_time, node.loop,
				 &timer),
		 0);
	CHECK_EQ(kill(getpid(), SIGHUP), 0);
	run();
	os_source_free(timer);
	CHECK_EQ(ready, is_answered);
}

static void test_settings_are_read_again(void)
{
	set_up(true);
	put(GOOD "log-bytes = 8192\nlog-level = warn\n");
	hang_up(true);
	CHECK_EQ(reloading, 1);
	CHECK(!strcmp(status, "node 3 is a member"));
	CHECK_EQ(node.options.log_bytes, 8192);
	CHECK_EQ(node.options.settings.log_level, OS_LOG_WARN);
	CHECK(!node.life.reloading);
	ready = 0;
	hang_up(true); /* and the next time as well */
	CHECK_EQ(reloading, 2);
	tear_down();
}

static void test_a_wrong_file_changes_nothing(void)
{
	set_up(true);
	put(GOOD "log-bytes = 8192\nlog-level = loud\n");
	hang_up(true);
	CHECK_EQ(reloading, 1); /* its manager hears the end of that, too */
	CHECK_EQ(node.options.log_bytes, 4096);
	CHECK_EQ(node.options.settings.log_level, OS_LOG_ERROR);
	CHECK(!node.life.reloading);
	tear_down();
}

static void test_without_a_file(void)
{
	set_up(false);
	hang_up(false);
	CHECK_EQ(reloading, 0);
	tear_down();
}

/* Without settings of a file its key file alone is a reason; its content is known to node/keys. */
static void test_keys_are_read_again(void)
{
	char nowhere[] = "/nonexistent/key";

	set_up(false);
	node.keys.lock = &node.lock;
	node.keys.path = nowhere;
	hang_up(true);
	CHECK_EQ(reloading, 1);
	CHECK_EQ(node.keys.reads, 1);
	CHECK_EQ(node.keys.taken, 0);
	tear_down();
}

/* The one that is under way ends with the word that the manager waits for. */
static void test_one_at_a_time(void)
{
	set_up(true);
	node.life.reloading = true;
	hang_up(false);
	CHECK_EQ(reloading, 0);
	CHECK(node.life.reload_again); /* its file may be another one now */
	tear_down();
}

/* The manager hears of the daemon twice in each interval, again and again; without a watchdog it does not. */
static void test_watchdog(void)
{
	watchdog_us = 20000;
	set_up(true);
	CHECK_EQ(node.life.watchdog_us, 10000);
	run();
	CHECK_EQ(alive, 3);
	tear_down();
	set_up(true);
	CHECK(!node.life.watchdog);
	tear_down();
}

/* A manager that was told would kill the next life. */
static void test_end_is_told_unless_it_begins_anew(void)
{
	set_up(true);
	node.life.begins_anew = true;
	service_stopping(&node);
	CHECK_EQ(stopping, 0);
	node.life.begins_anew = false;
	service_stopping(&node);
	CHECK_EQ(stopping, 1);
	tear_down();
}

int main(void)
{
	int fd = mkstemp(path);

	if (fd < 0)
		return 1;
	close(fd);
	TEST(test_settings_are_read_again);
	TEST(test_a_wrong_file_changes_nothing);
	TEST(test_without_a_file);
	TEST(test_keys_are_read_again);
	TEST(test_one_at_a_time);
	TEST(test_watchdog);
	TEST(test_end_is_told_unless_it_begins_anew);
	unlink(path);
	return test_end();
}
