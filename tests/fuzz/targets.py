"""All targets, and what each may be given to begin with."""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from tests.fuzz.engines import engine_answer
from tests.fuzz.relaying import event_stream, plain_answer, request_body
from tests.fuzz.workers import worker_message

_USAGE: Final = b'"usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12}'
_CHUNKED: Final = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


class Target(NamedTuple):
    """What is tried."""

    run: Callable[[bytes], None]
    seeds: tuple[bytes, ...]
    """Input that gets far. Those who drive change it, and put parts of it together."""


TARGETS: Final[Mapping[str, Target]] = {
    "event-stream": Target(
        event_stream,
        (
            b'\xffdata: {"choices":[{"delta":{"content":"a"}}]}\n\n',
            b'\x07data: {"choices":[],' + _USAGE + b"}\n\ndata: [DONE]\n\n",
            b'\x03event: x\r\ndata:{"choices":[],' + _USAGE + b"}\r\n\r\n: hm\r\r",
            b'\x20data: {"response":{"usage":{"input_tokens":1,"output_tokens":2}}}\r\r\n\n\n',
        ),
    ),
    "plain-answer": Target(
        plain_answer,
        (
            b"\x05{" + _USAGE + b"}",
            b'\xff{"usage":{"input_tokens":1,"input_tokens_details":{"cached_tokens":1}}}',
        ),
    ),
    "request-body": Target(
        request_body,
        (
            b'{"model":"m","stream":true,"stream_options":{"a":1.0}}',
            b' {"model":"m\\u0041","max_tokens":5,"messages":[{"role":"user"},2,3]}',
            b'{"model":"m","model":"\xc3\xa9","prompt":"model","stream":true}',
            b'{"a":{"model":"m"},"model":"m","stream":true,"stream_options":null}',
        ),
    ),
    "engine-answer": Target(
        engine_answer,
        (
            b"\x07HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: a/b\r\n\r\n{}",
            b"\xff" + _CHUNKED + b"3;x=y\r\nabc\r\n0\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
            b"\x01HTTP/1.0 200 OK\r\nRetry-After: 1\r\n\r\nuntil the end",
            b"\x30HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
            b"\x30HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nabc",
        ),
    ),
    "worker-message": Target(
        worker_message,
        (
            b'\x02"vllm_port":8000,"health_port":8081,"model_id":"m","metadata":{"a":[1]}}',
            b'\x03"status":"ready","queue_depth":3,"gpu_utilization":1e2,"agent_info":{}}',
            (
                b'\x03"status":" READY ","metadata":{"gpus":[{"index":0,"gpu_utilization":5}],'
                b'"vllm":{"queue_depth":1},"system":{"load1":1.0,"mem_used_bytes":9}}}'
            ),
            b'\x00{"instance_id":"00000000-0000-7000-8000-000000000001"}',
        ),
    ),
}
