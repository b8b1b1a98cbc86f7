"""The mapping spec: YAML text -> data with positions -> JSON Schema -> frozen model."""

from opusmap.mapping.load import load_spec, parse_spec
from opusmap.mapping.model import (
    Binding,
    ChoiceList,
    ConverterCall,
    MappingSpec,
    MappingTest,
    SourceOptions,
    Table,
    TargetOptions,
    Variable,
)
from opusmap.mapping.schema import installed_formats
from opusmap.mapping.yaml_reader import Text

__all__ = [
    "Binding",
    "ChoiceList",
    "ConverterCall",
    "MappingSpec",
    "MappingTest",
    "SourceOptions",
    "Table",
    "TargetOptions",
    "Text",
    "Variable",
    "installed_formats",
    "load_spec",
    "parse_spec",
]
