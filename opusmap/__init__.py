"""opusmap: declarative mapping of records metadata into AvePoint Opus.

```python
import opusmap

mapper = opusmap.load_mapping("mappings/contracts/mapping.yaml")
result = mapper.map_row({"ContractNo": "7", ...})      # Record, Reject or Filtered
results = opusmap.map_rows(mapper, rows)                # of each row; any iterable of dicts, or a data frame
report = opusmap.submit(mapper, rows, settings)         # the same, sent
```
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opusmap.compiler import Mapper, load_mapping
    from opusmap.connection import Column, ColumnType, Connection, load_connection
    from opusmap.converters import Context, Registry, converter
    from opusmap.errors import (
        InvalidMapping,
        JournalError,
        OpusmapError,
        OpusUnavailable,
        SettingsError,
        SignInError,
        SourceError,
        StoppedEarly,
        ValueProblem,
    )
    from opusmap.issues import Diagnostic, Issue, Problem, Severity, Span
    from opusmap.records import Filtered, Record, Reject, Row
    from opusmap.rejects import RejectList
    from opusmap.report import Report
    from opusmap.run.map import map_rows
    from opusmap.run.submit import submit
    from opusmap.settings import Settings, load_settings

__version__ = "0.1.0"

_HOMES = {
    "compiler": ("Mapper", "load_mapping"),
    "connection": ("Column", "ColumnType", "Connection", "load_connection"),
    "converters": ("Context", "Registry", "converter"),
    "issues": ("Diagnostic", "Issue", "Problem", "Severity", "Span"),
    "errors": (
        "InvalidMapping",
        "JournalError",
        "OpusUnavailable",
        "OpusmapError",
        "SettingsError",
        "SignInError",
        "SourceError",
        "StoppedEarly",
        "ValueProblem",
    ),
    "records": ("Filtered", "Record", "Reject", "Row"),
    "rejects": ("RejectList",),
    "report": ("Report",),
    "run.map": ("map_rows",),
    "run.submit": ("submit",),
    "settings": ("Settings", "load_settings"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Column",
    "ColumnType",
    "Connection",
    "Context",
    "Diagnostic",
    "Filtered",
    "InvalidMapping",
    "Issue",
    "JournalError",
    "Mapper",
    "OpusUnavailable",
    "OpusmapError",
    "Problem",
    "Record",
    "Registry",
    "Reject",
    "RejectList",
    "Report",
    "Row",
    "Settings",
    "SettingsError",
    "Severity",
    "SignInError",
    "SourceError",
    "Span",
    "StoppedEarly",
    "ValueProblem",
    "__version__",
    "converter",
    "load_connection",
    "load_mapping",
    "load_settings",
    "map_rows",
    "submit",
]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for, so that `opusmap --help` is quick (PEP 562)."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'opusmap' has no attribute {name!r}")
    return getattr(import_module(f"opusmap.{_HOME_OF[name]}"), name)
