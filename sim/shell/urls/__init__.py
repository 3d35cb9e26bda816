"""The pages a sandbox can fetch: a handful of URLs that tutorials name, all of this project's own writing.

Nothing is ever fetched from a network.
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from importlib.resources import files
from urllib.parse import urlsplit

__all__ = ["NoSuchHost", "Page", "fetch"]

YAML = "text/yaml"
GATEWAY = re.compile(
    r"https://github\.com/kubernetes-sigs/gateway-api/releases/(?:download/(v[\w.-]{1,30})|latest/download)/"
    r"standard-install\.yaml"
)
GATEWAY_FILE = "gateway-api.yml"
APPS = "https://run.linkerd.io/"  # every other manifest in this folder is served there under its own name
INSTALLERS = (
    "https://run.linkerd.io/install",
    "https://run.linkerd.io/install-edge",
    "https://run.linkerd.io/install-experimental",
)
INSTALLER = """\
# Puts the linkerd command on a machine. In this sandbox it is on the path from the start.
echo 'The linkerd command is already here: nothing was downloaded.'
echo 'Now run:'
echo ''
echo '  linkerd version'
echo '  linkerd check --pre'
"""
VERSION_CHECK = "https://versioncheck.linkerd.io/version.json"

# (from that day on, newest stable, newest edge). Source: linkerd2's release list.
RELEASES = (
    (datetime(1970, 1, 1, tzinfo=UTC), "stable-2.8.1", "edge-20.7.2"),
    (datetime(2021, 1, 1, tzinfo=UTC), "stable-2.14.10", "edge-26.8.3"),
)


class NoSuchHost(OSError):
    """Nothing of that host is bundled. ``status`` is curl's: 6 for the host."""


@dataclass(frozen=True, slots=True)
class Page:
    """One answer.

    Attributes:
        status: HTTP status.
        kind: content type.
        location: where a redirection leads, or empty.
    """

    text: str
    status: int = 200
    kind: str = "text/plain; charset=utf-8"
    location: str = ""


def fetch(url: str, date: datetime) -> Page:
    """The page at a URL, as of a simulated date; http is taken to https as those sites do.

    Raises:
        FileNotFoundError: the host is known, the page is not; names the nearest.
        NoSuchHost: the host is unknown here.
    """
    parts = urlsplit(url)
    plain = f"https://{parts.netloc}{parts.path}".rstrip("/")
    if plain in INSTALLERS:
        return Page(INSTALLER, kind="text/x-shellscript")
    apps = manifests()
    if plain in apps:
        return Page(_text(plain.removeprefix(APPS)), kind=YAML)
    if plain == VERSION_CHECK:
        return Page(versions(date), kind="application/json")
    gateway = GATEWAY.fullmatch(plain)
    if gateway:
        text = _text(GATEWAY_FILE)
        return Page(text.replace("v1.2.1", gateway[1]) if gateway[1] else text, kind=YAML)
    known = [*apps, *INSTALLERS, VERSION_CHECK]
    hosts = {urlsplit(one).netloc for one in known} | {"github.com"}
    if parts.netloc not in hosts:
        raise NoSuchHost(f"could not resolve host: {parts.netloc[:80]}")
    near = get_close_matches(plain, known, n=1, cutoff=0.8)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise FileNotFoundError(f"{url[:200]}: not among the pages bundled with the sandbox{hint}")


def manifests() -> list[str]:
    """URLs of the bundled applications' manifests, sorted."""
    names = (entry.name for entry in files(__package__).iterdir())
    return sorted(APPS + name for name in names if name.endswith(".yml") and name != GATEWAY_FILE)


def _text(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def versions(date: datetime) -> str:
    """What Linkerd's version service answers on a date."""
    stable, edge = next((stable, edge) for since, stable, edge in reversed(RELEASES) if date >= since)
    return json.dumps({"stable": stable, "edge": edge}) + "\n"
