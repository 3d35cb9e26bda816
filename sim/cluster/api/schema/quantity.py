"""Quantities: ``100m`` CPUs, ``250Mi`` bytes."""

import re

__all__ = ["quantity"]

FORM = re.compile(r"^([+-]?(?:\d+\.?\d*|\.\d+))(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|[eE][+-]?\d+)?$")
SCALES: dict[str, float] = {
    "": 1.0,
    "n": 1e-9,
    "u": 1e-6,
    "m": 1e-3,
    **{letter: 1000.0**power for power, letter in enumerate("kMGTPE", 1)},
    **{f"{letter}i": 1024.0**power for power, letter in enumerate("KMGTPE", 1)},
}


def quantity(text: object) -> float:
    """The number a quantity stands for: 0.1 of ``100m``.

    Raises:
        ValueError: it is none.
    """
    match = FORM.match(str(text))
    if match is None or isinstance(text, bool):
        raise ValueError(
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
        )
    number, suffix = match.groups()
    if (suffix or "") in SCALES:
        return float(number) * SCALES[suffix or ""]
    return float(number + suffix)
