#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 180
#
# PostgreSQL with pgbench running: no transaction is lost, and none fails.
. "$(dirname "$0")/lib.bash"
folders=(/usr/lib/postgresql/*/bin)
bin=${folders[-1]}
needs "$bin/postgres" "$bin/pgbench" setpriv
mkdir data
chown postgres . data
as=(setpriv --reuid postgres --regid postgres --clear-groups)
"${as[@]}" "$bin/initdb" -D data --auth=trust >/dev/null 2>&1 || { echo "not ok - postgresql: initdb"; exit 1; }
cat >work.sh <<P
PATH=$bin:\$PATH
postgres -D data -p 7017 -k $tmp -c listen_addresses= >server.out 2>&1 &
server=\$!
until psql -qAt -h $tmp -p 7017 -c 'select 1' postgres >/dev/null 2>&1; do sleep 0.1; done
pgbench -i -q -h $tmp -p 7017 postgres >/dev/null 2>&1
(while [ ! -e end ]; do sleep 0.1; done; pkill -INT -x pgbench) &
pgbench -h $tmp -p 7017 -c 2 -n -T 100000 -P 1 postgres >pgbench.out 2>>rounds
psql -qAt -h $tmp -p 7017 postgres -c 'select (select sum(abalance) from pgbench_accounts) = (select sum(delta) from pgbench_history), (select sum(bbalance) from pgbench_branches) = (select sum(delta) from pgbench_history), (select count(*) > 0 from pgbench_history)' >sums
kill -INT \$server
wait
P
chown postgres work.sh
start "${as[@]}" sh work.sh
moves
ends
[[ $(<sums) == "t|t|t" ]] || fail "the sums differ: $(<sums) $(tail -n 5 server.out)"
grep -vE '^progress: .* 0 failed|^progress: [0-9.]+ s, [0-9.]+ tps, lat [0-9.]+ ms stddev [0-9.]+$|^pgbench' rounds | grep . >wrong && fail "$(<wrong)"
over
