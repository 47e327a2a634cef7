/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CORE_AGAIN_H
#define DVS_CORE_AGAIN_H

/*
 * The link to a node that was asked something is lost. Whether the asker's node may ask once more, by itself and
 * unseen: only what cannot have been begun, and what may be done twice. The product and the simulator ask this.
 */

#include <stdbool.h>

/*
 * May this control call (enum ctl_call) be asked twice? It only looks, or states how something shall be, or gives a
 * thing that the asker may have already. A daemon decides by it about a call to a daemon that died, and so does libdvk.
 */
bool again_is_harmless(unsigned call);

/* How far the request had come. */
enum again_fate {
	AGAIN_UNSENT = 1, /* it never left this node */
	/* The other daemon restarts, and has said that it has begun nothing that it has not answered. */
	AGAIN_UNTOUCHED,
	AGAIN_UNKNOWN, /* it may have been begun, and be done by now */
};

struct again_request {
	bool has_asker;	   /* a client waits for the answer */
	bool is_follower;  /* it follows a process, and can be attached to it anew */
	bool is_harmless;  /* again_is_harmless() */
	bool is_answered;  /* in part */
	bool is_inside;	   /* the asker is this daemon, and no client */
	bool is_passed_on; /* the asker is at another node, which this one has asked for */
};

enum again {
	AGAIN_NOT = 1, /* the asker is told that nobody knows what became of it */
	AGAIN_ATTACH, /* when the link is back, to the same life of the endpoint, however long that takes */
	AGAIN_ASK, /* when the link is back, if that is soon */
};

/* is_bound: the endpoint that it follows lives, as far as this node knows. */
enum again again_of(const struct again_request *request, enum again_fate fate, bool is_bound);

/*
 * May this daemon be restarted, and know nothing of the request afterwards? Its own questions are asked again by their
 * askers and followers are attached again; another node asks again for a request that is harmless.
 */
bool again_without(const struct again_request *request);

#endif
