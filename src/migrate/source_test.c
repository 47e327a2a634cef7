/* SPDX-License-Identifier: Apache-2.0 */
/* The source's side of a move, of a program on a stage: its records, their order, and that it harms nothing. */
#include "migrate/migrate.h"

#include <errno.h>
#include <regex.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/test.h"
#include "dvk/errors.h"
#include "migrate/fault.h"
#include "migrate/made_proc_test.h"
#include "migrate/over_test.h"
#include "migrate/played_test.h"
#include "migrate/stream.h"
#include "os/pid.h"

static struct played played;

/* One letter for each record, so that a stream is a word. */
static void spell(char *word, size_t size, struct refusal *refusal)
{
	static const char letters[] = {
		[IMAGE_MACHINE] = 'M',	  [IMAGE_MEMBER] = 'b',	      [IMAGE_OBJECTS] = 'O',
		[IMAGE_FILE] = 'f',	  [IMAGE_MEMORY] = 'm',	      [IMAGE_DESCRIPTION] = 'd',
		[IMAGE_CONTENTS] = 'c',	  [IMAGE_TASK] = 'K',	      [IMAGE_PROCESS] = 'P',
		[IMAGE_STRING] = 's',	  [IMAGE_MAP] = 'a',	      [IMAGE_FD] = 'n',
		[IMAGE_LOCK] = 'k',	  [IMAGE_OWNER] = 'o',	      [IMAGE_LAYOUT] = 'L',
		[IMAGE_PAGES] = 'p',	  [IMAGE_SHARED_PAGES] = 'h', [IMAGE_GUARD] = 'g',
		[IMAGE_SIGACTIONS] = 'A', [IMAGE_SIGINFO] = 'i',      [IMAGE_TIMER] = 't',
		[IMAGE_THREAD] = 'T',	  [IMAGE_XSTATE] = 'x',	      [IMAGE_END] = 'E'
	};
	struct reader reader;
	const void *payload;
	size_t length = 0;

	CHECK_EQ(reader_init(&reader, over(played_again(&played))), 0);
	while (!reader.over && reader_next(&reader, &payload, refusal) == 0 && length + 1 < size)
		word[length++] = letters[reader.type];
	word[length] = 0;
	reader_deinit(&reader);
}

static bool is_spelt(const char *form)
{
	static char word[65536];
	struct refusal refusal = REFUSAL_NONE;
	regex_t regex;

	spell(word, sizeof(word), &refusal);
	CHECK_EQ(regcomp(&regex, form, REG_EXTENDED | REG_NOSUB), 0);
	bool matches = regexec(&regex, word, 0, NULL, 0) == 0;

	regfree(&regex);
	if (!matches)
		printf("  %s (%s)\n", word, refusal.reason);
	return matches;
}

static bool freeze(void)
{
	played.refusal = REFUSAL_NONE;
	int r = migrate_source_check(played.source, &played.refusal);

	if (r == 0)
		r = migrate_source_freeze(played.source, &played.refusal);
	if (r)
		printf("  %s\n", played.refusal.reason);
	return r == 0;
}

/* Offer and state are as wire/image.h says: objects first, the layout before the contents, the leader before others. */
static void test_order(void)
{
	if (!played_begin(&played))
		return;
	CHECK_EQ(migrate_source_check(played.source, &played.refusal), 0);
	CHECK_EQ(migrate_source_offer(played.source, over(played.stream), &played.refusal), 0);
	CHECK(is_spelt("^MObm*f+d*Ka+E$"));
	CHECK_EQ(migrate_source_stats(played.source)->offer_bytes,
		 lseek(played.stream, 0, SEEK_END));
	CHECK_EQ(ftruncate(played.stream, 0), 0);
	played_again(&played);
	CHECK_EQ(migrate_source_freeze(played.source, &played.refusal), 0);
	CHECK_EQ(migrate_source_send(played.source, over(played.stream), &played.refusal), 0);
	CHECK(is_spelt("^Obm*f+(dc*)*Pssa+n+L[phg]+Ai*t*(Txi*)+E$"));
	const struct migrate_stats *stats = migrate_source_stats(played.source);

	CHECK_EQ(stats->image_bytes, lseek(played.stream, 0, SEEK_END));
	CHECK(stats->page_count && stats->map_count && stats->thread_count == 1);
	CHECK_EQ(stats->fd_count, 4);
	played_end(&played);
}

static bool is_unharmed(const struct procdir_text *maps)
{
	struct procdir_text now = played_text(&played, "maps"), status;
	bool same = strcmp(now.text, maps->text) == 0;

	procdir_text_free(&now);
	status = played_text(&played, "status");
	same = same && procdir_number(status.text, "TracerPid", 10, 1) == 0;
	procdir_text_free(&status);
	for (int i = 0; i < 2000 && stage_state(played.pid) != 'S'; i++)
		usleep(1000);
	return same && stage_state(played.pid) == 'S';
}

/* At each rung that fails: nothing of ours is left in the process, nobody holds it, and it sleeps on. */
static void test_undone(void)
{
	if (!played_begin(&played))
		return;
	struct procdir_text maps = played_text(&played, "maps");

	for (int point = FAULT_SOURCE_CHECK; point <= FAULT_SOURCE_THREADS; point++) {
		const char *name = fault_name((enum fault_point)point);
		struct refusal refusal = REFUSAL_NONE;

		setenv("DVS_FAULT", name, 1);
		int r = migrate_source_check(played.source, &refusal);

		if (r == 0)
			r = migrate_source_offer(played.source, over(played.stream), &refusal);
		if (r == 0)
			r = migrate_source_freeze(played.source, &refusal);
		if (r == 0)
			r = migrate_source_send(played.source, over(played.stream), &refusal);
		CHECK(is_refusal(r, &refusal, EDVSGENERIC, name));
		unsetenv("DVS_FAULT");
		migrate_source_thaw(played.source, NULL);
		CHECK(is_unharmed(&maps));
	}
	CHECK(freeze());
	migrate_source_thaw(played.source, NULL);
	migrate_source_thaw(played.source, NULL); /* nothing is left to do */
	CHECK(is_unharmed(&maps));
	procdir_text_free(&maps);
	played_end(&played);
}

static int busy_for;

static bool is_busy(void *ctx)
{
	(void)ctx;
	return busy_for < 0 || (busy_for > 0 && busy_for--);
}

/* A process that talks with its daemon is let finish; one that never does is refused after a second. */
static void test_busy(void)
{
	if (!played_begin(&played))
		return;
	struct procdir_text maps = played_text(&played, "maps");

	migrate_source_free(played.source);
	played.host.busy = is_busy;
	played.source = migrate_source_new(played.pid, &played.host);
	busy_for = 5;
	CHECK(freeze());
	CHECK_EQ(busy_for, 0);
	migrate_source_thaw(played.source, NULL);
	busy_for = -1;
	CHECK(!freeze());
	CHECK(is_refusal(EDVSBUSY, &played.refusal, EDVSBUSY, "for a whole second"));
	CHECK(is_unharmed(&maps));
	/* One that is stopped by a signal meanwhile is not waited for. */
	kill(played.pid, SIGSTOP);
	while (!os_is_stopped(played.pid))
		usleep(1000);
	played.refusal = REFUSAL_NONE;
	CHECK(is_refusal(migrate_source_freeze(played.source, &played.refusal), &played.refusal,
			 EDVSBUSY, "let it go on (SIGCONT)"));
	played.refusal = REFUSAL_NONE;
	CHECK(is_refusal(migrate_source_check(played.source, &played.refusal), &played.refusal,
			 EDVSBUSY, "let it go on (SIGCONT)"));
	kill(played.pid, SIGCONT);
	procdir_text_free(&maps);
	played_end(&played);
}

/* A signal that came in time is in the image; one that came later died with the process, and is told. */
static void test_late_signals(void)
{
	uint64_t late = 0;

	if (!played_begin(&played))
		return;
	CHECK(freeze());
	kill(played.pid, SIGUSR1);
	CHECK_EQ(migrate_source_send(played.source, over(played.stream), &played.refusal), 0);
	CHECK(is_spelt("Ait*(Txi*)+E$"));
	kill(played.pid, SIGUSR1); /* of the same number: not kept by the kernel either */
	kill(played.pid, SIGUSR2);
	syscall(SYS_tgkill, played.pid, played.pid, SIGHUP);
	CHECK_EQ(migrate_source_kill(played.source, &late, NULL), 0);
	CHECK_EQ(late, 1ull << (SIGUSR2 - 1) | 1ull << (SIGHUP - 1));
	int status = stage_status(&played.stage, 0, PLAYED_VPID, 5000);

	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	played_end(&played);
}

/* A stop that came while it was held: thawed, the process is stopped; killed, that is told. */
static void test_stopped_meanwhile(void)
{
	uint64_t late = 0;

	if (!played_begin(&played))
		return;
	CHECK_EQ(migrate_source_check(played.source, &played.refusal), 0);
	CHECK_EQ(migrate_source_freeze(played.source, &played.refusal), 0);
	kill(played.pid, SIGSTOP);
	CHECK_EQ(migrate_source_try(played.source, &played.refusal), 0);
	migrate_source_thaw(played.source, NULL);
	for (int i = 0; i < 2000 && stage_state(played.pid) != 'T'; i++)
		usleep(1000);
	CHECK_EQ(stage_state(played.pid), 'T');
	kill(played.pid, SIGCONT);
	CHECK_EQ(migrate_source_freeze(played.source, &played.refusal), 0);
	kill(played.pid, SIGSTOP);
	CHECK_EQ(migrate_source_try(played.source, &played.refusal), 0);
	CHECK_EQ(migrate_source_kill(played.source, &late, NULL), 0);
	CHECK_EQ(late, 1ull << (SIGSTOP - 1));
	stage_status(&played.stage, 0, PLAYED_VPID, 5000);
	played_end(&played);
}

/* Room that the move needs for a moment: the limit that is in the way is named. */
static void test_no_room(void)
{
	const struct rlimit none = { 4096, RLIM_INFINITY };

	if (!played_begin(&played))
		return;
	struct procdir_text maps = played_text(&played, "maps");

	CHECK_EQ(prlimit(played.pid, RLIMIT_AS, &none, NULL), 0);
	CHECK_EQ(migrate_source_check(played.source, &played.refusal), 0);
	CHECK(is_refusal(migrate_source_freeze(played.source, &played.refusal), &played.refusal,
			 EDVSPROCSTS, "no room for the 256 KiB that the move needs"));
	CHECK(strstr(played.refusal.reason, "RLIMIT_AS"));
	CHECK(is_unharmed(&maps));
	procdir_text_free(&maps);
	played_end(&played);
}

/* After a failure the socket is shut, so that the target does not wait for more; its answer can still be read. */
static void test_shut(void)
{
	struct refusal refusal = REFUSAL_NONE;
	static char bytes[65536];
	int ends[2];
	ssize_t got;

	if (!played_begin(&played))
		return;
	CHECK(freeze());
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	setenv("DVS_FAULT", "source_threads", 1);
	CHECK_EQ(migrate_source_send(played.source, over(ends[0]), &refusal), EDVSGENERIC);
	unsetenv("DVS_FAULT");
	while ((got = recv(ends[1], bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		continue;
	CHECK_EQ(got, 0); /* the end, and not only nothing more as yet */
	CHECK_EQ(write(ends[1], "n", 1), 1);
	CHECK_EQ(read(ends[0], bytes, 1), 1);
	close(ends[0]);
	close(ends[1]);
	played_end(&played);
}

static void test_no_target(void)
{
	struct refusal refusal = REFUSAL_NONE;
	int ends[2];

	signal(SIGPIPE, SIG_IGN);
	if (!played_begin(&played))
		return;
	CHECK(freeze());
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	shutdown(ends[1], SHUT_RD);
	CHECK(is_refusal(migrate_source_send(played.source, over(ends[0]), &refusal), &refusal,
			 EDVSIO, "cannot be sent: Broken pipe"));
	close(ends[0]);
	close(ends[1]);
	played_end(&played);
}

static void test_no_process(void)
{
	const struct migrate_host nothing = { 0 };
	struct migrate_source *source = migrate_source_new(0x7fffffff, &nothing);
	struct refusal refusal = REFUSAL_NONE;

	CHECK(is_refusal(migrate_source_check(source, &refusal), &refusal, EDVSSRCH,
			 "there is no process"));
	CHECK_EQ(migrate_source_check(source, NULL), EDVSSRCH); /* the sentence is not wanted */
	CHECK_EQ(migrate_source_thaw(source, &refusal), 0);
	migrate_source_free(source);
	migrate_source_free(NULL);
}

int main(void)
{
	TEST(test_no_process);
	TEST(test_order);
	TEST(test_undone);
	TEST(test_busy);
	TEST(test_late_signals);
	TEST(test_stopped_meanwhile);
	TEST(test_no_room);
	TEST(test_shut);
	TEST(test_no_target);
	return test_end();
}
