"""The page's words in each language: a flat catalogue. What kubectl and linkerd print stays English."""

from collections.abc import Mapping
from types import MappingProxyType

from ui.text import en, ja

__all__ = ["CATALOGUES", "LANGUAGES", "Text", "spoken"]

CATALOGUES: Mapping[str, Mapping[str, str]] = MappingProxyType({"en": en.TEXTS, "ja": ja.TEXTS})
LANGUAGES: Mapping[str, str] = MappingProxyType({"en": "English", "ja": "日本語"})


class Text:
    """The words of one language: ``text("key", name=value)``."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._words = CATALOGUES[language]

    def __call__(self, key: str, **values: object) -> str:
        """The text under a key.

        Raises:
            KeyError: there is none, or it wants a value that is not given.
        """
        return self._words[key].format(**values) if values else self._words[key]


def spoken(locale: str | None) -> str:
    """The language for a browser's locale: Japanese for ``ja`` and ``ja-JP``, else English."""
    return "ja" if (locale or "").lower().partition("-")[0] == "ja" else "en"
