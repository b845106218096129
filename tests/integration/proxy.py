# SPDX-License-Identifier: Apache-2.0
"""A CONNECT proxy between daemon and referee: it notes what it is asked for, and fails on request."""

import asyncio
import base64
import socket
import threading


class Proxy:
    """`with Proxy() as proxy:`; context makes it a proxy that speaks TLS itself. Names lead to
    loopback. proxy.answer, bytes, is said instead of opening a tunnel; b"" says nothing, ever."""

    def __init__(self, context=None, user=None, password=None):
        self.context = context
        self.wanted = None if user is None else "Basic " + base64.b64encode(
            f"{user}:{password}".encode()).decode()
        self.answer = None
        self.heads = []     # [(target, {header in lower case: value})]
        self.listener = socket.create_server(("127.0.0.1", 0))
        login = "" if user is None else f"{user}:{password}@"
        scheme = "http" if context is None else "https"
        self.shown = f"{scheme}://127.0.0.1:{self.listener.getsockname()[1]}"
        self.url = self.shown.replace("://", "://" + login)

    @property
    def targets(self):
        return {target for target, _ in self.heads}

    async def pump(self, reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    async def serve(self, reader, writer):
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        except (asyncio.IncompleteReadError, OSError):
            writer.close()
            return
        method, target, _ = head[0].split(" ")
        assert method == "CONNECT", head
        headers = {k.lower(): v.strip() for k, v in
                   (line.split(":", 1) for line in head[1:] if line)}
        self.heads.append((target, headers))
        answer = self.answer
        if answer is None and headers.get("proxy-authorization") != self.wanted:
            answer = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
        if answer is not None:
            if answer:
                writer.write(answer)
                writer.close()
            return
        far_reader, far_writer = await asyncio.open_connection(
            "127.0.0.1", int(target.rsplit(":", 1)[1]))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(self.pump(reader, far_writer), self.pump(far_reader, writer))

    async def run(self, ready):
        server = await asyncio.start_server(self.serve, sock=self.listener, ssl=self.context)
        self.loop, self.over = asyncio.get_running_loop(), asyncio.Event()
        ready.set()
        await self.over.wait()
        server.close()

    def __enter__(self):
        ready = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self.run(ready)), daemon=True)
        self.thread.start()
        assert ready.wait(20)
        return self

    def __exit__(self, *exception):
        self.loop.call_soon_threadsafe(self.over.set)
        self.thread.join()
