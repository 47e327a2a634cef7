#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
#
# mosquitto with a client that publishes and one that subscribes: no message is missing, none comes twice.
. "$(dirname "$0")/lib.bash"
needs mosquitto mosquitto_pub mosquitto_sub
cat >work.sh <<'P'
mosquitto -p 7015 >broker.out 2>&1 &
broker=$!
until mosquitto_pub -p 7015 -t other -m begins 2>/dev/null; do sleep 0.05; done
# The broker keeps the subscription from here on, also for a subscriber that comes later than the first number.
mosquitto_sub -p 7015 -c -i counter -q 1 -t numbers -E
mosquitto_sub -p 7015 -c -i counter -q 1 -t numbers >>rounds 2>&1 &
subscriber=$!
i=0
while [ ! -e end ]; do
	i=$((i + 1))
	echo $i
	sleep 0.005
done | mosquitto_pub -p 7015 -q 1 -t numbers -l
sleep 0.5
kill $subscriber $broker
wait
P
start sh work.sh
moves
ends
is_counted
over
