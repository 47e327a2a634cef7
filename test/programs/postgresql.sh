#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 180
#
# PostgreSQL with pgbench running: no transaction is lost, and none fails.
. "$(dirname "$0")/lib.bash"
. "$here/postgresql.bash"
cat >work.sh <<P
PATH=$bin:\$PATH
postgres -D data -p 7017 -k $tmp -c listen_addresses= >server.out 2>&1 &
server=\$!
until psql -qAt -h $tmp -p 7017 -c 'select 1' postgres >/dev/null 2>&1; do sleep 0.1; done
pgbench -i -q -h $tmp -p 7017 postgres >/dev/null 2>&1
(while [ ! -e end ]; do sleep 0.1; done; pkill -INT -x pgbench) &
pgbench -h $tmp -p 7017 -c 2 -n -T 100000 -P 1 postgres >pgbench.out 2>>rounds
psql -qAt -h $tmp -p 7017 postgres -c '$sums' >sums
kill -INT \$server
wait
P
chown postgres work.sh
start "${as[@]}" sh work.sh
moves
ends
nothing_is_lost
over
