"""Before the first request: printing where it goes, and asking before records are overwritten."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from opusmap.cli.output import print_note
from opusmap.cli.terminal import write_error
from opusmap.errors import SettingsError, StoppedEarly

if TYPE_CHECKING:
    from opusmap.run.open import Work
    from opusmap.settings import Settings

YES = click.option("--yes", is_flag=True, help="Don't ask before the first run that overwrites records.")


def print_host(settings: Settings) -> None:
    """Print which hosts are asked, and as which client, before the first request to them."""
    sign_in = urlsplit(settings.token_url)
    where = f"{sign_in.scheme}://{sign_in.netloc}"
    at = "" if settings.base_url == where else f", signing in at {where}"
    print_note(f"Opus is {settings.base_url}{at}, as client {settings.client_id}")


def confirm_overwrite(work: Work, settings: Settings, *, yes: bool) -> None:
    """Ask once, before records of a connection may be overwritten for the first time, by the journal.

    Nobody is asked about an Opus on this machine, which is an emulator.

    Raises:
        StoppedEarly: the person says no.
        SettingsError: there is nobody to ask.
    """
    from opusmap.run.history import is_first_overwrite

    if yes or settings.is_local or not is_first_overwrite(work.mapper, settings):
        return
    connection = work.mapper.connection.id
    what = f"the first run that may overwrite records of connection {connection} at {settings.base_url}"
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise SettingsError(
            "--yes",
            f"this is {what}, and there is nobody to ask",
            "run it once by hand and look at the outcome, or add --yes",
        )
    lines = (
        f"This is {what}, as far as the journal {settings.journal} knows.",
        f"What Opus holds under a row key of {work.source.name} is replaced.",
        "(`--to emulator` rehearses it; `--limit 5` sends the first five.)",
    )
    write_error("\n".join(lines))
    if not click.confirm("Go on?", err=True):
        raise StoppedEarly("nothing was sent")
