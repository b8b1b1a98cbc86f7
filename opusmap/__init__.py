"""opusmap: declarative mapping of records metadata into AvePoint Opus."""

__version__ = "0.1.0"
