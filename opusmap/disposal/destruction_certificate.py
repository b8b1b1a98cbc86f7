"""The certificate of a destruction: a page and a JSON file, which can be read and checked without opusmap.

The JSON has the plan's line as it was approved, and a second line; each has its hash in the first line,
and so has the page. `certificate.schema.json` describes it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import Any

from opusmap import __version__
from opusmap.disposal.destruction_plan import Plan, PlanFile
from opusmap.disposal.executing import RecordState, count_states
from opusmap.disposal.sealed import Sealed, join_sealed, read_content, read_sealed, seal
from opusmap.disposal.signatures import Signature, Signer, describe_certificate, load_signer
from opusmap.disposal.time_stamps import Authority, Stamping, request_time_stamp, write_time_stamp
from opusmap.errors import DestructionRefused, SettingsError
from opusmap.output_files import write_whole
from opusmap.report.pages import render_page
from opusmap.wording import write_time

FORMAT = "opusmap destruction certificate 1"
METHOD = (
    "The objects were destroyed by their owner, as confirmed below. opusmap then asked AvePoint Opus, "
    "through its connector API, to mark the records as destroyed; the list says what came of each."
)
CLOCK = "Times are those of the machines that acted, in UTC; no third party has confirmed them."
ASKED_CLOCK = (
    "Times are those of the machines that acted, in UTC. The time-stamp authority {} was then asked to "
    "confirm when the JSON file existed (RFC 3161). If it did, its answer is in the file of the same name "
    "that ends in .tsr."
)
SEAL = b"<!-- SHA-256 of all lines above: "
"""What the page's last line begins with."""

SCHEMA = Path(__file__).parent / "certificate.schema.json"


def make_certificate(
    file: PlanFile,
    states: Sequence[RecordState],
    now: float,
    signer: Signer | None = None,
    authority: str = "",
) -> Sealed:
    """Return the certificate's line: what is not in the plan. `authority` will be asked for a time stamp."""
    confirmed = file.confirmed
    return seal(
        "certificate",
        {
            "made": write_time(now),
            "opusmap": __version__,
            "plan_sha256": file.sha256,
            "method": METHOD,
            "clock": ASKED_CLOCK.format(authority) if authority else CLOCK,
            "signer": "" if signer is None else describe_certificate(signer.certificate),
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
    return {**value, "certificate": "" if signature is None else describe_certificate(signature.certificate)}


def write_certificate(
    file: PlanFile,
    states: Sequence[RecordState],
    name: str,
    now: float,
    authority: Authority | None = None,
) -> tuple[str, str, Stamping]:
    """Write `NAME.html` and `NAME.json`, signed if a certificate for that is set, and the time stamp.

    Returns the two paths, and what came of the time stamp. If there is none to be had, a certificate that has
    one stays as it is.

    Args:
        file: the plan's.
        states: what became of its records.
        name: of the two files, without the ending.
        now: seconds since 1970.
        authority: which is asked for a time stamp of `NAME.json`; None if none is.

    Raises:
        SettingsError: they can't be written, other files than a certificate of this plan are there, or the
            certificate that signs can't be used.
    """
    paths = f"{name}.html", f"{name}.json"
    _refuse_other_files(Path(paths[0]), Path(paths[1]), file.sha256)
    signer = load_signer(now)
    certificate = make_certificate(file, states, now, signer, "" if authority is None else authority.host)
    page = render_certificate(file.plan, file.sha256, certificate)
    whole = join_certificate(file.sealed, certificate, page, signer)
    stamping = request_time_stamp(authority, paths[1], whole, now)
    if stamping.kept:
        return (*paths, stamping)
    for path, content in zip(paths, (page, whole), strict=True):
        with write_whole(path, mode=0o644) as output:
            output.write(content)
    return (*paths, write_time_stamp(stamping))


def _refuse_other_files(page: Path, data: Path, plan_sha256: str) -> None:
    """Refuse to replace files other than a certificate of this plan, such as the plan's."""
    hint = "name another one with -o, or move it away"
    if data.exists():
        try:
            sealed, _ = read_sealed(data, FORMAT, ("plan", "certificate"))
        except DestructionRefused as error:
            problem = f"this is not a certificate that can be replaced: {error.problem}"
            raise SettingsError(str(data), problem, hint) from None
        if sealed["plan"].sha256 != plan_sha256:
            raise SettingsError(str(data), "this is the certificate of another plan", hint)
    if page.exists() and not all(part in read_content(page) for part in (SEAL, plan_sha256.encode())):
        raise SettingsError(str(page), "this is not the page of a certificate of this plan", hint)


def join_certificate(plan: Sealed, certificate: Sealed, page: bytes, signer: Signer | None = None) -> bytes:
    """Return the JSON file."""
    page_sha256 = hashlib.sha256(page).hexdigest()
    parts: dict[str, Any] = {"page_sha256": page_sha256}
    if signer is not None:
        parts["signature"] = asdict(signer.sign(state_certificate(certificate.sha256, page_sha256)))
    return join_sealed(FORMAT, [plan, certificate], parts)


def state_certificate(sha256: str, page_sha256: str) -> bytes:
    """Return what is signed of a certificate: its line, which has the plan's hash, and its page."""
    lines = ("I made this certificate of destruction.", f"SHA-256 of the certificate: {sha256}")
    return "\n".join((*lines, f"SHA-256 of the page: {page_sha256}")).encode()


def read_signature(value: Any) -> Signature:
    """Read the signature of a certificate.

    Raises:
        KeyError, TypeError: it is none.
    """
    return Signature(str(value["certificate"]), str(value["value"]))


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
        marked=Counter(each["by"] for each in facts["records"] if each["state"] == "destroyed"),
        made=datetime.fromisoformat(facts["made"]).astimezone(UTC),
        nonce="",
    )
    content = page.encode("utf-8", "backslashreplace").rstrip(b"\n") + b"\n"
    return content + SEAL + hashlib.sha256(content).hexdigest().encode() + b" -->\n"
