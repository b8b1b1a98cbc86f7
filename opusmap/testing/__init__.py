"""For tests of mappings and converters: those in mapping files, and generated values for converters."""

from opusmap.testing.converters import check_converter
from opusmap.testing.mapping_tests import Difference, TestResult, junit_xml, run_tests

__all__ = ["Difference", "TestResult", "check_converter", "junit_xml", "run_tests"]
