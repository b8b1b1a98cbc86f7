"""A deterministic simulator: the real engine, client and journal in a world made from one seed.

`loop` owns time and threads, `opus` the service, `weather` what goes wrong and when, `wire` the way between
the engine and the service, `disk` what a power loss leaves of the journal, `story` the runs, crashes and
restarts of one seed and what must hold.
"""

from __future__ import annotations

from simulation.story import Broken, Story, Variant, tell_story

__all__ = ["Broken", "Story", "Variant", "tell_story"]
