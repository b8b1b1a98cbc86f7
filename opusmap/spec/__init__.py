"""The mapping spec: YAML text -> data with positions -> JSON Schema -> frozen model."""

from opusmap.spec.load import load_spec, parse_spec, resolve_inside
from opusmap.spec.model import (
    Binding,
    ChoiceList,
    ColumnChange,
    ConverterUse,
    MappingSpec,
    MappingTest,
    OnError,
    SourceOptions,
    Step,
    Table,
    TargetOptions,
)
from opusmap.spec.yaml_text import Text

__all__ = [
    "Binding",
    "ChoiceList",
    "ColumnChange",
    "ConverterUse",
    "MappingSpec",
    "MappingTest",
    "OnError",
    "SourceOptions",
    "Step",
    "Table",
    "TargetOptions",
    "Text",
    "load_spec",
    "parse_spec",
    "resolve_inside",
]
