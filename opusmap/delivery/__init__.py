"""Delivery: records become batches, requests and results that the journal keeps.

`batcher`, `unknown_outcomes` and `retry_policy` decide, and send nothing; `engine` drives them all.
"""

from opusmap.delivery.engine import SubmitTotals, submit_records
from opusmap.delivery.key_order import KeyLocks
from opusmap.delivery.retry_policy import RetryPolicy
from opusmap.delivery.unknown_outcomes import ResumePolicy

__all__ = [
    "KeyLocks",
    "ResumePolicy",
    "RetryPolicy",
    "SubmitTotals",
    "submit_records",
]
