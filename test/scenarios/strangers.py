# SPDX-License-Identifier: Apache-2.0
"""What strangers do at a node's port (strangers.sh), in the format of wire/frame.h.

between TO FROM FOLDER         passes what comes to port 9999 on to the node TO, as from FROM. Of a move it
                               writes the first HELLO to FOLDER/hello and the bytes of each way to
                               FOLDER/totals, and flips the bit that FOLDER/how names: "WAY BYTE BIT"
                               (way 0 is to the target).
knock TO FROM PORT HELLO CHANGE...   one connection with the HELLO in that file, changed. FROM - is any
                               address; PORT is "low", one of root's, or "high". Says "answered" or "closed".
flood TO FROM PORT HELLO N SECONDS   N connections that say the HELLO ("-" nothing) and wait.
"""
import os, socket, struct, sys, threading, time

MASK, SEED, MULTIPLIER = (1 << 64) - 1, 0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93
FIELDS = "magic kind zero node incarnation peer peer_incarnation epoch zero2 secret cluster".split()
FORMAT, BYTES = "<IHHiIiIIIQ32s", 88


def hash_word(h, word):
    product = (h ^ word ^ SEED) * MULTIPLIER
    return ((product & MASK ^ product >> 64) + ((h << 1 | h >> 63) & MASK)) & MASK


def hash_words(data):  # base/hash.h; whole words only
    h = hash_word(SEED, len(data))
    for (word,) in struct.iter_unpack("<Q", data):
        h = hash_word(h, word)
    return hash_word(h, SEED)


def changed(hello, changes):
    fields = dict(zip(FIELDS, struct.unpack(FORMAT, hello[8:80])))
    for change in changes:
        name, value = change.split("=")
        fields[name] = int(value)
    body = struct.pack(FORMAT, *fields.values())
    return hello[:8] + body + struct.pack("<Q", hash_words(body))


def connect(to, source, port):
    for low in range(700, 1000):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.settimeout(5)
        try:
            if port == "low" or source != "-":
                s.bind(("" if source == "-" else source, low if port == "low" else 0))
            s.connect((to, 7700))
            return s
        except OSError:
            s.close()
            if port != "low":
                raise
    sys.exit("no port")


def full(s):
    data = b""
    while len(data) < BYTES and (more := s.recv(BYTES - len(data))):
        data += more
    return data


def knock(to, source, port, path, *changes):
    hello = changed(open(path, "rb").read(), changes)
    try:
        s = connect(to, source, port)
        s.sendall(hello)
        print("answered" if s.recv(1) else "closed")
    except (ConnectionError, BrokenPipeError):
        print("closed")


def flood(to, source, port, path, count, seconds):
    words = b"" if path == "-" else open(path, "rb").read()
    held = []
    for _ in range(int(count)):
        try:
            s = connect(to, source, port)
            held.append(s)
            s.sendall(words)
        except OSError:
            pass
    print("connected", len(held), flush=True)
    time.sleep(float(seconds))


class Passing:
    """One connection: its two ways, the bytes of each, and the bit to flip."""

    def __init__(self, near, to, source, folder):
        self.total, self.folder = [0, 0], folder
        hello = full(near)
        self.move = len(hello) == BYTES and struct.unpack_from("<H", hello, 12)[0] == 2
        how = open(folder + "/how").read().split() if self.move else []
        self.how = [int(n) for n in how] if how else None
        if self.move and not os.path.exists(folder + "/hello"):
            with open(folder + "/hello", "wb") as f:
                f.write(hello)
        far = connect(to, source, "low")
        far.settimeout(None)
        self.send(0, far, hello)
        other = threading.Thread(target=self.pump, args=(1, far, near))
        other.start()
        self.pump(0, near, far)
        other.join()
        if self.move:
            with open(folder + "/totals", "w") as f:
                print(*self.total, file=f)

    def send(self, way, to, data):
        if self.how and self.how[0] == way and 0 <= self.how[1] - self.total[way] < len(data):
            data = bytearray(data)
            data[self.how[1] - self.total[way]] ^= 1 << self.how[2]
            print("flipped", *self.how, flush=True)
        self.total[way] += len(data)
        to.sendall(data)

    def pump(self, way, source, to):
        try:
            while data := source.recv(65536):
                self.send(way, to, data)
        except OSError:
            pass
        for s in (source, to):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def between(to, source, folder):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("0.0.0.0", 9999))
    listener.listen(50)
    print("ready", flush=True)
    while True:
        near = listener.accept()[0]
        threading.Thread(target=Passing, args=(near, to, source, folder), daemon=True).start()


{"between": between, "knock": knock, "flood": flood}[sys.argv[1]](*sys.argv[2:])
