"""`opusmap emulator`: runs an emulator of Opus on a port."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

import click

from opusmap.cli.help import command
from opusmap.cli.options import MAPPING, Output, common, custom, gather, read_faults, registry
from opusmap.cli.output import print_json, print_note
from opusmap.cli.terminal import flush_result

if TYPE_CHECKING:
    from opusmap.emulator import Client, FaultPlan, Readings

_SECRET = "OPUSMAP_CLIENT_SECRET"  # noqa: S105 - a setting's name
_CERTIFICATE_LIMIT = 1 << 20


def _make_client(client_id: str, certificate: str | None) -> Client:
    """Return the client that may sign in, with the secret from the environment or a new one."""
    from opusmap.emulator import Client
    from opusmap.safe_files import UnreadableFile, read_bytes

    try:
        public = None if certificate is None else read_bytes(certificate, _CERTIFICATE_LIMIT, devices=True)
    except UnreadableFile as error:
        raise click.BadParameter(error.message, param_hint="--certificate") from None
    return Client(client_id, os.environ.get(_SECRET) or secrets.token_urlsafe(16), public)


def _make_readings(**given: bool) -> Readings:
    from opusmap.emulator import Readings

    return Readings(**given)  # type: ignore[arg-type]  # of its fields, those that are options


@command(
    "Run an emulator of Opus to rehearse against",
    "opusmap emulator mapping.yaml",
    "opusmap emulator mapping.yaml --faults harsh --rate 50",
    'opusmap emulator mapping.yaml --retention "Records/Permits=7y" --approval',
)
@MAPPING
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8015, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 picks a free one."
)
@click.option("--client-id", default="rehearsal", show_default=True, help="Client ID that may sign in.")
@click.option(
    "--certificate",
    type=click.Path(dir_okay=False),
    help="The client's certificate without its key (PEM or .cer), to rehearse signing in with it.",
)
@click.option("--faults", help="none, mild, harsh, a file, or name=value,…  [default: none]")
@click.option("--seed", help="Seed of the faults: the same seed gives the same faults.")
@click.option("--latency", help="Minimum milliseconds for each request.")
@click.option("--rate", help="Requests a second; more are answered with 429.")
@click.option(
    "--no-content",
    is_flag=True,
    help="Answer 204 when no record is due, and when all records were marked destroyed.",
)
@click.option(
    "--page-index",
    is_flag=True,
    help="Number the pages of due records, instead of giving a token for the next page.",
)
@click.option(
    "--approval", is_flag=True, help="A record can be marked as destroyed only after it was approved."
)
@click.option(
    "--marked-once", is_flag=True, help="A record that was marked as destroyed before fails the second time."
)
@click.option(
    "--retention",
    multiple=True,
    metavar="TERM=PERIOD",
    help='When records of a term are due: "Records/Permits=7y" or "=30d" after they were modified.',
)
@custom
@common
@gather("client", _make_client, "client_id", "certificate")
@gather("plan", read_faults, "faults", "seed", "latency", "rate")
@gather("readings", _make_readings, "no_content", "page_index", "approval", "marked_once")
def emulator(
    mapping: str,
    converters: tuple[str, ...],
    host: str,
    port: int,
    client: Client,
    plan: FaultPlan,
    readings: Readings,
    retention: tuple[str, ...],
    out: Output,
) -> int:
    """Run an emulator of Opus with MAPPING's connection, to rehearse against.

    The client secret is read from OPUSMAP_CLIENT_SECRET; if that is not set, a new one is made and shown.
    """
    from opusmap.compiler import load_mapping
    from opusmap.emulator import APPROVALS_PATH, FAULTS_PATH, TOKEN_PATH, read_retention, serve
    from opusmap.run.rehearsal import make_emulator

    rules = read_retention(retention)
    mapper = load_mapping(mapping, converters=registry(converters))
    embedded = make_emulator(mapper, client, readings)
    embedded.follow(plan)
    embedded.disposal.retention = rules

    def ready(url: str) -> None:
        given = client.secret == os.environ.get(_SECRET)
        if out.as_json:
            print_json({"base_url": url, "token_url": url + TOKEN_PATH, "client_id": client.id})
            flush_result()
        elif not out.quiet:
            print_note(f"Opus emulator on {url}; Ctrl-C stops it. In another terminal:")
            for name, value in (
                ("OPUSMAP_BASE_URL", url),
                ("OPUSMAP_TOKEN_URL", url + TOKEN_PATH),
                ("OPUSMAP_CLIENT_ID", client.id),
                (_SECRET, f"(from {_SECRET})" if given else client.secret),
            ):
                print_note(f"  {name}={value}")
            if plan.shares:
                print_note(
                    f"Faults are injected with seed {plan.seed}. See and change them at {url}{FAULTS_PATH}"
                )
            if readings.approval:
                print_note(f"A POST of {{}} to {url}{APPROVALS_PATH} approves what is due by now")

    serve(embedded, host, port, ready)
    return 0
