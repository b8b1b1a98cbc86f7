"""The certificate of a destruction: a page and a JSON file, which can be read and checked without opusmap.

The JSON has the plan's line as it was approved, and a second line; each has its hash in the first line,
and so has the page. `certificate.schema.json` describes it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import Any

from opusmap import __version__
from opusmap.disposal.approvals import write_time
from opusmap.disposal.destruction_plan import Plan, PlanFile
from opusmap.disposal.executing import RecordState, count_states
from opusmap.disposal.sealed import Sealed, join_sealed, seal
from opusmap.disposal.signatures import describe_certificate
from opusmap.output_files import write_whole
from opusmap.report.pages import render_page

FORMAT = "opusmap destruction certificate 1"
METHOD = (
    "The objects were destroyed by their owner, as confirmed below. The records were then marked as "
    "destroyed in AvePoint Opus through its connector API, by opusmap."
)
CLOCK = "Times are those of the machines that acted, in UTC; no third party has confirmed them."
SEAL = b"<!-- SHA-256 of all lines above: "
"""What the page's last line begins with."""

SCHEMA = Path(__file__).parent / "certificate.schema.json"


def make_certificate(file: PlanFile, states: Sequence[RecordState], now: float) -> Sealed:
    """Return the certificate's line: all that is not in the plan."""
    confirmed = file.confirmed
    return seal(
        "certificate",
        {
            "made": write_time(now),
            "opusmap": __version__,
            "plan_sha256": file.sha256,
            "method": METHOD,
            "clock": CLOCK,
            "approvals": [_describe_approval(one.as_json(), one) for one in file.approvals],
            "confirmations": [
                {**asdict(one), "keys": len(one.keys)}
                for one in file.confirmations
                if one.plan == file.sha256
            ],
            "executions": [asdict(one) for one in file.executions],
            "counts": count_states(states),
            "records": [
                {
                    **asdict(state),
                    "proof": confirmed[state.key].method if state.key in confirmed else "",
                    "proof_sha256": confirmed[state.key].sha256 if state.key in confirmed else "",
                }
                for state in states
            ],
        },
    )


def _describe_approval(value: dict[str, Any], approval: Any) -> dict[str, Any]:
    signature = approval.signature
    return {**value, "certificate": "" if signature is None else describe_certificate(signature)}


def write_certificate(
    file: PlanFile, states: Sequence[RecordState], name: str, now: float
) -> tuple[str, str]:
    """Write `NAME.html` and `NAME.json`; return their paths.

    Raises:
        SettingsError: they can't be written.
    """
    certificate = make_certificate(file, states, now)
    page = render_certificate(file.plan, file.sha256, certificate)
    paths = f"{name}.html", f"{name}.json"
    whole = join_certificate(file.sealed, certificate, page)
    for path, content in zip(paths, (page, whole), strict=True):
        with write_whole(path, mode=0o644) as output:
            output.write(content)
    return paths


def join_certificate(plan: Sealed, certificate: Sealed, page: bytes) -> bytes:
    """Return the JSON file."""
    return join_sealed(FORMAT, [plan, certificate], {"page_sha256": hashlib.sha256(page).hexdigest()})


def render_certificate(plan: Plan, plan_sha256: str, certificate: Sealed) -> bytes:
    """Return the page, with its seal in the last line."""
    facts = certificate.read()
    found: Mapping[str, Mapping[str, Any]] = {each["key"]: each for each in facts["records"]}
    name = PurePath(plan.mapping).name
    page = render_page(
        "destruction.html",
        f"Certificate of destruction, plan {plan_sha256[:12]}",
        name=name,
        plan=plan,
        plan_sha256=plan_sha256,
        sha256=certificate.sha256,
        facts=facts,
        rows=[(record, found[record.key]) for record in plan.records],
        made=datetime.fromisoformat(facts["made"]).astimezone(UTC),
        nonce="",
    )
    content = page.encode("utf-8", "backslashreplace").rstrip(b"\n") + b"\n"
    return content + SEAL + hashlib.sha256(content).hexdigest().encode() + b" -->\n"
