"""Calls a function in a process of its own, with limits: a hostile file ends it, and not us."""

import io
import pickle
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import ParamSpec, TypeVar

from pipeline.adapters.sandboxed import read_frame, write_frame
from pipeline.domain.errors import InputError, OutageError

_P = ParamSpec("_P")
_T = TypeVar("_T")
_MIB = 1 << 20
_MOST_BYTES = 256 * _MIB
_PLAIN = {
    ("datetime", "datetime"),
    ("datetime", "timezone"),
    ("datetime", "timedelta"),
    ("fractions", "Fraction"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.numeric", "_frombuffer"),
    ("_codecs", "encode"),
}


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
            answer = self._asked(pickle.dumps((function, args, kwargs)))
        if not answer:
            raise InputError(
                "it could not be read within the limits of memory and time; the file is damaged, "
                "or made to do harm"
            )
        kind, value = _Answer(io.BytesIO(answer)).load()
        if kind == "error":
            raise value
        result: _T = value
        return result

    def _asked(self, call: bytes) -> bytes:
        """Return the answer; empty where the fork died.

        Raises:
            OutageError: The process that forks was ended, also the second time.
        """
        for _ in range(2):
            process = self._started()
            if process.stdin is not None and process.stdout is not None:
                with suppress(OSError):
                    write_frame(process.stdin, call)  # type: ignore[arg-type]
                    answer = read_frame(process.stdout, _MOST_BYTES)  # type: ignore[arg-type]
                    if answer is not None:
                        return answer
            process.kill()
            process.wait()
        raise OutageError("the process that reads files was ended; try again")

    def _started(self) -> "subprocess.Popen[bytes]":
        """Return the process that forks, started if it does not run."""
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", "pipeline.adapters.sandboxed", *map(str, self._limits)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,
            )
            weakref.finalize(self, _end, self._process)
        return self._process


class _Answer(pickle.Unpickler):
    """Reads an answer: it may hold our own values and plain ones, and run nothing.

    The fork has opened a file from outside, and may be somebody else's by now.
    """

    def find_class(self, module: str, name: str) -> object:
        """Return one of our own types, or of those that they hold."""
        if module.startswith("pipeline.domain.") or (module, name) in _PLAIN:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} is no answer")


def _end(process: "subprocess.Popen[bytes]") -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    process.wait(timeout=10)
