"""`opusmap emulator`: an Opus on a port, to rehearse against."""

from __future__ import annotations

import os
import secrets

import click

from opusmap.cli.options import MAPPING, common, custom, example, read_faults, registry
from opusmap.cli.output import print_json, print_note
from opusmap.cli.terminal import flush_result

_CERTIFICATE_LIMIT = 1 << 20


@click.command(
    epilog=example("opusmap emulator mapping.yaml", "opusmap emulator mapping.yaml --faults harsh --rate 50")
)
@MAPPING
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8015, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 picks a free one."
)
@click.option("--client-id", default="rehearsal", show_default=True, help="The client that may sign in.")
@click.option(
    "--certificate",
    type=click.Path(dir_okay=False),
    help="Its certificate without the key (PEM or .cer), to rehearse signing in by it.",
)
@click.option("--faults", help="none, mild, harsh, a file, or name=value,…  [default: none]")
@click.option("--seed", help="Number that the faults are drawn from: the same seed gives the same faults.")
@click.option("--latency", help="Minimum milliseconds for each request.")
@click.option("--rate", help="Requests a second; more are answered with 429.")
@click.option(
    "--no-content", is_flag=True, help="Answer 204 where nothing is due, and where all were marked destroyed."
)
@click.option("--page-index", is_flag=True, help="Number the pages of due records; else tokens lead on.")
@custom
@common
def emulator(
    mapping: str,
    converters: tuple[str, ...],
    host: str,
    port: int,
    client_id: str,
    certificate: str | None,
    faults: str | None,
    seed: str | None,
    latency: str | None,
    rate: str | None,
    *,
    no_content: bool,
    page_index: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Serve an Opus with MAPPING's connection on a port, to rehearse against.

    The client secret is taken from OPUSMAP_CLIENT_SECRET; without it one is made up and shown.
    """
    from opusmap.compiler import load_mapping
    from opusmap.emulator import FAULTS_PATH, TOKEN_PATH, Readings, serve
    from opusmap.run.rehearsal import make_emulator

    plan = read_faults(faults, seed=seed, latency=latency, rate=rate)
    given = os.environ.get("OPUSMAP_CLIENT_SECRET")
    secret = given or secrets.token_urlsafe(16)
    public = None if certificate is None else _read_certificate(certificate)
    mapper = load_mapping(mapping, converters=registry(converters))
    readings = Readings(no_content=no_content, page_index=page_index)
    embedded = make_emulator(mapper, client_id, secret, public, readings)
    embedded.follow(plan)

    def ready(url: str) -> None:
        shown = "(from OPUSMAP_CLIENT_SECRET)" if given else secret
        if as_json:
            print_json({"base_url": url, "token_url": url + TOKEN_PATH, "client_id": client_id})
            flush_result()
        elif not quiet:
            print_note(f"Opus emulator on {url}; Ctrl-C stops it. In another terminal:")
            for name, value in (
                ("OPUSMAP_BASE_URL", url),
                ("OPUSMAP_TOKEN_URL", url + TOKEN_PATH),
                ("OPUSMAP_CLIENT_ID", client_id),
                ("OPUSMAP_CLIENT_SECRET", shown),
            ):
                print_note(f"  {name}={value}")
            if plan.shares:
                print_note(
                    f"Faults are injected with seed {plan.seed}. See and change them at {url}{FAULTS_PATH}"
                )

    serve(embedded, host, port, ready)
    return 0


def _read_certificate(path: str) -> bytes:
    """Return the bytes of a certificate's file."""
    from opusmap.safe_files import UnreadableFile, read_bytes

    try:
        return read_bytes(path, _CERTIFICATE_LIMIT, devices=True)
    except UnreadableFile as error:
        raise click.BadParameter(error.message, param_hint="--certificate") from None
