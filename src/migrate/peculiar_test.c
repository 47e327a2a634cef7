/* SPDX-License-Identifier: Apache-2.0 */
/* Each setting that no image carries, answered by hand; and threads that live elsewhere than their leader. */
#include "migrate/peculiar.h"

#include <errno.h>

#include "base/test.h"
#include "dvk/errors.h"
#include "migrate/listed_test.h"
#include "migrate/made_proc_test.h"
#include "os/machine.h"

#define VTID 12

static struct calls calls;
static struct peculiar_questions asked;
static struct tracee nobody;
static struct refusal refusal;
static uint32_t settings;

static void answer(uint32_t index, int64_t result)
{
	listed_at(&calls, index)->result = result;
}

static void say(struct remote_ptr where, uint64_t value, size_t bytes)
{
	memcpy(calls_at(&calls, where), &value, bytes);
}

/* The answers of a thread that has nothing. */
static void begin(void)
{
	nobody = (struct tracee){ .tid = LISTED_NOBODY, .borrowed = true };
	refusal = REFUSAL_NONE;
	CHECK_EQ(calls_init(&calls), 0);
	calls_begin(&calls, &listed_foothold, &nobody);
	calls_room(&calls, PECULIAR_CALLS, PECULIAR_BYTES);
	peculiar_ask(&calls, &asked);
	CHECK(calls.count <= PECULIAR_CALLS);
	CHECK(FOOTHOLD_LIST_BYTES - calls.top <= PECULIAR_BYTES);
	listed_executed(&calls);
	answer(asked.ordinary[0], 2); /* PR_MCE_KILL_DEFAULT */
	answer(asked.ordinary[2], 1); /* CPUID is on */
	for (int i = 0; i < PECULIAR_KEYRINGS; i++)
		answer(asked.keyring[i], -ENOKEY);
	answer(asked.session, -ENOKEY);
	answer(asked.user_session, -ENOKEY);
	say(asked.tsc, PR_TSC_ENABLE, sizeof(int));
}

static int check(void)
{
	return peculiar_check(&calls, &asked, VTID, false, &settings, &refusal);
}

static void end(void)
{
	calls_deinit(&calls);
}

static void refuse(const char *words)
{
	CHECK(is_refusal(check(), &refusal, EDVSPROCSTS, words));
	CHECK(strncmp(refusal.reason, "thread 12 ", 10) == 0);
	CHECK(strstr(refusal.reason, "not carried"));
	end();
}

static void test_nothing(void)
{
	begin();
	CHECK_EQ(check(), 0);
	/* A kernel that does not know a question has none of it. */
	for (int i = 0; i < PECULIAR_ORDINARIES; i++)
		answer(asked.ordinary[i], -EINVAL);
	answer(asked.policy_call, -ENOSYS);
	say(asked.policy, 5, sizeof(int));
	answer(asked.cookie_call, -EINVAL);
	say(asked.cookie, 5, sizeof(uint64_t));
	CHECK_EQ(check(), 0);
	end();
}

static void test_settings(void)
{
	static const struct {
		int64_t other;
		const char *words;
	} ordinaries[PECULIAR_ORDINARIES] = {
		{ 3, "has an unknown memory failure policy (PR_MCE_KILL)" },
		{ 2, "is marked as part of the I/O path" },
		{ 2, "has switched off the CPUID instruction" },
		{ 1, "has chosen a keyring for keys it asks for" },
	};

	for (int i = 0; i < PECULIAR_ORDINARIES; i++) {
		begin();
		answer(asked.ordinary[i], ordinaries[i].other);
		refuse(ordinaries[i].words);
	}
	begin();
	say(asked.tsc, 0, sizeof(int));
	refuse("has the time-stamp counter switched on");
	begin();
	say(asked.policy, 2, sizeof(int));
	refuse("has a NUMA memory policy");
	begin();
	say(asked.cookie, 2, sizeof(uint64_t));
	refuse("has a core scheduling cookie");
}

static void test_carried(void)
{
	static const struct {
		unsigned question;
		int64_t answer;
		uint32_t setting;
	} carried[] = {
		{ 0, 1, IMAGE_THREAD_MCE_EARLY },
		{ 0, 0, IMAGE_THREAD_MCE_LATE },
		{ 1, 1, IMAGE_THREAD_IO_FLUSHER },
		{ 2, 0, IMAGE_THREAD_NO_CPUID },
	};

	for (unsigned i = 0; i < sizeof(carried) / sizeof(carried[0]); i++) {
		begin();
		answer(asked.ordinary[carried[i].question], carried[i].answer);
		CHECK(check() == 0 && settings == carried[i].setting);
		end();
	}
	begin();
	say(asked.tsc, PR_TSC_SIGSEGV, sizeof(int));
	CHECK(check() == 0 && settings == IMAGE_THREAD_NO_TSC);
	/* In the strict mode of seccomp it is off by itself. */
	CHECK(peculiar_check(&calls, &asked, VTID, true, &settings, &refusal) == 0 && !settings);
	say(asked.tsc, PR_TSC_ENABLE, sizeof(int));
	CHECK(peculiar_check(&calls, &asked, VTID, true, &settings, &refusal) < 0);
	end();
}

/* Keys of its own are refused, and so are keys that cannot be read. The user's session keyring is not its own. */
static void test_keyrings(void)
{
	static const char *const words[PECULIAR_KEYRINGS] = { "keys in its thread keyring",
							      "keys in its process keyring",
							      "keys in its session keyring" };

	for (int i = 0; i < PECULIAR_KEYRINGS; i++) {
		begin();
		answer(asked.keyring[i], 4);
		refuse(words[i]);
		begin();
		answer(asked.keyring[i], -EACCES);
		refuse(words[i]);
		begin();
		answer(asked.keyring[i], 0); /* an empty one */
		CHECK_EQ(check(), 0);
		end();
	}
	begin();
	answer(asked.keyring[2], 4);
	answer(asked.session, 1234567);
	answer(asked.user_session, 1234567);
	CHECK_EQ(check(), 0);
	answer(asked.user_session, 7654321);
	refuse("session keyring");
	if (os_session_keyring() == 0)
		return; /* there is none that this program shares with others */
	begin();
	answer(asked.keyring[2], 4);
	answer(asked.session, os_session_keyring());
	CHECK_EQ(check(), 0);
	end();
}

/* A thread that may look into the init has no domain; a kernel without Landlock has none for anybody. */
static void test_landlock(void)
{
	begin();
	answer(asked.landlock_version, 4);
	answer(asked.compare, -EPERM);
	CHECK(!peculiar_free_of_landlock(&calls, &asked));
	answer(asked.compare, 0);
	CHECK(peculiar_free_of_landlock(&calls, &asked));
	answer(asked.compare, -EPERM);
	answer(asked.landlock_version, -ENOSYS);
	CHECK(peculiar_free_of_landlock(&calls, &asked));
	answer(asked.landlock_version, -EOPNOTSUPP); /* not switched on at boot */
	CHECK(peculiar_free_of_landlock(&calls, &asked));
	end();
}

static void test_segments(void)
{
	const struct user_regs_struct flat = { .cs = 0x33, .ss = 0x2b };
	struct user_regs_struct registers = flat;

	refusal = REFUSAL_NONE;
	CHECK_EQ(peculiar_check_segments(&registers, &refusal), 0);
	registers.ds = registers.es = 0x2b;
	registers.fs = 3; /* still no descriptor */
	CHECK_EQ(peculiar_check_segments(&registers, &refusal), 0);
	registers.cs = 0x23;
	CHECK(is_refusal(peculiar_check_segments(&registers, &refusal), &refusal, EDVSPROCSTS,
			 "executes 32-bit code"));
	registers = flat;
	registers.gs = 0x63;
	refusal = REFUSAL_NONE;
	CHECK(is_refusal(peculiar_check_segments(&registers, &refusal), &refusal, EDVSPROCSTS,
			 "(gs is 0x63)"));
	registers = flat;
	registers.ss = 4;
	refusal = REFUSAL_NONE;
	CHECK(is_refusal(peculiar_check_segments(&registers, &refusal), &refusal, EDVSPROCSTS,
			 "(ss is 0x4)"));
}

/* ---- from outside ---- */

static struct made_proc made;
static struct inventory inventory;

static void begin_outside(void)
{
	made_proc_open(&made);
	static struct inventory_thread threads[] = { { .tid = 7 }, { .tid = 9 } };

	inventory = (struct inventory){ .dir = made.dir, .thread = threads, .thread_count = 2 };
	refusal = REFUSAL_NONE;
}

static void end_outside(void)
{
	procdir_text_free(&inventory.text);
	procdir_text_free(&inventory.more);
	made_proc_close(&made);
}

static int check_outside(void)
{
	refusal = REFUSAL_NONE;
	return peculiar_check_outside(&inventory, &refusal);
}

static void test_namespaces(void)
{
	static const char *const kinds[] = { "mnt",    "net",
					     "ipc",    "uts",
					     "user",   "pid",
					     "time",   "pid_for_children",
					     "cgroup", "time_for_children" };
	char name[40], words[80];

	begin_outside();
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		snprintf(name, sizeof(name), "ns/%s", kinds[i]);
		made_proc_link(&made, name, "kind:[1]");
		CHECK_EQ(check_outside(), 0); /* the thread's cannot be read: it has ended */
		snprintf(name, sizeof(name), "task/9/ns/%s", kinds[i]);
		made_proc_link(&made, name, "kind:[2]");
		snprintf(words, sizeof(words), "thread 9 has a %s namespace of its own", kinds[i]);
		CHECK(is_refusal(check_outside(), &refusal, EDVSPROCSTS, words));
		made_proc_link(&made, name, "kind:[1]");
		CHECK_EQ(check_outside(), 0);
	}
	end_outside();
}

static void test_outside(void)
{
	static const struct {
		const char *file, *words;
	} same[] = {
		{ "personality", "has a personality of its own" },
		{ "cgroup", "is in a control group of its own" },
		{ "attr/current", "has a security label of its own" },
	};
	char name[40];

	begin_outside();
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		made_proc_text(&made, same[i].file, "one\n");
		CHECK_EQ(check_outside(), 0);
		snprintf(name, sizeof(name), "task/9/%s", same[i].file);
		made_proc_text(&made, name, "other\n");
		CHECK(is_refusal(check_outside(), &refusal, EDVSPROCSTS, same[i].words));
		made_proc_text(&made, name, "one\n");
		CHECK_EQ(check_outside(), 0);
	}
	made_proc_text(&made, "personality", "other\n");
	CHECK(is_refusal(check_outside(), &refusal, EDVSPROCSTS, "thread 9 has a personality"));
	inventory.thread[1].ended = true;
	CHECK_EQ(check_outside(), 0);
	inventory.thread[1].ended = false;
	end_outside();
}

static void test_status(void)
{
	static const char leader[] = "Name:\ta\nSpeculation_Store_Bypass:\tthread vulnerable\n";
	static const char same[] = "Name:\tb\nSpeculation_Store_Bypass:\tthread vulnerable\n";
	static const char other[] = "Name:\tb\nSpeculation_Store_Bypass:\tthread mitigated\n";
	static const char more[] =
		"Name:\tb\nSpeculation_Store_Bypass:\tthread vulnerable as well\n";

	refusal = REFUSAL_NONE;
	CHECK_EQ(peculiar_check_status(leader, same, 9, &refusal), 0);
	CHECK_EQ(peculiar_check_status(leader, "Name:\tb\n", 9, &refusal), 0);
	CHECK(is_refusal(peculiar_check_status(leader, other, 9, &refusal), &refusal, EDVSPROCSTS,
			 "thread 9 has changed its speculation control"));
	CHECK(is_refusal(peculiar_check_status(leader, more, 9, &refusal), &refusal, EDVSPROCSTS,
			 "thread 9 has changed its speculation control"));
}

int main(void)
{
	TEST(test_nothing);
	TEST(test_settings);
	TEST(test_carried);
	TEST(test_keyrings);
	TEST(test_landlock);
	TEST(test_segments);
	TEST(test_namespaces);
	TEST(test_outside);
	TEST(test_status);
	return test_end();
}
