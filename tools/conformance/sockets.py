"""Autobahn's cases, by kosoku: the original runner takes Python 2.7, and this one drives the same case files.

The server is `examples/echo_host.rs` of dormouse-server: the product's accepting, upgrade, limits and closing around a conversation that
is none of ours. The client is `examples/echo_client.rs` of dormouse-client, with the product's way to connect.
"""

import asyncio
from collections import Counter

from kosoku import FailureError, run_fuzzingclient, run_fuzzingserver

from process import Failed, built, running

# How many there are: a runner that leaves some out has not passed.
CASES = 517

# Cases mostly wait.
AT_ONCE = 8

# All cases take 4 s on two cores, and took 25 s on two that eight builds shared.
PATIENCE = 300

# Cases whose messages are longer than FRAME_BYTES_MAX, 64 KiB: these do not come back, they end with 1009.
TOO_LARGE = {
    f"{group}.{number}"
    for group, numbers in {
        "9.1": range(2, 7),  # texts of 256 KiB to 16 MiB
        "9.2": range(2, 7),  # bytes, as many
        "9.3": range(1, 10),  # a text of 4 MiB in fragments
        "9.4": range(1, 10),  # bytes, as many
        "9.5": range(1, 7),  # a text of 1 MiB in pieces of TCP
        "9.6": range(1, 7),  # bytes, as many
    }.items()
    for number in numbers
}

# Compression is not offered: a secret next to a guess would show in the length (threat 11).
COMPRESSION = ("12.", "13.")


def server() -> str:
    with running("examples/echo_host") as address:
        return judged(asyncio.run(results(run_fuzzingclient(f"ws://{address}", concurrency=AT_ONCE))), verdict_of_server)


def client() -> str:
    return judged(asyncio.run(served()), verdict)


async def served() -> list:
    async with run_fuzzingserver(port=0) as server:
        process = await asyncio.create_subprocess_exec(built("examples/echo_client"), f"ws://127.0.0.1:{server.port}")
        try:
            return await results(server.get_result())
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def results(run) -> list:
    try:
        return await asyncio.wait_for(run, PATIENCE)
    except FailureError as failure:
        return failure.results
    except TimeoutError:
        raise Failed(f"not through its cases within {PATIENCE} s") from None


def verdict_of_server(case) -> str:
    if case.case_id in TOO_LARGE:
        return "closed with 1009" if case.remote_close_code == 1009 else "failed"
    return verdict(case)


def verdict(case) -> str:
    if case.case_id.startswith(COMPRESSION) and case.behavior.value == "UNIMPLEMENTED":
        return "of compression unimplemented"
    return case.behavior.value.lower() if case.passed else "failed"


def judged(results, verdict) -> str:
    verdicts = {case.case_id: verdict(case) for case in results}
    counts = Counter(verdicts.values())
    said = f"{len(verdicts)} cases, " + ", ".join(f"{count} {word}" for word, count in sorted(counts.items()))
    failed = [describe(case) for case in results if verdicts[case.case_id] == "failed"]
    if failed or len(verdicts) != CASES:
        raise Failed("\n  ".join([said, *failed, *([] if len(verdicts) == CASES else [f"there are {CASES} cases"])]))
    return f"{said}, 0 failed"


def describe(case) -> str:
    return f"{case.case_id} {case.behavior.value}/{case.behavior_close.value}: {case.result} {case.result_close}"
