"""What those need who run opusmap for others: metrics, a webhook, traces, and a doctor for bug reports.

Owns how a run looks from outside: its totals and its end, and never a cell of the source. Nothing here
delays a run or makes it fail; what goes wrong is a warning.
"""

from opusmap.operations.run_watch import RunWatch

__all__ = ["RunWatch"]
