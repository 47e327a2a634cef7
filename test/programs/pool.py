#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Usage: pool.py [METHOD]

A pool of processes, started by METHOD if there is one, maps numbers until the file `end` is there. Prints the number of
each round that was right.
"""
import multiprocessing
import os
import sys


def square(x):
    return x * x


if __name__ == "__main__":
    if len(sys.argv) > 1:
        multiprocessing.set_start_method(sys.argv[1])
    n = 0
    with multiprocessing.Pool(3) as pool:
        while not os.path.exists("end"):
            n += 1
            assert pool.map(square, range(1000)) == [i * i for i in range(1000)]
            print(n, flush=True)
