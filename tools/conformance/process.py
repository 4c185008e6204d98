"""The processes that suites talk to."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TARGET = Path(os.environ.get("CARGO_TARGET_DIR", "target"))


class Failed(Exception):
    """A suite found something; the text is what."""


def built(program: str) -> Path:
    return TARGET / "debug" / program


@contextmanager
def running(program: str, *arguments: str) -> Iterator[str]:
    """Start what was built; its first line says where it listens."""
    path = built(program)
    with subprocess.Popen([path, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            address = process.stdout.readline().strip()
            if not address:
                raise Failed(f"{path} did not start")
            yield address
            if process.poll() is not None:
                raise Failed(f"{path} ended by itself, with {process.returncode}")
        finally:
            process.kill()
