"""Calls a function in a process of its own, with limits: a hostile file ends it, and not us.

The process is forked from one that has loaded what it needs, so that it costs milliseconds.
"""

import multiprocessing
import os
import resource
import signal
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from typing import Any, ParamSpec, TypeVar

from pipeline.domain.errors import InputError, RoadwearError

_P = ParamSpec("_P")
_T = TypeVar("_T")
_KIB = 1024
# All sandboxes of a process are forked from one server, which has loaded these.
_LOADED_ONCE = ("pipeline.adapters.probing", "pipeline.adapters.silence")


class Sandbox:
    """Calls functions that may be given anything."""

    def __init__(
        self,
        *,
        memory_bytes: int = 1536 * _KIB * _KIB,
        cpu_s: int = 300,
        wall_s: float = 600.0,
    ) -> None:
        """Set the limits.

        Args:
            memory_bytes: Of address space, beyond what loading the program takes.
            cpu_s: Of processor time.
            wall_s: Of time.
        """
        self._memory_bytes = memory_bytes
        self._cpu_s = cpu_s
        self._wall_s = wall_s
        self._context: ForkServerContext = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(list(_LOADED_ONCE))

    def call(self, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Return what a function returns; arguments and result must be picklable.

        Raises:
            InputError: The limits were passed, or the process died.
            RoadwearError: As the function raises it.
        """
        ours, theirs = self._context.Pipe(duplex=False)
        process = self._context.Process(
            target=_run,
            args=(theirs, (self._memory_bytes, self._cpu_s), function, args, kwargs),
            daemon=True,
        )
        process.start()
        theirs.close()
        try:
            answer = ours.recv() if ours.poll(self._wall_s) else None
        except EOFError:
            answer = None
        finally:
            ours.close()
            _end(process)
        if answer is None:
            raise InputError(
                "it could not be read within the limits of memory and time; the file is damaged, "
                "or made to do harm"
            )
        kind, value = answer
        if kind == "error":
            raise value
        result: _T = value
        return result


def _run(
    answers: Connection,
    limits: tuple[int, int],
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> None:
    os.setsid()
    memory_bytes, cpu_s = limits
    for what, most in (
        (resource.RLIMIT_AS, _size_bytes() + memory_bytes),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))
    try:
        answer = ("done", function(*args, **kwargs))
    except RoadwearError as error:
        answer = ("error", error)
    except MemoryError:
        answer = None
    answers.send(answer)


def _size_bytes() -> int:
    """Return the address space that the process has at present."""
    with open("/proc/self/statm", "rb") as statm:  # noqa: PTH123 - nothing else is loaded
        return int(statm.read().split()[0]) * resource.getpagesize()


def _end(process: "multiprocessing.process.BaseProcess") -> None:
    """End the process and whatever it started."""
    process.join(timeout=1.0)
    if process.pid is not None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    if process.is_alive():
        process.kill()
    process.join()
