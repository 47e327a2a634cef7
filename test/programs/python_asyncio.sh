#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# check
#
# Python asyncio: a server and ten clients in one process.
. "$(dirname "$0")/lib.bash"
needs python3
cat >work.py <<'P'
import asyncio, os
n = 0
async def serve(reader, writer):
    while line := await reader.readline():
        writer.write(line)
        await writer.drain()
    writer.close()
async def call():
    global n
    reader, writer = await asyncio.open_connection("127.0.0.1", 7001)
    i = 0
    while not os.path.exists("end"):
        writer.write(b"%d\n" % i)
        assert await reader.readline() == b"%d\n" % i
        i += 1
        if i % 10 == 0:
            n += 1
            print(n, flush=True)
        await asyncio.sleep(0.001)
    writer.close()
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 7001)
    await asyncio.gather(*[call() for _ in range(10)])
    server.close()
asyncio.run(main())
P
counts python3 work.py
