"""Delivery: records become batches, requests and results that the journal keeps.

`batcher`, `unknown_outcomes` and `retry_policy` decide, and send nothing; `engine` drives them all.
"""

from opusmap.delivery.engine import DeliveryOptions, deliver
from opusmap.delivery.key_order import KeyLocks
from opusmap.delivery.rate_limit import Clock
from opusmap.delivery.results import Attempt, Event, Outlook, RecordResult, Stopped, SubmitTotals
from opusmap.delivery.retry_policy import RetryPolicy
from opusmap.delivery.unknown_outcomes import ResumePolicy

__all__ = [
    "Attempt",
    "Clock",
    "DeliveryOptions",
    "Event",
    "KeyLocks",
    "Outlook",
    "RecordResult",
    "ResumePolicy",
    "RetryPolicy",
    "Stopped",
    "SubmitTotals",
    "deliver",
]
