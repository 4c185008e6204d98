"""Runs each suite against a process of its own, says how it went in one line, and in the last line how all did, as JSON."""

import json
import os
import sys
import time
from collections.abc import Callable

import api
import sockets
from process import Failed

# Of schemathesis in `make test`; what it has not come to by then waits for a run with more.
SECONDS = 60

SUITES: dict[str, Callable[[int], str]] = {
    "autobahn-server": lambda _: sockets.server(),
    "autobahn-client": lambda _: sockets.client(),
    "schemathesis": api.schemathesis,
}


def main() -> int:
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    failed = sum(not passes(name, suite, seconds) for name, suite in SUITES.items())
    print(json.dumps({"suites": len(SUITES), "ran": len(SUITES), "skipped": 0, "failed": failed}, separators=(",", ":")))
    return 1 if failed else 0


def passes(name: str, suite: Callable[[int], str], seconds: int) -> bool:
    began = time.monotonic()
    try:
        said, passed = suite(seconds), True
    except Failed as failed:
        said, passed = str(failed), False
    print(f"{'ran' if passed else 'FAILED'} {name} in {time.monotonic() - began:.0f} s: {said}", flush=True)
    return passed


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    # Without the interpreter's end: a thread of kosoku that is still at work there aborts the process now and then.
    os._exit(code)
