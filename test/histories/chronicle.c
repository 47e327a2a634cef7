/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server or a client of a history: it writes every call to a file of its own, before and after, so that the file is
 * true also if it is killed. Nothing is open between two lines, and it can be moved at any time.
 *
 * Usage: chronicle serve FOLDER EP SEED | chronicle call FOLDER EP SEED SERVER_EP...
 *
 * It begins a life when it is started; a move goes on with it. The file of a life is FOLDER/serve.LIFE or
 * FOLDER/call.LIFE, its lines, with times in ns of the machine's clock:
 *
 *	B EP TIME				the life begins, at this endpoint
 *	S SEQ TIME KIND SERVER_EP TIMEOUT	a client is about to send (s) or to call (c); -1: without end
 *	E SEQ TIME RESULT LIFE NUMBER		and has done so; the two last of the answer
 *	T NUMBER TIME LIFE SEQ KIND		a server has taken its NUMBERth message
 *	X TIME TEXT				something that must not be
 *	Q TIME					the life ends because FOLDER/stop is there
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "dvk.h"

#define TYPE_SEND   201
#define TYPE_CALL   202
#define TYPE_ANSWER 203
#define LIMIT_MS    2000
#define LOOK_MS	    300 /* of a server, whether it shall stop */
#define SERVERS_MAX 16
#define UNBOUND_MAX 50

static struct {
	char file[160], stop[160];
	uint64_t life;
	uint32_t seed;
	int ep;
} self;

static uint32_t chance(void)
{
	self.seed ^= self.seed << 13;
	self.seed ^= self.seed >> 17;
	self.seed ^= self.seed << 5;
	return self.seed;
}

static long long now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	return time.tv_sec * 1000000000ll + time.tv_nsec;
}

static void nap(long us)
{
	struct timespec time = { us / 1000000, us % 1000000 * 1000 };

	nanosleep(&time, NULL);
}

static void note(const char *line)
{
	int fd = open(self.file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	size_t len = strlen(line);

	if (fd < 0 || write(fd, line, len) != (ssize_t)len) {
		perror(self.file);
		exit(1);
	}
	close(fd);
}

#define NOTE(...)                                            \
	do {                                                 \
		char line_[200];                             \
		snprintf(line_, sizeof(line_), __VA_ARGS__); \
		note(line_);                                 \
	} while (0)

static bool shall_stop(void)
{
	return access(self.stop, F_OK) == 0;
}

/* What a message is known by. A number that belongs to both, so that neither is changed unseen. */
static long seal(long life, long seq)
{
	uint64_t x = (uint64_t)life * 0x9e3779b97f4a7c15u ^ (uint64_t)seq * 0xc2b2ae3d27d4eb4fu;

	return (long)(x ^ x >> 29);
}

static void take(message *m, long number)
{
	int to = m->m_source;
	bool call = m->m_type == TYPE_CALL;

	if (m->m4_l3 != seal(m->m4_l1, m->m4_l2))
		NOTE("X %lld a message from %d is damaged\n", now_ns(), to);
	NOTE("T %ld %lld %016lx %ld %c\n", number, now_ns(), (unsigned long)m->m4_l1, m->m4_l2,
	     call ? 'c' : 's');
	if (!call)
		return;
	if (chance() % 16 == 0)
		nap(chance() % 30000);
	m->m_type = TYPE_ANSWER;
	m->m4_l4 = (long)self.life;
	m->m4_l5 = number;
	dvk_reply_T(to, m, LIMIT_MS); /* refused if the client has given up */
}

static int serve(void)
{
	long number = 0;

	for (int unbound = 0; unbound < UNBOUND_MAX;) {
		message m = { 0 };
		long r = dvk_receive_T(ANY, &m, LOOK_MS);

		if (r == EDVSNOTBIND) {
			unbound++;
			nap(20000);
			continue;
		}
		unbound = 0;
		if (r == 0 && (m.m_type == TYPE_CALL || m.m_type == TYPE_SEND))
			take(&m, ++number);
		else if (r != 0 && shall_stop())
			return 0;
	}
	return 1;
}

static long random_timeout(void)
{
	static const long timeouts[] = { 3, 30, 300, LIMIT_MS, LIMIT_MS, LIMIT_MS, LIMIT_MS };
	uint32_t way = chance() % 8;

	return way == 7 ? (long)TIMEOUT_FOREVER : timeouts[way];
}

static long call_one(long seq, int to)
{
	bool call = chance() % 3;
	long timeout = random_timeout(), r;
	message m = { .m_type = call ? TYPE_CALL : TYPE_SEND };

	m.m4_l1 = (long)self.life;
	m.m4_l2 = seq;
	m.m4_l3 = seal(m.m4_l1, seq);
	NOTE("S %ld %lld %c %d %ld\n", seq, now_ns(), call ? 'c' : 's', to,
	     timeout == (long)TIMEOUT_FOREVER ? -1 : timeout);
	r = call ? dvk_sendrec_T(to, &m, timeout) : dvk_send_T(to, &m, timeout);
	if (r || !call) {
		NOTE("E %ld %lld %ld 0 0\n", seq, now_ns(), r);
		return r;
	}
	if (m.m_type != TYPE_ANSWER || m.m4_l1 != (long)self.life || m.m4_l2 != seq ||
	    m.m4_l3 != seal(m.m4_l1, seq))
		NOTE("X %lld the answer to %ld is another one's\n", now_ns(), seq);
	NOTE("E %ld %lld 0 %016lx %ld\n", seq, now_ns(), (unsigned long)m.m4_l4, m.m4_l5);
	return 0;
}

static int call(const int *servers, uint32_t count)
{
	int unbound = 0;

	for (long seq = 1; unbound < UNBOUND_MAX; seq++) {
		long r;

		if (shall_stop())
			return 0;
		r = call_one(seq, servers[chance() % count]);
		unbound = r == EDVSNOTBIND ? unbound + 1 : 0;
		nap(r ? 20000 : chance() % 8000);
	}
	return 1;
}

int main(int argc, char **argv)
{
	int servers[SERVERS_MAX], count = 0, r;
	bool client = argc > 5 && !strcmp(argv[1], "call");

	if (!client && (argc != 5 || strcmp(argv[1], "serve"))) {
		fprintf(stderr,
			"usage: chronicle serve FOLDER EP SEED | chronicle call FOLDER EP SEED "
			"SERVER_EP...\n");
		return 2;
	}
	for (int i = 5; i < argc && count < SERVERS_MAX; i++)
		servers[count++] = (int)strtol(argv[i], NULL, 10);
	self.ep = (int)strtol(argv[3], NULL, 10);
	self.seed = (uint32_t)strtoul(argv[4], NULL, 10) | 1;
	if (getrandom(&self.life, sizeof(self.life), 0) != sizeof(self.life))
		return 1;
	self.life &= INT64_MAX;
	snprintf(self.file, sizeof(self.file), "%s/%s.%016llx", argv[2], argv[1],
		 (unsigned long long)self.life);
	snprintf(self.stop, sizeof(self.stop), "%s/stop", argv[2]);
	if (dvk_open() < 0 || dvk_wait4bind_T(5000) < EDVSERRCODE) {
		fprintf(stderr, "not bound\n");
		return 1;
	}
	NOTE("B %d %lld\n", self.ep, now_ns());
	r = client ? call(servers, (uint32_t)count) : serve();
	if (!r)
		NOTE("Q %lld\n", now_ns());
	return r;
}
