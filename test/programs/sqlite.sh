#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
#
# sqlite in a write transaction, which holds its locks during the moves.
. "$(dirname "$0")/lib.bash"
needs sqlite3
cat >transaction.py <<'P'
import os, sqlite3, sys, time
db = sqlite3.connect("data.db", isolation_level=None)
db.execute("create table number(value)")
db.execute("begin exclusive")
n = 0
while not os.path.exists("end"):
    n += 1
    db.execute("insert into number values(?)", (n,))
    print(n, flush=True)
    time.sleep(0.01)
db.execute("commit")
P
start sh -c 'exec python3 transaction.py >rounds 2>&1'
moves
ends
[[ $(sqlite3 data.db 'pragma integrity_check; select count(*), max(value), min(value) from number') == "ok"$'\n'"$(progress)|$(progress)|1" ]] ||
	fail "the data are wrong: $(sqlite3 data.db 'pragma integrity_check; select count(*), max(value) from number') for $(progress)"
over
