"""How likely a partial is a prefix of the final as it stands, letter for letter.

Theory of operation. A text lasts as long as its weakest word, so the least sure one counts most.
Every word is one more that can change, one that no earlier hypothesis had a little more; what was
heard in a pause was heard whole. The numbers of the logistic function were fitted on 1166
partials of 47 speakers (`bench/partials.py --fit`), of which 55 % last.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scribewire.recognition.stabilizer import ShownText

WEIGHTS = {"one": 2.46, "least": 2.10, "length": -0.09, "unseen": -0.17, "settled": 0.53}
MIN_PROBABILITY = 1e-4  # below it an engine's own differences mean nothing


def partial_stability(shown: ShownText) -> float:
    """Return the probability that the final begins with this text, 0 to 1."""
    odds = sum(WEIGHTS[name] * value for name, value in evidence(shown).items())
    return round(1 / (1 + math.exp(-odds)), 3)


def evidence(shown: ShownText) -> dict[str, float]:
    """Return what tells whether a text will last, by the names of `WEIGHTS`."""
    least = min((word.probability for word in shown.words), default=1.0)
    return {
        "one": 1.0,
        "least": math.log(max(least, MIN_PROBABILITY)),
        "length": float(len(shown.words)),
        "unseen": float(max(len(shown.words) - shown.seen_count, 0)),
        "settled": float(shown.is_settled),
    }
