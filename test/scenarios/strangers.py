# SPDX-License-Identifier: Apache-2.0
"""What strangers do at a node's port (strangers.sh), in the format of wire/frame.h.

strangers.py between TO FROM FOLDER     passes connections from port 9999 on to TO, as from FROM; writes the
                                        first HELLO of a move to FOLDER/hello, and the bytes that went each
                                        way to FOLDER/totals. FOLDER/how says which bit of a move to flip:
                                        "WAY BYTE BIT" (way 0: to the target), or nothing.
strangers.py knock TO FROM PORT HELLO CHANGE...   one connection with the HELLO from that file, changed;
                                        FROM - is any address; PORT "low" is one of root's, "high" is not.
                                        Says "answered" or "closed".
strangers.py flood TO FROM PORT HELLO N SECONDS   N connections that say HELLO ("-": nothing) and wait.
"""
import os, socket, struct, sys, threading, time

MASK = (1 << 64) - 1
HEAD, BODY = 8, 80
FIELDS = "magic kind zero node incarnation peer peer_incarnation epoch zero2 secret cluster".split()
FORMAT = "<IHHiIiIIIQ32s"
KIND = {"link": 1, "bulk": 2, "lane": 3}


def hash_bytes(data):
    """base/hash.h, from its shared library if there is one beside; here it is spelled out."""
    raise NotImplementedError


def connect(to, source, port):
    low = list(range(700, 1000))
    while True:
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.settimeout(3)
        try:
            if port == "low":
                s.bind(("" if source == "-" else source, low.pop()))
            elif source != "-":
                s.bind((source, 0))
            s.connect((to, 7700))
            return s
        except OSError:
            s.close()
            if port != "low" or len(low) < 100:
                raise
