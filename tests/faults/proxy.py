"""A TCP proxy on a free port that mistreats what passes through it.

Each direction has a lane: `up` is client to server, `down` the way back. A lane delays, cuts bytes into segments of one,
holds back, drops (what is sent now never arrives) or filters. vanish() is a network that has gone: the kernel itself
drops every packet that comes to us, so that nothing is acknowledged, keepalives neither, and no connection is made.
Nobody gets a FIN or RST unless cut(rst=True) sends one.
"""
import asyncio
import ctypes
import socket
import struct
import threading

READ = 64 * 1024
SO_ATTACH_FILTER, SO_DETACH_FILTER = 26, 27
DROP_ALL = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))  # classic BPF: return 0 bytes


def drop_packets(sock, dropping):
    """Whether the kernel drops what arrives at a socket, before TCP sees it (socket(7), SO_ATTACH_FILTER)."""
    if dropping:
        sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HL", 1, ctypes.addressof(DROP_ALL)))
    else:
        try:
            sock.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)
        except FileNotFoundError:
            pass  # it had none


class Lane:
    def __init__(self):
        self.delay = 0.0  # seconds
        self.segment = 0  # bytes of one write; 0: as they come
        self.held = False
        self.dropped = False
        self.filter = None  # makes, for each new connection, a function bytes -> bytes
        self.bytes = 0  # that arrived at the other side


class Pair:
    """One connection of a client and ours to the server."""

    def __init__(self, client, server):
        self.client, self.server = client, server
        self.dead = False  # silently cut


class Proxy:
    def __init__(self, host, port):
        self.target = (host, port)
        self.up, self.down = Lane(), Lane()
        self.pairs = set()
        self.connections = 0
        self.loop = asyncio.new_event_loop()
        started = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self.thread.start()
        started.wait()

    def _run(self, started):
        asyncio.set_event_loop(self.loop)
        self.server = self.loop.run_until_complete(asyncio.start_server(self._accept, "127.0.0.1", 0))
        self.port = self.server.sockets[0].getsockname()[1]
        started.set()
        self.loop.run_forever()

    def _call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(20)

    def hold(self, up=True, down=True):
        self.up.held, self.down.held = up, down

    def drop(self, up=True, down=True):
        self.up.dropped, self.down.dropped = up, down

    def slow(self, delay, segment=0):
        for lane in (self.up, self.down):
            lane.delay, lane.segment = delay, segment

    def vanish(self):
        """Packets vanish both ways, without a trace; heal() ends that."""
        self.hold()
        self._call(self._vanish(True))

    async def _vanish(self, dropping):
        sockets = [end.get_extra_info("socket") for pair in self.pairs for end in (pair.client, pair.server)]
        for sock in [*self.server.sockets, *sockets]:
            if sock.fileno() >= 0:
                drop_packets(sock, dropping)

    def cut(self, rst=True):
        """Ends the present connections: with an RST, or by silence for ever."""
        self._call(self._cut(rst))

    def heal(self):
        """New connections pass. Those that lost bytes stay silent, as if the way between them was forgotten."""
        if self.up.dropped or self.down.dropped:
            self.cut(rst=False)
        self._call(self._vanish(False))
        self.up.dropped = self.down.dropped = False
        self.hold(False, False)
        self.slow(0)

    def close(self):
        async def stop():
            self.server.close()
            await self._cut(rst=True)
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        self._call(stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()

    async def _cut(self, rst):
        for pair in list(self.pairs):
            pair.dead = True
            for writer in (pair.client, pair.server) if rst else ():
                sock = writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()

    async def _accept(self, reader, writer):
        self.connections += 1
        while self.up.held or self.down.held:
            await asyncio.sleep(0.02)
        try:
            server_reader, server_writer = await asyncio.open_connection(*self.target)
        except OSError:
            writer.transport.abort()
            return
        pair = Pair(writer, server_writer)
        self.pairs.add(pair)
        try:
            await asyncio.gather(self._lane(pair, reader, server_writer, self.up),
                                 self._lane(pair, server_reader, writer, self.down))
        finally:
            self.pairs.discard(pair)
            for end in (writer, server_writer):
                end.transport.abort()

    async def _lane(self, pair, reader, writer, lane):
        queue = asyncio.Queue(64)
        keep = lane.filter() if lane.filter else lambda data: data
        await asyncio.gather(self._read(reader, queue, lane), self._write(pair, queue, writer, lane, keep))

    async def _read(self, reader, queue, lane):
        data = b"-"
        while data:
            try:
                data = await reader.read(READ)
            except OSError:
                data = b""
            await queue.put((self.loop.time() + lane.delay, data))

    async def _write(self, pair, queue, writer, lane, keep):
        broken = False
        while True:
            due, data = await queue.get()
            await asyncio.sleep(max(0, due - self.loop.time()))
            while lane.held and not pair.dead:
                await asyncio.sleep(0.02)
            if not data:
                break
            if pair.dead or lane.dropped or broken:
                continue
            try:
                await self._pass(writer, keep(data), lane)
            except OSError:
                broken = True
        if not pair.dead and not lane.dropped and not broken and writer.can_write_eof():
            try:
                writer.write_eof()
            except OSError:
                pass

    async def _pass(self, writer, data, lane):
        size = lane.segment or len(data) or 1
        for i in range(0, len(data), size):
            writer.write(data[i:i + size])
            await writer.drain()
        lane.bytes += len(data)


def without_nats_acks(losing):
    """A filter for the way to nats-server: while losing(), every +ACK of a JetStream message is lost, all else passes."""
    pending = bytearray()

    def feed(data):
        pending.extend(data)
        out = bytearray()
        while (end := pending.find(b"\r\n")) >= 0:
            words = pending[:end].split()
            publishes = bool(words) and words[0].upper() in (b"PUB", b"HPUB")
            size = end + 2 + (int(words[-1]) + 2 if publishes else 0)
            if len(pending) < size:
                break
            frame = bytes(pending[:size])
            del pending[:size]
            if not (losing() and publishes and words[1].startswith(b"$JS.ACK.") and frame[end + 2:].startswith(b"+ACK")):
                out += frame
        return bytes(out)

    return feed
