#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# check
#
# perl with children whose output it reads.
. "$(dirname "$0")/lib.bash"
needs perl
repeated 'perl -e '\''my $n = 0; for (1..10) { my @p = map { my $k = $_; my $pid = open(my $f, "-|"); if (!$pid) { print $k * 2; exit } $f } 1..3; for (@p) { $n += <$_>; close $_ } } print "$n\n"'\'
