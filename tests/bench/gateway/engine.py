"""An engine that costs next to nothing: ``python -m tests.bench.gateway.engine PORT CHUNKS MS``.

A call that is not streamed is answered at once; a stream has so many chunks at such a pace, each
with the moment of its departure (``CLOCK_MONOTONIC``, which all processes of a machine share).
"""

import asyncio
import sys
import time
from typing import Any, Final

import uvloop

_ANSWER: Final = (
    b'{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"mock-echo-model",'
    b'"choices":[{"index":0,"message":{"role":"assistant","content":"One two three four five."},'
    b'"finish_reason":"stop"}],"usage":{"prompt_tokens":12,"completion_tokens":6,"total_tokens":18}}'
)
_PLAIN: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
    % (len(_ANSWER), _ANSWER)
)
_BEGIN: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
)
_EVENT: Final = (
    b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,'
    b'"model":"mock-echo-model","choices":[{"index":0,"delta":{"content":"@%d@"},'
    b'"finish_reason":null}]}\n\n'
)
_END: Final = (
    b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,'
    b'"model":"mock-echo-model","choices":[],"usage":{"prompt_tokens":12,"completion_tokens":6,'
    b'"total_tokens":18}}\n\ndata: [DONE]\n\n'
)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class Engine(asyncio.Protocol):
    """One connection."""

    def __init__(self, chunks: int, gap_s: float) -> None:
        self._chunks = chunks
        self._gap_s = gap_s
        self._seen = b""

    def connection_made(self, transport: Any) -> None:
        """Be ready."""
        self._transport: asyncio.Transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer a request once it is whole."""
        self._seen += data
        head, found, body = self._seen.partition(b"\r\n\r\n")
        if not found:
            return
        lowered = head.lower()
        place = lowered.find(b"content-length:")
        length = int(lowered[place + 15 :].split(b"\r\n", 1)[0]) if place >= 0 else 0
        if len(body) < length:
            return
        self._seen = body[length:]
        if b'"stream":true' in body or b'"stream": true' in body:
            self._transport.write(_BEGIN)
            self._say(0)
        else:
            self._transport.write(_PLAIN)

    def _say(self, said: int) -> None:
        if self._transport.is_closing():
            return
        if said == self._chunks:
            self._transport.write(_chunk(_END) + b"0\r\n\r\n")
            return
        self._transport.write(_chunk(_EVENT % time.monotonic_ns()))
        asyncio.get_running_loop().call_later(self._gap_s, self._say, said + 1)


async def serve(port: int, chunks: int, gap_s: float) -> None:
    """Serve until killed."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Engine(chunks, gap_s), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]) / 1000))
