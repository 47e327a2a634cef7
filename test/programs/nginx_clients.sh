#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
#
# nginx whose clients are on a node that it does not come to, and keep their connections.
. "$(dirname "$0")/lib.bash"
. "$here/nginx.bash"
address=10.77.0.151
configure $address:7019
start nginx -c "$tmp/nginx.conf"
# shellcheck disable=SC2086 # a command and its argument
served_from_afar $http_load $address:7019
