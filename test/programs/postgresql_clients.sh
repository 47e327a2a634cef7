#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 180
#
# PostgreSQL whose pgbench is on a node that it does not come to: no transaction is lost, and none fails.
. "$(dirname "$0")/lib.bash"
. "$here/postgresql.bash"
address=10.77.0.152
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
ask '$sums' >sums
P
timeout 150 dvs lab exec 2 -- sh work.sh &
moves
touch end
wait
nothing_is_lost
stops
over
