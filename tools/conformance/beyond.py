"""Findings of schemathesis that are none: what no schema can say, and what is as it is meant to be. Each is counted."""

import os
import re

import schemathesis
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.openapi.checks import EnsureResourceAvailability, RejectedPositiveData

# Refusals of what fits its schema.
REFUSED = {
    "rejected": "the rules of the app say no",
    "gone": "the actor was retired, by a case before",
    "bad_number": "a float that is not held exactly, such as 2^53 + 1",
    "bad_string": "text with a NUL, or a name that is not one line",
    "bad_position": "a position of another history",
    "bad_command_id": "an outbox that no host gave",
}

# Parameters that take what does not fit their schema.
TAKEN = {
    "limit": "the nearest that may be is taken",
    "buckets": "the nearest that may be is taken",
    "etag": "one that names no view is one that is not held",
}


# Actors that took a command: from then on their rules may show them to nobody, as a room is that everybody left.
commanded: set[str] = set()


@schemathesis.hook
def after_call(context, case, response) -> None:
    if case.operation.path.endswith("/commands") and response.status_code == 200:
        commanded.add(case.path_parameters["id"])


@schemathesis.hook
def filter_failure(context, failure, case, response) -> bool:
    reason = beyond(failure, case, response)
    if reason:
        with open(os.environ["CONFORMANCE_BEYOND"], "a") as file:
            print(reason, file=file)
    return reason is None


def beyond(failure, case, response) -> str | None:
    if isinstance(failure, RejectedPositiveData):
        return refused(case, name_of(response))
    if isinstance(failure, AcceptedNegativeData):
        named = re.search(r"parameter `(\w+)` in query", failure.message)
        return TAKEN.get(named.group(1)) if named else None
    if isinstance(failure, EnsureResourceAvailability) and case.path_parameters["id"] in commanded:
        return "the rules closed it, after a command"
    return None


def refused(case, name: str | None) -> str | None:
    if name == "bad_query" and "after" in (case.query or {}):
        return "a cursor that no page gave"
    if name == "bad_command" and holds_whole_float(case.body):
        return "1.0 for an integer, which JSON Schema takes"
    return REFUSED.get(name)


def name_of(response) -> str | None:
    """The name of the error, if it is one of ours."""
    try:
        return response.json()["error"]["name"]
    except (ValueError, KeyError, TypeError):
        return None


def holds_whole_float(value) -> bool:
    if isinstance(value, dict):
        return any(map(holds_whole_float, value.values()))
    if isinstance(value, list):
        return any(map(holds_whole_float, value))
    return isinstance(value, float) and value.is_integer()
