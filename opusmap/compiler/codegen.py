"""Plan -> one generated Python function, the fast path of each column for the usual values.

Owns the text of the generated module: one short block a column, the mapping's line in a comment. A block
that meets anything else raises: a ValueProblem is what evaluating would raise, for anything else the
interpreter evaluates that column of that row. The same plan gives the same text to the byte. What the text
names is handed over in `namespace`.
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, NoReturn

from opusmap.compiler import binding_runtime
from opusmap.compiler.caching import cache_subtrees
from opusmap.compiler.cells import write_cells
from opusmap.compiler.encoding import ColumnWriter
from opusmap.compiler.interpreter import ABSENT, FILTERED, Declined, Interpreter, weigh
from opusmap.compiler.plan import ColumnPlan, Plan, bind_dynamic, bind_filter
from opusmap.converters import Context, Converter, for_text
from opusmap.converters.cache import Cache
from opusmap.converters.coerce import text_of
from opusmap.converters.limits import ROW_LIMIT, TEXT_LIMIT, hold
from opusmap.errors import ValueProblem
from opusmap.expressions import OPERATIONS, nodes, walk
from opusmap.expressions.nodes import Failure, Frame, Kind, Node, Type, Want
from opusmap.expressions.nodes.base import LARGEST, measure_parentheses
from opusmap.issues import Span


@dataclass(frozen=True, slots=True)
class Generated:
    """The text of a generated module, and the values of its names."""

    source: str
    namespace: dict[str, Any]


def generate(plan: Plan, interpreter: Interpreter) -> Generated:
    """Return the module of a plan; its function is `map_row(row, problems)`."""
    writer = Module(plan, interpreter)
    return Generated(writer.write(), writer.namespace)


class NotWritten(Exception):
    """A tree that is always left to the interpreter."""


def decline() -> NoReturn:
    """Leave a column to the interpreter."""
    raise Declined


def _decline(_problem: object) -> NoReturn:
    """Leave what is noted for a row to the interpreter: it notes it where a column reads the variable."""
    raise Declined


def as_text(value: Any) -> str:
    """Return a text; anything else is left to the interpreter."""
    return value if value.__class__ is str else decline()


def as_shown(value: Any) -> str:
    """Return the text of a single value; anything else is left to the interpreter."""
    try:
        return text_of(value)
    except ValueProblem:  # which part of a text is refused first, and why, is not known here
        raise Declined from None


def hold_some(value: Any, held: int) -> int:
    """Hold a variable, within a part of the limit: the interpreter may have to hold all of them again."""
    held = hold(value, held, "variables")
    return held if held < ROW_LIMIT >> 4 else decline()


_FIXED = {
    "ABSENT": ABSENT,
    "FILTERED": FILTERED,
    "TEXT_LIMIT": TEXT_LIMIT,
    "ROW_LIMIT": ROW_LIMIT,
    "hold": hold,
    "hold_some": hold_some,
    "weigh": weigh,
    "LARGEST": LARGEST,
    "nothing": (str, list, type(None)),
    "keyed": (str, type(None)),
    "Exception": Exception,
    "KeyError": KeyError,
    "Frame": Frame,
    "as_shown": as_shown,
    "as_text": as_text,
    "decline": decline,
    "dict": dict,
    "int": int,
    "len": len,
    "map": map,
    "list": list,
    "locals": locals,
    "flatten": binding_runtime.flatten,
    "str": str,
    "tuple": tuple,
    "as_condition": binding_runtime.as_condition,
}
_LOCALS = ("row", "problems", "record", "value", "frame", "get", "map_row", "held", "error")


class Module:
    """Writes the module and hands out its names; one instance, one module."""

    def __init__(self, plan: Plan, interpreter: Interpreter) -> None:
        self.plan = plan
        self.interpreter = interpreter
        self.empty_texts = plan.spec.source.empty
        self.empty = binding_runtime.make_empty_values(self.empty_texts)

        names = tuple(column.column.display_name for column in plan.columns)
        rejects = tuple(column.binding.on_error == "reject" for column in plan.columns)

        def interpret(
            index: int,
            error: Exception,
            row: Mapping[str, Any],
            frame: Frame | None,
            record: dict[str, Any],
            problems: list[Any],
            bound: dict[str, Any] | None = None,
        ) -> Frame | None:
            if bound is not None:
                del bound["error"]  # Python keeps a function's locals with it: the error would hold itself
            is_known = isinstance(error, ValueProblem)  # evaluating would raise the same
            if is_known and rejects[index]:
                problems.append(binding_runtime.as_problem(names[index], error))
                return frame
            frame = frame or Frame(row)
            for name, local in self._read_variables.items():
                if bound is not None and local in bound:
                    frame.variables[name] = bound[local]
            if is_known:
                interpreter.fail(index, error, frame, record, problems)
            else:
                interpreter.column(index, frame, record, problems)
            return frame

        def keep_failure(
            name: str, error: Exception, row: Mapping[str, Any], frame: Frame | None
        ) -> Frame | None:
            if isinstance(error, ValueProblem):  # as above
                frame = frame or Frame(row)
                frame.variables[name] = Failure(error)
            return frame

        # No builtins: generated code can call only what is in this namespace.
        self.namespace: dict[str, Any] = {
            "__builtins__": {},
            **_FIXED,
            **OPERATIONS,
            "empty": self.empty,
            "drop_empty": binding_runtime.make_empty_dropper(self.empty_texts),
            "joined": binding_runtime.make_joiner(self.empty_texts),
            "interpret": interpret,
            "keep_failure": keep_failure,
            "is_wanted": interpreter.is_wanted,
            "row_number": lambda: interpreter.number,
        }
        self._taken = {*self.namespace, *_LOCALS, *keyword.kwlist, *keyword.softkwlist}
        self._globals: dict[int, list[str]] = {}
        self._counts: dict[str, int] = {}
        self._context = Context()
        self.lacking: Callable[[ValueProblem], object] = _decline
        self._variables = {variable.name: variable for variable in plan.variables}
        self._types: dict[str, Type] = {}
        self._read_variables: dict[str, str] = {}
        self._cells: dict[tuple[str, bool], str] = {}
        self._wants: dict[str, dict[str, str]] = {}
        for name, dotted in plan.cells().items():
            self._cells[name, dotted] = self.fresh(_identifier(name))
        self._written: set[str] = set()
        self._pool: list[str] = []  # each statement takes the same ones, so that they hold little
        self._temporaries = 0

    def write(self) -> str:
        """Return the module's text. What is read is known when all that reads has been written."""
        where = self._where_lines()
        if self.interpreter.counts_variables:
            for variable in self.plan.variables:
                self.variable(variable.name)
        first = self._variable_lines()
        columns = [
            line for index, column in enumerate(self.plan.columns) for line in self._column(index, column)
        ]
        later = self._variable_lines()
        name = PurePath(self.plan.spec.path).name
        lines = [
            f"# Generated by opusmap from {comment(name)}: the same mapping gives the same text.",
            "",
            "",
            "def map_row(row, problems):",
            '    """Return the record of a row; what is wrong is added to the problems."""',
            "    if row.__class__ is not dict:",
            "        row = dict(row)",
            "    frame = None",
            *(["    held = 0"] if self.interpreter.counts_variables else []),
            *("    " + line for line in write_cells(self, self._cells, self._wants)),
            *first,
            *where,
            *later,
            "",
            "    record = {}",
            *(["    held = 0"] if self.interpreter.counts_columns else []),
            *columns,
            "",
            "    return record",
            "",
        ]
        return "\n".join(lines)

    # What nodes ask for.

    def cell(self, name: str, *, dotted: bool, want: Want) -> str:
        local = self._cells.get((name, dotted))
        if local is None:  # the same column is read as a name and as a path
            local = self._cells[name, dotted] = self.fresh(_identifier(name))
        if want is None:
            return local
        wants = self._wants.setdefault(local, {})
        kind = "text" if want is Kind.TEXT else "shown"
        if kind not in wants:
            wants[kind] = self.fresh(f"{local}_{kind}")
        return wants[kind]

    def variable(self, name: str) -> str:
        if name not in self._read_variables:
            self._read_variables[name] = self.fresh(_identifier(name))
        return self._read_variables[name]

    def variable_type(self, name: str) -> Type:
        if name not in self._types:
            self._types[name] = self._variables[name].expression.tree.infer(self)
        return self._types[name]

    def table(self, name: str) -> str:
        return self.named(f"table_{name}", self.plan.tables[name].entries)

    def entries(self, name: str) -> Mapping[str, Any]:
        return self.plan.tables[name].entries

    def bind(self, node: nodes.Filter) -> str:
        _check_pure(node.converter)
        function = bind_filter(node, self._context)
        self.interpreter.watch(node.place, function)
        if node.each and node.converter.cache:  # lists rarely repeat, their elements often do
            function = Cache(function).__getitem__
        return self.named(node.converter.name, function)

    def bind_for_text(self, node: nodes.Filter) -> str | None:
        _check_pure(node.converter)
        if node.converter.kinds != (str,):
            return None
        return self.named(node.converter.name, for_text(bind_filter(node, self._context)))

    def bind_dynamic(self, converter: Converter) -> str:
        _check_pure(converter)
        return self.named(converter.name, bind_dynamic(converter, self._context))

    def constant(self, value: object) -> str:
        return self.named("number", value)

    def temporary(self) -> str:
        if self._temporaries == len(self._pool):
            self._pool.append(self.fresh(f"t{self._temporaries + 1}"))
        self._temporaries += 1
        return self._pool[self._temporaries - 1]

    def named(self, name: str, value: object) -> str:
        """Return a name of the module for a value; one value, one name."""
        base = _identifier(name)
        names = self._globals.setdefault(id(value), [])  # the namespace keeps it, so no other has its id
        for taken in names:
            if taken.startswith(base):
                return taken
        fresh = self.fresh(base)
        self.namespace[fresh] = value
        names.append(fresh)
        return fresh

    def fresh(self, base: str) -> str:
        """Return a name that is not used yet."""
        name, count = base, self._counts.get(base, 1)
        while name in self._taken:
            count += 1
            name = f"{base}_{count}"
        self._counts[base] = count
        self._taken.add(name)
        return name

    def cached(self, node: Node) -> Node:
        """Return a tree with what is looked up where it would be made again for each row."""
        return cache_subtrees(node, self, self.interpreter, self._context)

    def python(self, node: Node) -> str:
        """Return the Python of a tree, without parentheses around all of it.

        Raises:
            NotWritten: it is nested deeper than Python reads, or has a converter that must be called once.
        """
        self._temporaries = 0
        written = self.cached(node).emit_as(self, None)
        depth, whole = measure_parentheses(written)
        if depth > _NESTED:
            raise NotWritten
        return written[1:-1] if whole else written

    # The parts of the function.

    def _variable_lines(self) -> list[str]:
        """Write the variables that are read and not written yet; a variable reads only those above it."""
        self.lacking = _decline
        blocks: list[list[str]] = []
        for variable in reversed(self.plan.variables):
            local = self._read_variables.get(variable.name)
            if local is None or local in self._written:
                continue
            self._written.add(local)
            self._context = self.plan.context_of(f"let {variable.name}")
            try:
                python = self.python(variable.expression.tree)
            except NotWritten:
                python = "decline()"
            block = [*_head(variable.span, f"let {variable.name}"), "    try:"]
            failed = ["    except Exception as error:"]
            failed += [f"        frame = keep_failure({variable.name!a}, error, row, frame)"]
            if self.interpreter.counts_variables:  # what was not counted makes all after it decline
                block += [f"        value = {python}", "        held = hold_some(value, held)"]
                python, failed = "value", ["    except Exception:", "        held = ROW_LIMIT"]
            blocks.append([*block, f"        {local} = {python}", *failed])
        return [line for block in reversed(blocks) for line in block]

    def _where_lines(self) -> list[str]:
        where = self.plan.where
        if where is None:
            return []
        self._context, self.lacking = self.plan.context_of("where"), _decline
        try:
            python = self.python(where.tree)
        except NotWritten:
            python = "decline()"
        is_boolean = where.tree.infer(self).is_always(Kind.BOOLEAN)
        return [
            *_head(where.text.span, "where"),
            "    try:",
            f"        if not {f'({python})' if is_boolean else f'as_condition({python})'}:",
            "            return FILTERED",
            "    except Exception:",
            "        frame = frame or Frame(row)",
            "        if not is_wanted(frame, problems):",
            "            return FILTERED",
        ]

    def _column(self, index: int, column: ColumnPlan) -> list[str]:
        self._context, self.lacking = column.context, self.interpreter.lacking(column)
        try:
            for call in column.converts:
                _check_pure(call.converter)
            body = list(ColumnWriter(self, index, column).lines())
        except NotWritten:
            body = ["decline()"]
        reads_variables = any(isinstance(node, nodes.VariableRef) for node in walk(column.tree))
        # What variables hold need not be evaluated again, unless all that is evaluated is counted.
        bound = ", locals()" if reads_variables and not self.interpreter.counts_variables else ""
        return [
            *_head(column.span, f"{column.column.display_name} ({column.column.type})"),
            "    try:",
            *("        " + line for line in body),
            "    except Exception as error:",
            f"        frame = interpret({index}, error, row, frame, record, problems{bound})",
            *(["        held = weigh(record)"] if self.interpreter.counts_columns else []),
        ]


_NESTED = 120
"""Parentheses in each other that Python's reader, which takes 200, is given at most."""


def _check_pure(converter: Converter) -> None:
    """Refuse a converter that may give another result when a column is evaluated again."""
    if not converter.pure:
        raise NotWritten


def _head(span: Span, what: str) -> list[str]:
    name = PurePath(span.file).name
    return ["", f"    # {comment(name)}:{span.line}: {comment(what)}"]


def _identifier(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii")
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+", "_", plain).strip("_").lower()
    return words if words[:1].isalpha() else f"c_{words}" if words else "c"


def comment(text: str) -> str:
    """Return a text in a form that fits a comment: one line, nothing that ends it."""
    return ascii(text)[1:-1][:100]
