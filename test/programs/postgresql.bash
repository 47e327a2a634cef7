# SPDX-License-Identifier: Apache-2.0
# Shared by the programs with PostgreSQL; sourced, not run. A fresh cluster in the folder `data`, and what pgbench leaves.
folders=(/usr/lib/postgresql/*/bin)
bin=${folders[-1]}
needs "$bin/postgres" "$bin/pgbench" setpriv
mkdir data
chown postgres . data
as=(setpriv --reuid postgres --regid postgres --clear-groups)
"${as[@]}" "$bin/initdb" -D data --auth=trust >/dev/null 2>&1 || { echo "not ok - $program: initdb"; exit 1; }

sums=$(<"$here/pgbench_sums.sql")

# The answer is in `sums`, and the reports of pgbench are in `rounds`.
nothing_is_lost() {
	[[ $(<sums) == "t|t|t" ]] || fail "the sums differ: $(<sums) $(tail -n 5 server.out 2>/dev/null) $(timeout 5 dvs logs 0 $ep 2>&1 | tail -n 3)"
	grep -vE '^progress: .* 0 failed|^progress: [0-9.]+ s, [0-9.]+ tps, lat [0-9.]+ ms stddev [0-9.]+$|^pgbench' rounds | grep . >wrong && fail "$(<wrong)"
}
