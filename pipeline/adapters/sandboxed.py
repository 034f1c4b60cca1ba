"""The process from which a sandbox forks: it has loaded what is needed, and forks for each call.

Speaks over its standard input and output: frames of a length (8 bytes) and a pickle. An answer of
no bytes means that the fork died, or passed its limits.
"""

import os
import pickle
import resource
import select
import signal
import sys
import time
import traceback
from contextlib import suppress
from typing import BinaryIO

from pipeline.adapters import blanking, judging, probing, silence  # noqa: F401 - loaded once, before any fork
from pipeline.domain.errors import RoadwearError

_LENGTH_BYTES = 8
_CHUNK_BYTES = 1 << 16


def read_frame(source: BinaryIO, most_bytes: int = 1 << 40) -> bytes | None:
    """Return the next frame; None at the end, or where it is too long."""
    head = source.read(_LENGTH_BYTES)
    if len(head) < _LENGTH_BYTES:
        return None
    length = int.from_bytes(head)
    if length > most_bytes:
        return None
    content = source.read(length)
    return content if len(content) == length else None


def write_frame(target: BinaryIO, content: bytes) -> None:
    """Write a frame."""
    target.write(len(content).to_bytes(_LENGTH_BYTES) + content)
    target.flush()


def serve() -> None:
    """Answer calls until the other end is gone."""
    memory_bytes, cpu_s, wall_s = (float(value) for value in sys.argv[1:4])
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not look like an answer
    while (call := read_frame(sys.stdin.buffer)) is not None:
        write_frame(answers, _forked(call, (int(memory_bytes), int(cpu_s)), wall_s))


def _forked(call: bytes, limits: tuple[int, int], wall_s: float) -> bytes:
    """Do a call in a fork, and return its answer."""
    coming, going = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(coming)
            os.setpgid(0, 0)
            _limit(*limits)
            answer = _do(call)
            with os.fdopen(going, "wb") as target:
                target.write(answer)
            status = 0
        except BaseException:  # noqa: BLE001 - told here; the caller learns that the fork died
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(going)
    found, until = bytearray(), time.monotonic() + wall_s
    while True:
        ready, _, _ = select.select([coming], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            break
        chunk = os.read(coming, _CHUNK_BYTES)
        if not chunk:
            break
        found += chunk
    os.close(coming)
    finished = bool(ready)
    if not finished:
        _kill(child)
    _, status = os.waitpid(child, 0)
    _kill(child)
    return bytes(found) if finished and status == 0 else b""


def _do(call: bytes) -> bytes:
    function, args, kwargs = pickle.loads(call)  # noqa: S301 - from our own other end
    try:
        return pickle.dumps(("done", function(*args, **kwargs)))
    except RoadwearError as error:
        return pickle.dumps(("error", error))


def _limit(memory_bytes: int, cpu_s: int) -> None:
    for what, most in (
        (resource.RLIMIT_AS, _size_bytes() + memory_bytes),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


def _size_bytes() -> int:
    """Return the address space that the process has at present."""
    with open("/proc/self/statm", "rb") as statm:  # noqa: PTH123 - nothing more is loaded
        return int(statm.read().split()[0]) * resource.getpagesize()


def _kill(child: int) -> None:
    """Kill a fork, and whatever it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)


if __name__ == "__main__":
    serve()
