# SPDX-License-Identifier: Apache-2.0
"""What strangers do at a node's port (strangers.sh).

between TO FOLDER     passes what comes to port 9999 on to the node TO. Of a move it writes the bytes of the first way to
                      FOLDER/said and the number of each way's to FOLDER/totals, and flips the bit that FOLDER/how names:
                      "WAY BYTE BIT" (way 0 is to the target). When FOLDER/how changes it ends the connections
                      that are ready for moves, which were made before.
say TO WORDS FILE     one connection with these words: hello1, hello2, hello3 (what a link, a move, a lane said before there
                      were keys), http, noise, tls12, tls13 (without a key), replay and drip (FILE, at once or slowly),
                      half. Says "closed" and after how many seconds, and with how many bytes; or "open".
flood TO FILE N SECONDS   N connections that say the first words of FILE ("-" nothing) and wait.
"""
import os, socket, ssl, struct, sys, threading, time

MARK = b"DVSkey 1"  # base/identity.c: an identity, which is shown before anything is secret
MASK, SEED, MULTIPLIER = (1 << 64) - 1, 0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93


def hash_word(h, word):
    product = (h ^ word ^ SEED) * MULTIPLIER
    return ((product & MASK ^ product >> 64) + ((h << 1 | h >> 63) & MASK)) & MASK


def hash_words(data):  # base/hash.h; whole words only
    h = hash_word(SEED, len(data))
    for (word,) in struct.iter_unpack("<Q", data):
        h = hash_word(h, word)
    return hash_word(h, SEED)


def plain_hello(kind):
    body = struct.pack("<IHHiIiIIIQ32s", 0x4B4C5644, kind, 0, 0, 1, 1, 1, 1, 0, 12345, b"dvs")
    return struct.pack("<HHI", 6, 1, 80) + body + struct.pack("<Q", hash_words(body))


def tls(version):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    try:
        context.wrap_bio(incoming, outgoing).do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()


def words_of(name, path):
    if name.startswith("hello"):
        return plain_hello(int(name[5]))
    if name in ("replay", "drip"):
        return open(path, "rb").read()
    return {
        "http": b"GET / HTTP/1.1\r\nHost: somewhere\r\n\r\n",
        "noise": os.urandom(4096),
        "half": b"\x16\x03\x01\x01",
        "tls12": tls(ssl.TLSVersion.TLSv1_2) if name == "tls12" else b"",
        "tls13": tls(ssl.TLSVersion.TLSv1_3) if name == "tls13" else b"",
    }[name]


def say(to, name, path):
    words, start, got = words_of(name, path), time.time(), 0
    s = socket.create_connection((to, 7700), timeout=5)
    try:
        for i in range(0, len(words), 1 if name == "drip" else len(words)):
            s.sendall(words[i : i + (1 if name == "drip" else len(words))])
            if name == "drip":
                time.sleep(0.02)
        s.settimeout(5)
        while data := s.recv(65536):
            got += len(data)
    except TimeoutError:
        print("open")
        return
    except OSError:
        pass
    print("closed", round(time.time() - start), got)


def flood(to, path, count, seconds):
    words = b"" if path == "-" else open(path, "rb").read()[:200]
    held = []
    for _ in range(int(count)):
        try:
            s = socket.create_connection((to, 7700), timeout=5)
            held.append(s)
            s.sendall(words)
        except OSError:
            pass
    print("connected", len(held), flush=True)
    time.sleep(float(seconds))


READY_BYTES = 4096  # a connection by which no process has moved has said less


class Passing:
    """One connection: its two ways, the bytes of each, and the bit to flip."""

    ready = []

    @staticmethod
    def end_ready():
        while Passing.ready:
            near, passing = Passing.ready.pop()
            if passing.total[0] <= READY_BYTES:
                try:
                    near.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def __init__(self, near, to, folder):
        self.total, self.folder, self.said = [0, 0], folder, b""
        first = b""
        while MARK not in first and (more := near.recv(65536)):
            first += more
        at = first.find(MARK)
        self.move = at >= 0 and struct.unpack_from(">H", first, at + 12)[0] == 2
        how = open(folder + "/how").read().split() if self.move else []
        self.how = [int(n) for n in how] if how else None
        if self.move:
            Passing.ready.append((near, self))
        far = socket.create_connection((to, 7700))
        self.send(0, far, first)
        other = threading.Thread(target=self.pump, args=(1, far, near))
        other.start()
        self.pump(0, near, far)
        other.join()
        if self.move and not self.how and self.total[0] > READY_BYTES:
            for name, data in (("said", self.said), ("totals", b"%d %d\n" % tuple(self.total))):
                with open(folder + "/" + name, "wb") as f:
                    f.write(data)

    def send(self, way, to, data):
        if self.how and self.how[0] == way and 0 <= self.how[1] - self.total[way] < len(data):
            data = bytearray(data)
            data[self.how[1] - self.total[way]] ^= 1 << self.how[2]
            print("flipped", *self.how, flush=True)
        self.total[way] += len(data)
        if way == 0 and self.move:
            self.said += data
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


def watch(path):
    before = None
    while True:
        now = os.stat(path).st_mtime_ns
        if now != before:
            Passing.end_ready()
        before = now
        time.sleep(0.01)


def between(to, folder):
    threading.Thread(target=watch, args=(folder + "/how",), daemon=True).start()
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("0.0.0.0", 9999))
    listener.listen(50)
    print("ready", flush=True)
    while True:
        near = listener.accept()[0]
        threading.Thread(target=Passing, args=(near, to, folder), daemon=True).start()


{"between": between, "say": say, "flood": flood}[sys.argv[1]](*sys.argv[2:])
