-- SPDX-License-Identifier: Apache-2.0
-- Whether the accounts, the branches and the history that pgbench has left agree, and there is a history: "t|t|t".
select (select sum(abalance) from pgbench_accounts) = (select sum(delta) from pgbench_history),
    (select sum(bbalance) from pgbench_branches) = (select sum(delta) from pgbench_history),
    (select count(*) > 0 from pgbench_history)
