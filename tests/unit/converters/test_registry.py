"""A converter is declared by its function; the old names of two parameters are read for one release."""

import pytest

from opusmap.converters import Registry, converter


def test_the_old_names_of_factory_and_cache_mean_the_same():
    @converter(prepared=True, remember=True)
    def box(prefix: str):
        """Return a function of one value."""
        return lambda value: prefix + value

    declared = Registry.of([box]).find("box")
    assert declared is not None
    assert (declared.factory, declared.cache) == (True, True)


def test_an_unknown_parameter_is_refused_by_its_name():
    with pytest.raises(TypeError, match="'cached'"):
        converter(cached=True)
