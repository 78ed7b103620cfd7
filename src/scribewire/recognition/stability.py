"""How likely a partial is a prefix of the final as it stands, letter for letter.

Theory of operation. A text lasts as long as its weakest word, so the least sure one counts most.
Every word is one more that can change, one that no earlier hypothesis had a little more; what was
decoded in a pause was whole. The numbers of the logistic function are fitted for each model
(`bench/partials.py --fit`).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scribewire.recognition.calibration import StabilityCurve
    from scribewire.recognition.stabilizer import ShownText

MIN_PROBABILITY = 1e-4  # below it an engine's own differences mean nothing


def partial_stability(shown: ShownText, curve: StabilityCurve) -> float:
    """Return the probability that the final begins with this text, 0 to 1."""
    odds = sum(getattr(curve, name) * value for name, value in evidence(shown).items())
    return round(1 / (1 + math.exp(-odds)), 3)


def evidence(shown: ShownText) -> dict[str, float]:
    """Return what tells whether a text will last, by the names of a `StabilityCurve`."""
    least = min((word.probability for word in shown.words), default=1.0)
    return {
        "one": 1.0,
        "least": math.log(max(least, MIN_PROBABILITY)),
        "length": float(len(shown.words)),
        "unseen": float(max(len(shown.words) - shown.seen_count, 0)),
        "settled": float(shown.is_settled),
    }
