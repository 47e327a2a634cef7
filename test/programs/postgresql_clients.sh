#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 180
#
# PostgreSQL whose pgbench is on a node that it does not come to: no transaction is lost, and none fails.
. "$(dirname "$0")/lib.bash"
folders=(/usr/lib/postgresql/*/bin)
bin=${folders[-1]}
needs "$bin/postgres" "$bin/pgbench" setpriv
address=10.77.0.152
mkdir data
chown postgres . data
as=(setpriv --reuid postgres --regid postgres --clear-groups)
"${as[@]}" "$bin/initdb" -D data --auth=trust >/dev/null 2>&1 || { echo "not ok - postgresql_clients: initdb"; exit 1; }
echo "host all all $address/24 trust" >>data/pg_hba.conf
start "${as[@]}" "$bin/postgres" -D data -p 7020 -k "$tmp" -c listen_addresses=$address
cat >work.sh <<P
ask() { $bin/psql -qAt -h $address -p 7020 -U postgres -c "\$1"; }
until ask 'select 1' >/dev/null 2>&1; do sleep 0.1; done
$bin/pgbench -i -q -h $address -p 7020 -U postgres postgres >/dev/null 2>&1
$bin/pgbench -h $address -p 7020 -U postgres -c 2 -n -T 100000 -P 1 postgres >pgbench.out 2>>rounds &
while [ ! -e end ]; do sleep 0.1; done
kill \$!
wait
ask 'select (select sum(abalance) from pgbench_accounts) = (select sum(delta) from pgbench_history), (select sum(bbalance) from pgbench_branches) = (select sum(delta) from pgbench_history), (select count(*) > 0 from pgbench_history)' >sums
P
timeout 150 dvs lab exec 2 -- sh work.sh &
moves
touch end
wait
[[ $(<sums) == "t|t|t" ]] || fail "the sums differ: $(<sums) $(timeout 5 dvs logs 0 $ep 2>&1 | tail -n 3)"
stops
grep -vE '^progress: .* 0 failed|^progress: [0-9.]+ s, [0-9.]+ tps, lat [0-9.]+ ms stddev [0-9.]+$|^pgbench' rounds | grep . >wrong && fail "$(<wrong)"
over
