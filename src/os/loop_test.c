// SPDX-License-Identifier: Apache-2.0
#include "os/loop.h"

#include <pthread.h>
#include <signal.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/test.h"
#include "os/clock.h"
#include "os/socket.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct os_loop *loop;

/* The events that the callbacks of one test saw. */
static struct {
	struct os_source *source, *other;
	int calls, limit;
	char order[16];
	int order_count;
} seen;

static void setup(void)
{
	seen = (typeof(seen)){ 0 };
	CHECK(!os_loop_new(&loop, &lock));
}

static void teardown(void)
{
	pthread_mutex_lock(&lock);
	seen.source = os_source_free(seen.source);
	seen.other = os_source_free(seen.other);
	pthread_mutex_unlock(&lock);
	loop = os_loop_free(loop);
	CHECK(loop == NULL);
}

static void on_pipe(void *ctx, int fd, int events)
{
	char c;

	CHECK(ctx == &seen);
	CHECK_EQ(events, OS_READ);
	CHECK(pthread_mutex_trylock(&lock) != 0); /* held for us */
	CHECK_EQ(read(fd, &c, 1), 1);
	if (++seen.calls == seen.limit)
		os_loop_stop(loop);
}

static void test_io_is_level_triggered(void)
{
	int fds[2];

	setup();
	CHECK(!pipe(fds));
	seen.limit = 3;
	CHECK_EQ(os_source_io(loop, fds[0], OS_READ, on_pipe, &seen, &seen.source), 0);
	CHECK_EQ(write(fds[1], "abc", 3), 3);
	CHECK_EQ(os_loop_run(loop), 0);
	CHECK_EQ(seen.calls, 3);
	teardown();
	close(fds[0]);
	close(fds[1]);
}

static void on_write_then_read(void *ctx, int fd, int events)
{
	(void)ctx;
	seen.order[seen.order_count++] = events == OS_WRITE ? 'w' : 'r';
	if (events == OS_WRITE) {
		CHECK_EQ(write(fd, "x", 1), 1);
		CHECK_EQ(os_source_set(seen.source, OS_READ), 0);
		return;
	}
	CHECK_EQ(os_source_set(seen.source, 0), 0);
	os_loop_stop(loop);
}

static void test_change_of_interest(void)
{
	int pair[2];
	char c;

	setup();
	CHECK(!os_unix_pair(OS_STREAM, pair));
	CHECK_EQ(os_source_io(loop, pair[0], OS_WRITE, on_write_then_read, NULL, &seen.source), 0);
	CHECK_EQ(write(pair[1], "y", 1), 1);
	CHECK_EQ(os_loop_run(loop), 0);
	CHECK_EQ(seen.order_count, 2);
	CHECK_EQ(seen.order[0], 'w');
	CHECK_EQ(seen.order[1], 'r');
	CHECK_EQ(read(pair[1], &c, 1), 1);
	teardown();
	close(pair[0]);
	close(pair[1]);
}

static void on_free_self(void *ctx, int fd, int events)
{
	(void)ctx;
	(void)fd;
	(void)events;
	seen.calls++;
	seen.source = os_source_free(seen.source);
	seen.other = os_source_free(seen.other);
	os_loop_stop(loop);
}

/* Both are ready at once; the one called first frees both, and the other may not be called. */
static void test_free_in_callback(void)
{
	int a[2], b[2];

	setup();
	CHECK(!pipe(a) && !pipe(b));
	CHECK_EQ(write(a[1], "x", 1), 1);
	CHECK_EQ(write(b[1], "x", 1), 1);
	CHECK_EQ(os_source_io(loop, a[0], OS_READ, on_free_self, NULL, &seen.source), 0);
	CHECK_EQ(os_source_io(loop, b[0], OS_READ, on_free_self, NULL, &seen.other), 0);
	CHECK_EQ(os_loop_run(loop), 0);
	CHECK_EQ(seen.calls, 1);
	teardown();
	for (int i = 0; i < 2; i++) {
		close(a[i]);
		close(b[i]);
	}
}

static void on_timer_order(void *ctx)
{
	seen.order[seen.order_count++] = *(char *)ctx;
	if (seen.order_count == seen.limit)
		os_loop_stop(loop);
}

static void test_timers(void)
{
	struct os_source *never = NULL;
	char a = 'a', b = 'b', n = 'n';
	int64_t start = os_now_ns();

	setup();
	seen.limit = 3;
	CHECK_EQ(os_source_timer(loop, 30000, on_timer_order, &b, &seen.source), 0);
	CHECK_EQ(os_source_timer(loop, -1, on_timer_order, &a, &seen.other), 0);
	CHECK_EQ(os_source_timer(loop, 10000, on_timer_order, &n, &never), 0);
	CHECK_EQ(os_timer_set(seen.other, 2000), 0);
	CHECK_EQ(os_timer_set(never, -1), 0);
	seen.limit = 2;
	CHECK_EQ(os_loop_run(loop), 0);
	CHECK(os_now_ns() - start >= 30 * OS_MS_NS);
	CHECK_EQ(seen.order[0], 'a');
	CHECK_EQ(seen.order[1], 'b');
	seen.limit = 3;
	CHECK_EQ(os_timer_set(seen.other, 0), 0);
	CHECK_EQ(os_loop_run(loop), 0);
	CHECK_EQ(seen.order[2], 'a');
	os_source_free(never);
	teardown();
}

static void test_signal(void)
{
	char s = 's';

	setup();
	seen.limit = 1;
	CHECK_EQ(os_source_signal(loop, SIGUSR1, on_timer_order, &s, &seen.source), 0);
	raise(SIGUSR1);
	CHECK_EQ(os_loop_run(loop), 0);
	CHECK_EQ(seen.order_count, 1);
	teardown();
}

static void on_posted(void *ctx)
{
	char *c = ctx;

	on_timer_order(ctx);
	if (*c == 'x') {
		*c = 'y';
		CHECK_EQ(os_loop_post(loop, on_posted, c), 0);
	}
}

static void test_post_keeps_order(void)
{
	char a = 'a', x = 'x', c = 'c';

	setup();
	seen.limit = 4;
	CHECK_EQ(os_loop_post(loop, on_posted, &a), 0);
	CHECK_EQ(os_loop_post(loop, on_posted, &x), 0);
	CHECK_EQ(os_loop_post(loop, on_posted, &c), 0);
	CHECK_EQ(os_loop_run(loop), 0);
	CHECK_EQ(seen.order_count, 4);
	CHECK_EQ(seen.order[0], 'a');
	CHECK_EQ(seen.order[1], 'x');
	CHECK_EQ(seen.order[2], 'c');
	CHECK_EQ(seen.order[3], 'y');
	CHECK_EQ(os_loop_post(loop, on_posted, &a), 0); /* left there: freed with the loop */
	teardown();
}

static void on_storm(void *ctx, int fd, int events)
{
	char c;

	(void)ctx;
	(void)events;
	while (read(fd, &c, 1) > 0)
		continue;
	seen.calls++;
}

static void on_nothing(void *ctx)
{
	(void)ctx;
}

/* Makes, changes, wakes and frees sources while the loop runs them. */
static void *storm(void *arg)
{
	int fds[2];

	(void)arg;
	for (int i = 0; i < 400; i++) {
		struct os_source *io = NULL, *timer = NULL;

		pthread_mutex_lock(&lock);
		if (pipe2(fds, O_NONBLOCK | O_CLOEXEC) < 0 ||
		    os_source_io(loop, fds[0], OS_READ, on_storm, NULL, &io) < 0 ||
		    os_source_timer(loop, i % 3 * 100, on_nothing, NULL, &timer) < 0 ||
		    os_loop_post(loop, on_nothing, NULL) < 0)
			_exit(1);
		pthread_mutex_unlock(&lock);
		if (write(fds[1], "x", 1) != 1)
			_exit(1);
		pthread_mutex_lock(&lock);
		os_timer_set(timer, i % 2 ? -1 : 50);
		if (i % 5)
			usleep(20); /* the loop's callback waits for the lock meanwhile */
		os_source_free(io);
		os_source_free(timer);
		pthread_mutex_unlock(&lock);
		close(fds[0]);
		close(fds[1]);
	}
	os_loop_stop(loop);
	return NULL;
}

static void test_other_threads(void)
{
	pthread_t thread;

	setup();
	CHECK_OR_RETURN(!pthread_create(&thread, NULL, storm, NULL));
	CHECK_EQ(os_loop_run(loop), 0);
	pthread_join(thread, NULL);
	teardown();
}

static void *stopper(void *arg)
{
	(void)arg;
	usleep(3000);
	os_loop_stop(loop);
	return NULL;
}

static void test_stop_from_a_thread_and_before(void)
{
	pthread_t thread;

	setup();
	os_loop_stop(loop);
	CHECK_EQ(os_loop_run(loop), 0);
	CHECK_OR_RETURN(!pthread_create(&thread, NULL, stopper, NULL));
	CHECK_EQ(os_loop_run(loop), 0);
	pthread_join(thread, NULL);
	teardown();
}

static void on_stop(void *ctx)
{
	(void)ctx;
	os_loop_stop(loop);
}

static bool between(void *ctx)
{
	CHECK_EQ(pthread_mutex_trylock(&lock), 0); /* not held */
	pthread_mutex_unlock(&lock);
	os_loop_lock(loop);
	++*(int *)ctx;
	os_loop_unlock(loop);
	return *(int *)ctx < 3; /* twice more at once */
}

static void test_between_turns(void)
{
	int first = 0, second = 0;

	setup();
	CHECK_EQ(os_loop_between(loop, between, &first), 0);
	CHECK_EQ(os_loop_between(loop, between, &second), 0);
	os_loop_between_end(loop, between, &first);
	CHECK_EQ(os_loop_post(loop, on_nothing, NULL), 0);
	os_loop_stop(loop);
	CHECK_EQ(os_loop_run(loop), 0);
	CHECK_EQ(first, 0);
	CHECK_EQ(os_source_timer(loop, 1000, on_stop, NULL, &seen.source), 0);
	CHECK_EQ(os_loop_run(loop), 0);
	CHECK(second >= 3);
	teardown();
}

int main(void)
{
	alarm(30);
	TEST(test_io_is_level_triggered);
	TEST(test_change_of_interest);
	TEST(test_free_in_callback);
	TEST(test_timers);
	TEST(test_signal);
	TEST(test_post_keeps_order);
	TEST(test_between_turns);
	TEST(test_other_threads);
	TEST(test_stop_from_a_thread_and_before);
	return test_end();
}
