"""PostgreSQL through psycopg: values that Python has no type for are the database's own texts.

Owns which types that concerns. Without it one date such as `infinity` or 44 BC would end the whole query.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

__all__ = ["keep_odd_values"]

_TYPES = ("date", "time", "timetz", "timestamp", "timestamptz", "interval", "numeric")


def keep_odd_values(connection: Any) -> None:
    """Let a psycopg connection give the text of a value that it can't convert, such as `infinity`.

    NaN is None, as it is in every source.
    """
    from psycopg import Error  # noqa: PLC0415 - only who reads a PostgreSQL has it
    from psycopg.adapt import Loader  # noqa: PLC0415 - as above
    from psycopg.pq import Format  # noqa: PLC0415 - as above

    class KeepingLoader(Loader):
        """Loads as another loader does, which the C version's row reader would not let a subclass do."""

        usual: Any

        def __init__(self, oid: int, context: Any = None) -> None:
            super().__init__(oid, context)
            self._usual = self.usual(oid, context)

        def load(self, data: Any) -> Any:
            try:
                found = self._usual.load(data)
            except (Error, ValueError, ArithmeticError):  # not all of them are psycopg's own
                return bytes(data).decode()
            if isinstance(found, Decimal) and not found.is_finite():
                return None if found.is_nan() else str(found)
            return found

    for name in _TYPES:
        oid = connection.adapters.types[name].oid
        usual = connection.adapters.get_loader(oid, Format.TEXT)
        loader = type(f"Keeping{usual.__name__}", (KeepingLoader,), {"usual": usual})
        connection.adapters.register_loader(oid, loader)
