"""`opusmap lock`: fingerprints the connection and the order of options."""

from __future__ import annotations

from pathlib import Path

from opusmap.cli.help import command
from opusmap.cli.next_step import Given, next_of_rehearsal, print_next
from opusmap.cli.options import MAPPING, Output, common, custom, registry
from opusmap.cli.output import print_json, print_note
from opusmap.wording import counted


@command("Record the order of options, so that a change is noticed", "opusmap lock mapping.yaml")
@MAPPING
@custom
@common
def lock(mapping: str, converters: tuple[str, ...], out: Output) -> int:
    """Fingerprint the connection and the options' order, beside MAPPING.

    From then on `check` and `submit` refuse any change to the meaning of an order or a column, until
    `lock` accepts it. Compare the options with Opus first: the connection file does not have them.
    """
    from opusmap.compiler import load_mapping
    from opusmap.compiler.lock import find_drift, lock_path, make_lock, read_lock, write_lock
    from opusmap.run.history import list_rejects

    mapper = load_mapping(mapping, converters=registry(converters))
    path = lock_path(mapping)
    old, new = read_lock(path), make_lock(mapper.plan)
    drift = () if old is None else find_drift(old, mapper.plan)
    if not out.quiet:
        for one in drift:
            print_note(f"accepted: {one.message}")
    write_lock(new, path)
    if out.as_json:
        print_json({"lock": str(path), "accepted": [one.as_json() for one in drift]})
    elif not out.quiet:
        locked = counted(len(new.columns), "column")
        print_note(f"locked {locked}, and the options of {len(new.choices)} of them, in {path}.")
        print_note(
            "The connection file does not have the options: compare these now with "
            "Opus > Settings > Connector, in the order that Opus shows:"
        )
        names = {column.internal_name: column.display_name for column in mapper.connection.columns}
        for name, options in new.choices.items():
            base = mapper.spec.target.choice_base
            listed = ", ".join(f"{base + index} {option}" for index, option in enumerate(options))
            print_note(f"  {names[name]}: {listed}")
        given = Given(mapping, converters=converters)
        if any(one.code == "drift-choices" for one in drift):
            print_next(out, "see which accepted records have another number now", given.command("diff"))
        elif any(".rehearsal." in path.name for path in list_rejects(Path(mapping))):
            print_next(out, *next_of_rehearsal(given))
        else:
            print_next(out, "rehearse sending", given.command("submit", "--to", "emulator"))
    return 0
