"""What goes wrong in one run of a story, drawn from its seed: a few kinds of trouble at a time, often.

Owns what may happen to a request, and how likely. A run has few kinds of trouble and much of each, for faults
that all are rare never meet (swarm testing; Groce et al., 2012).
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

KINDS = (
    "unreached",  # no connection is made
    "lost before",  # the connection breaks, and the service never saw the request
    "lost after",  # it breaks when all is processed
    "timeout",  # no answer within the client's deadline; processed
    "late, lost",  # it breaks at once, and the request takes effect later
    "late, gateway",  # a gateway gives up with 502, 503, 504 or 408; it takes effect later
    "500",  # nothing was processed
    "500 halfway",  # a part was processed
    "502 after",  # all was processed
    "429",  # with or without Retry-After
    "cut answer",  # the answer's body breaks off
    "garbled answer",  # a success whose body says nothing
    "lying status",  # 201 whose body says 500, and only a part was processed
    "some fail",  # failedItems names records that would be taken at another time
    "unmatched item",  # failedItems names what was not sent, or nobody
    "bare 418",  # 418 that names no record
    "refused token",  # 401 although the token is good for a while yet
)


@dataclass(frozen=True, slots=True)
class Weather:
    """How often each kind of trouble comes (`chances` are shares of requests), and for how long.

    Windows are seconds from the run's start. `token_life` is how long the service accepts a token, which may
    be shorter than what it promised. `sign_in` is the longest that a sign-in takes, in seconds. `kill_after`
    is how long the process lives, at most.
    """

    chances: dict[str, float] = field(default_factory=dict)
    storm: tuple[float, float] = (0.0, 0.0)
    outage: tuple[float, float] = (0.0, 0.0)
    token_life: float = 3600.0
    sign_in: float = 0.2
    sign_in_trouble: float = 0.0
    jumps: tuple[tuple[float, float], ...] = ()
    moved: bool = False
    forbidden: float = 0.0
    kill_after: float | None = None

    def draw_kind(self, draw: random.Random, since: float) -> str:
        """Return what happens to a request that long after the run's start; "" if all goes well."""
        if self.outage[0] <= since < self.outage[1]:
            return "unreached"
        if self.storm[0] <= since < self.storm[1]:
            return "429"
        if draw.random() < self.forbidden:
            return "403"
        point = draw.random()
        for kind, chance in self.chances.items():
            point -= chance
            if point < 0:
                return kind
        return ""


CALM = Weather()


def draw_weather(draw: random.Random, *, late: bool = False, slow: bool = False) -> Weather:
    """Draw one run's troubles; `late`: many requests take effect late, which hurts the order alone.

    `slow`: each sign-in may take long, few requests go by until the next, and the process is killed
    at any moment of it.
    """
    kinds = draw.sample(KINDS, draw.choice((0, 1, 1, 2, 2, 3, 5)))
    share = draw.choice((0.05, 0.2, 0.5, 0.9))
    if late:
        kinds, share = [draw.choice(("late, lost", "late, gateway"))], draw.choice((0.5, 0.9))
    weather = Weather(
        chances={kind: share / len(kinds) for kind in kinds},
        storm=_draw_window(draw, 0.2),
        outage=_draw_window(draw, 0.1),
        token_life=draw.choice((3600.0, 3600.0, 40.0, 3.0)),
        sign_in=draw.choice((0.2, 0.2, 0.2, 20.0)),
        sign_in_trouble=draw.choice((0.0, 0.0, 0.0, 0.3)),
        jumps=tuple(
            (draw.uniform(0, 20), draw.choice((-1, 1)) * draw.choice((5.0, 40.0, 7200.0)))
            for _ in range(draw.choice((0, 0, 0, 1, 3)))
        ),
        moved=draw.random() < 0.1,
        forbidden=draw.choice((0.0,) * 9 + (0.02,)),
    )
    if not slow:
        return weather
    return replace(weather, sign_in=20.0, token_life=3.0, kill_after=draw.uniform(0, 60))


def _draw_window(draw: random.Random, chance: float) -> tuple[float, float]:
    start = draw.uniform(0, 2) if draw.random() < chance else None
    return (0.0, 0.0) if start is None else (start, start + draw.choice((0.5, 5.0, 40.0)))
