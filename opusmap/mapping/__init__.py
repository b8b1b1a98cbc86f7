"""The mapping spec: YAML text -> data with positions -> JSON Schema -> frozen model."""

from opusmap.mapping.load import load_spec, parse_spec
from opusmap.mapping.model import (
    Binding,
    ChoiceList,
    ConstantPart,
    ConverterCall,
    FirstOf,
    MappingSpec,
    MappingTest,
    SourcePart,
    Table,
    TargetOptions,
    Variable,
)
from opusmap.mapping.yaml_reader import Text
from opusmap.source_options import SourceOptions

__all__ = [
    "Binding",
    "ChoiceList",
    "ConstantPart",
    "ConverterCall",
    "FirstOf",
    "MappingSpec",
    "MappingTest",
    "SourceOptions",
    "SourcePart",
    "Table",
    "TargetOptions",
    "Text",
    "Variable",
    "load_spec",
    "parse_spec",
]
