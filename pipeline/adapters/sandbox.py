"""Calls a function in a process of its own, with limits: a hostile file ends it, and not us."""

import pickle
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from pipeline.adapters.sandboxed import read_frame, write_frame
from pipeline.domain.errors import InputError

_P = ParamSpec("_P")
_T = TypeVar("_T")
_MIB = 1 << 20


class Sandbox:
    """Calls functions that may be given anything; one at a time."""

    def __init__(
        self, *, memory_bytes: int = 1536 * _MIB, cpu_s: int = 300, wall_s: float = 600.0
    ) -> None:
        """Set the limits.

        Args:
            memory_bytes: Of address space, beyond what loading the program takes.
            cpu_s: Of processor time.
            wall_s: Of time.
        """
        self._limits = (memory_bytes, cpu_s, wall_s)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def call(self, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Return what a function returns; arguments and result must be picklable.

        Raises:
            InputError: The limits were passed, or the process died.
            RoadwearError: As the function raises it.
        """
        with self._lock:
            answer = self._ask(pickle.dumps((function, args, kwargs)))
        if not answer:
            raise InputError(
                "it could not be read within the limits of memory and time; the file is damaged, "
                "or made to do harm"
            )
        kind, value = pickle.loads(answer)  # noqa: S301 - from our own other end
        if kind == "error":
            raise value
        result: _T = value
        return result

    def _ask(self, call: bytes) -> bytes | None:
        process = self._started()
        if process.stdin is None or process.stdout is None:
            return None
        try:
            write_frame(process.stdin, call)  # type: ignore[arg-type]
            return read_frame(process.stdout)  # type: ignore[arg-type]
        except OSError:
            return None

    def _started(self) -> "subprocess.Popen[bytes]":
        """Return the process that forks, started if it does not run."""
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", "pipeline.adapters.sandboxed", *map(str, self._limits)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            weakref.finalize(self, _end, self._process)
        return self._process


def _end(process: "subprocess.Popen[bytes]") -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    process.wait(timeout=10)
