"""The 99 emoji served, in their order, and the names of their vote calls."""

import json
from importlib.resources import files
from typing import NamedTuple

__all__ = ["Catalog", "Emoji", "load_catalog", "method_of"]

EMOJI_SERVICE = "emojivoto.v1.EmojiService"
VOTING_SERVICE = "emojivoto.v1.VotingService"


class Emoji(NamedTuple):
    """One emoji."""

    shortcode: str
    unicode: str


def method_of(shortcode: str) -> str:
    """The RPC that votes for a shortcode: ``:jack_o_lantern:`` → ``VoteJackOLantern``."""
    words = shortcode.strip(":").split("_")
    return "Vote" + "".join(word[:1].upper() + word[1:] for word in words)


class Catalog:
    """The emoji and their lookups.

    Attributes:
        emoji: in the order of ``/api/list``.
        by_shortcode: exact match, colons included.
        by_method: vote RPC → shortcode. One hundred: ``VoteRelaxed`` exists although ``:relaxed:`` is not
            served (dropped from the list in April 2019, kept in the interface).
    """

    def __init__(self, emoji: tuple[Emoji, ...]) -> None:
        self.emoji = emoji
        self.by_shortcode = {e.shortcode: e for e in emoji}
        votable = [e.shortcode for e in emoji] + [":relaxed:"]
        self.by_method = {method_of(shortcode): shortcode for shortcode in votable}
        self.listing = json.dumps(
            [{"shortcode": e.shortcode, "unicode": e.unicode} for e in emoji],
            ensure_ascii=False,
            separators=(",", ":"),
        )
        self.listing += "\n"


def load_catalog() -> Catalog:
    """Read the catalogue that ships with the program."""
    text = files("sim.programs.emojivoto").joinpath("emoji.json").read_text("utf-8")
    return Catalog(tuple(Emoji(row["shortcode"], row["unicode"]) for row in json.loads(text)))
