/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System V objects of a family: shared memory that both have, that is read only, that was removed while attached, that
 * nobody has attached; semaphores that a child waits for; queues with messages. With their numbers, keys and owners.
 */
#include <errno.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/wait.h>

#include "victims/victim.h"

#define KEY   0x44560011
#define PAGE  4096
#define OWNER 65534

struct text {
	long type;
	char text[64];
};

static int common_id, removed_id, loose_id, sets_id, queue_id, empty_id;
static char *common, *reader, *removed;
static pid_t child;
static bool is_locked; /* loose_id: the victim may do that */

/* It adds one to what it finds, each time the first semaphore lets it. */
static void answer(void)
{
	struct sembuf down = { 0, -1, 0 }, up = { 1, 1, 0 };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (semop(sets_id, &down, 1) == 0) {
		common[PAGE]++;
		removed[1] = common[PAGE];
		if (semop(sets_id, &up, 1))
			break;
	}
	_exit(1);
}

static void send_text(int id, long type, const char *text)
{
	struct text message = { .type = type };

	snprintf(message.text, sizeof(message.text), "%s", text);
	VICTIM_CHECK(msgsnd(id, &message, strlen(text) + 1, IPC_NOWAIT) == 0);
}

static void build(void)
{
	struct shmid_ds memory;
	struct semid_ds set;
	struct msqid_ds queue;

	/* Numbers that a new namespace would not give by itself. */
	for (int i = 0; i < 3; i++)
		shmctl(shmget(IPC_PRIVATE, PAGE, 0600), IPC_RMID, NULL);
	common_id = shmget(KEY, 3 * PAGE + 100, IPC_CREAT | IPC_EXCL | 0640);
	removed_id = shmget(KEY + 1, PAGE, IPC_CREAT | 0600);
	loose_id = shmget(KEY + 2, 2 * PAGE, IPC_CREAT | 0600);
	common = shmat(common_id, NULL, 0);
	reader = shmat(common_id, NULL, SHM_RDONLY);
	removed = shmat(removed_id, NULL, 0);
	VICTIM_CHECK(shmctl(removed_id, IPC_RMID, NULL) == 0);
	is_locked = shmctl(loose_id, SHM_LOCK, NULL) == 0;
	char *loose = shmat(loose_id, NULL, 0);

	loose[PAGE] = 'L';
	VICTIM_CHECK(shmdt(loose) == 0);
	VICTIM_CHECK(shmctl(common_id, IPC_STAT, &memory) == 0);
	memory.shm_perm.uid = OWNER;
	VICTIM_CHECK(shmctl(common_id, IPC_SET, &memory) == 0);
	sets_id = semget(KEY, 5, IPC_CREAT | IPC_EXCL | 0620);
	VICTIM_CHECK(semctl(sets_id, 4, SETVAL, 32767) == 0 && semctl(sets_id, 3, SETVAL, 7) == 0);
	VICTIM_CHECK(semctl(sets_id, 0, IPC_STAT, &set) == 0 && set.sem_otime == 0);
	queue_id = msgget(KEY, IPC_CREAT | IPC_EXCL | 0604);
	empty_id = msgget(IPC_PRIVATE, 0600);
	VICTIM_CHECK(msgctl(queue_id, IPC_STAT, &queue) == 0);
	queue.msg_qbytes = 12345;
	VICTIM_CHECK(msgctl(queue_id, IPC_SET, &queue) == 0);
	send_text(queue_id, 5, "first of five");
	send_text(queue_id, 3, "of three");
	send_text(queue_id, 5, "");
	child = fork();
	if (child == 0)
		answer();
	common[0] = 'C';
	removed[0] = 'R';
}

static void check_memory(int round)
{
	struct sembuf up = { 0, 1, 0 }, down = { 1, -1, 0 };
	struct shmid_ds memory;

	VICTIM_CHECK(semop(sets_id, &up, 1) == 0 && semop(sets_id, &down, 1) == 0);
	VICTIM_CHECK(common[PAGE] == round && removed[1] == round && reader[PAGE] == round);
	VICTIM_CHECK(common[0] == 'C' && removed[0] == 'R' && common[3 * PAGE] == 0);
	VICTIM_CHECK(mprotect(reader, PAGE, PROT_READ | PROT_WRITE) < 0 && errno == EACCES);
	VICTIM_CHECK(shmget(KEY, 0, 0) == common_id && shmget(KEY + 2, 0, 0) == loose_id);
	VICTIM_CHECK(shmget(KEY + 1, 0, 0) < 0 && errno == ENOENT);
	VICTIM_CHECK(shmctl(common_id, IPC_STAT, &memory) == 0);
	VICTIM_CHECK(memory.shm_segsz == 3 * PAGE + 100 && memory.shm_nattch == 4);
	VICTIM_CHECK(memory.shm_perm.uid == OWNER && memory.shm_perm.cuid == geteuid());
	VICTIM_CHECK((memory.shm_perm.mode & 0777) == 0640);
	VICTIM_CHECK(shmctl(loose_id, IPC_STAT, &memory) == 0 &&
		     !(memory.shm_perm.mode & 02000 /* SHM_LOCKED */) == !is_locked);
	VICTIM_CHECK(shmctl(removed_id, IPC_STAT, &memory) == 0);
	VICTIM_CHECK(memory.shm_perm.mode & SHM_DEST && memory.shm_nattch == 2);
	char *loose = shmat(loose_id, NULL, 0);

	VICTIM_CHECK(loose != (void *)-1 && loose[PAGE] == 'L' && loose[0] == 0);
	VICTIM_CHECK(shmdt(loose) == 0);
}

static void check_semaphores(void)
{
	struct semid_ds set;

	VICTIM_CHECK(semget(KEY, 0, 0) == sets_id);
	VICTIM_CHECK(semctl(sets_id, 0, IPC_STAT, &set) == 0);
	VICTIM_CHECK(set.sem_nsems == 5 && (set.sem_perm.mode & 0777) == 0620 && set.sem_otime);
	VICTIM_CHECK(semctl(sets_id, 0, GETVAL) == 0 && semctl(sets_id, 3, GETVAL) == 7);
	VICTIM_CHECK(semctl(sets_id, 4, GETVAL) == 32767);
}

static void check_queues(void)
{
	struct text message;
	struct msqid_ds queue;

	VICTIM_CHECK(msgget(KEY, 0) == queue_id);
	VICTIM_CHECK(msgctl(queue_id, IPC_STAT, &queue) == 0 && queue.msg_qbytes == 12345);
	VICTIM_CHECK(queue.msg_qnum == 3 && (queue.msg_perm.mode & 0777) == 0604);
	VICTIM_CHECK(msgrcv(queue_id, &message, sizeof(message.text), 5, IPC_NOWAIT) == 14);
	VICTIM_CHECK(strcmp(message.text, "first of five") == 0);
	VICTIM_CHECK(msgrcv(queue_id, &message, sizeof(message.text), 0, IPC_NOWAIT) == 9);
	VICTIM_CHECK(message.type == 3 && strcmp(message.text, "of three") == 0);
	VICTIM_CHECK(msgrcv(queue_id, &message, sizeof(message.text), 0, IPC_NOWAIT) == 1);
	VICTIM_CHECK(message.type == 5);
	VICTIM_CHECK(msgrcv(empty_id, &message, sizeof(message.text), 0, IPC_NOWAIT) < 0);
	VICTIM_CHECK(errno == ENOMSG);
	send_text(queue_id, 5, "first of five");
	send_text(queue_id, 3, "of three");
	send_text(queue_id, 5, "");
}

int main(void)
{
	int round = 0;

	victim_begin();
	build();
	victim_ready();
	while (victim_moved()) {
		check_memory(++round);
		check_semaphores();
		check_queues();
	}
	/* A segment can be detached at its address, and goes then if it was removed. */
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	VICTIM_CHECK(shmdt(removed) == 0 &&
		     shmctl(removed_id, IPC_STAT, &(struct shmid_ds){ 0 }) < 0);
	VICTIM_CHECK(shmdt(reader) == 0 && shmdt(common) == 0);
	shmctl(common_id, IPC_RMID, NULL);
	shmctl(loose_id, IPC_RMID, NULL);
	semctl(sets_id, 0, IPC_RMID);
	msgctl(queue_id, IPC_RMID, NULL);
	msgctl(empty_id, IPC_RMID, NULL);
	return victim_end();
}
