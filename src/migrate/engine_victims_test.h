/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_ENGINE_VICTIMS_TEST_H
#define DVS_MIGRATE_ENGINE_VICTIMS_TEST_H

/* The programs of test/victims that move, each with a kind of state that it checks itself. */
static const char *const carried[] = {
	"plain",	  "threads",	     "cpu_state",      "files",	       "memory",
	"signals",	  "timers",	     "blocked_calls",  "many",	       "identity",
	"credentials",	  "faults",	     "transfers",      "robust",       "afterwards",
	"clocks",	  "locked",	     "shared",	       "common",       "memory_files",
	"eventfds",	  "pipes",	     "timerfds",       "signalfds",    "epolls",
	"epoll_idle",	  "deleted_files",   "socket_pairs",   "inet_sockets", "inet_connections",
	"tcp_states",	  "datagrams",	     "unix_datagrams", "family",       "children_ended",
	"message_pairs",  "passed",	     "fifos",	       "unix_names",   "unix_connections",
	"family_sockets", "orphans",	     "seccomp",	       "sysv",	       "file_locks",
	"watches",	  "pidfds",	     "asynchronous",   "one_memory",   "main_ended",
	"spawning",	  "sealed",	     "tables",	       "stops",	       "deleted_program",
	"memory_program", "deleted_folders", "terminals",      "kernel_files", "mqueues",
	"sysv_undo",	  "requests",	     "chroot",	       "settings",     "netlinks",
	"huge",		  "thread_timers",
};

#endif
