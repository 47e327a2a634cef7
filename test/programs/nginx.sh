#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
#
# nginx with two workers under load.
. "$(dirname "$0")/lib.bash"
. "$here/nginx.bash"
configure 127.0.0.1:7010
served "nginx -c $tmp/nginx.conf" "$http_load 7010"
