"""What hostile files make a program do: loaded by itself in a sandbox."""

import time
from pathlib import Path

from pipeline.domain.errors import InputError


def take_memory() -> int:
    return len(bytearray(1 << 30))


def never_end() -> None:
    while True:
        pass


def sleep_long() -> None:
    time.sleep(60)


def write_file(path: str) -> None:
    Path(path).write_bytes(b"x")


def complain() -> None:
    raise InputError("this is the reason")
