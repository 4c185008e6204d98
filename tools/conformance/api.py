"""schemathesis asks a host of the arcade all that its OpenAPI document promises, as a guest."""

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections import Counter
from pathlib import Path

from process import Failed, running

SEED = 1


def schemathesis(seconds: int) -> str:
    with tempfile.TemporaryDirectory() as folder:
        with running("arcade", "serve", "--port", "0", "--data", f"{folder}/data") as address:
            return told(Path(folder), *asked(address, Path(folder), seconds))


def asked(address: str, folder: Path, seconds: int) -> tuple[subprocess.CompletedProcess, dict]:
    request = urllib.request.Request(f"{address}/v1/guest", method="POST")
    token = json.load(urllib.request.urlopen(request))["token"]
    report = folder / "report.json"
    command = [
        *(Path(sys.executable).parent / "schemathesis", "--config-file", "tools/conformance/schemathesis.toml", "run"),
        *(f"{address}/docs/openapi.json", "--header", f"Authorization: Bearer {token}"),
        *("--seed", str(SEED), "--max-time", str(seconds), "--generation-database", "none", "--no-color"),
        *("--report", "json", "--report-json-path", report),
    ]
    environment = os.environ | {"CONFORMANCE_BEYOND": str(folder / "beyond.txt")}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=2 * seconds + 60)
    return ended, json.loads(report.read_text()) if report.exists() else {}


def told(folder: Path, ended: subprocess.CompletedProcess, report: dict) -> str:
    if not report:
        raise Failed(f"it did not report\n{ended.stdout}{ended.stderr}")
    cases, operations = report["test_cases"], report["operations"]
    said = f"{cases['generated']} cases of {operations['tested']} operations, seed {SEED}, {cases['unique_failures']} failed"
    whole = report["complete"] and operations["tested"] == operations["total"]
    if ended.returncode != 0 or not whole:
        raise Failed(f"{said}\n{findings(ended.stdout)}")
    return f"{said}{beyond(folder / 'beyond.txt')}"


def findings(output: str) -> str:
    """What stands between its progress and its summary."""
    return output[output.find("= FAILURES =") :] if "= FAILURES =" in output else output


def beyond(file: Path) -> str:
    reasons = Counter(file.read_text().splitlines()) if file.exists() else Counter()
    return "".join(f"\n  {count} left out: {reason}" for reason, count in sorted(reasons.items()))
