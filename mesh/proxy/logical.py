"""What inbound requests are addressed to: a service's name, and the ServiceProfile it may have."""

from collections.abc import Callable

from mesh.messages import Profile
from mesh.proxy.profile import Routes

__all__ = ["Logical"]


class Logical:
    """A service by its name, kept current by discovery.

    Knows no control plane: whoever subscribes calls :meth:`profile`. *Differs:* requests that arrive before
    the first answer take no route, where upstream lets them wait for it, at most 500 ms.

    Args:
        changed: called when the routes are others than before.

    Attributes:
        name: as ``l5d-dst-canonical`` or the authority says it, with the port: the ``dst`` label.
        routes: None without a profile that has any.
    """

    __slots__ = ("_changed", "_clock", "_profile", "name", "routes")

    def __init__(self, name: str, clock: Callable[[], float], changed: Callable[["Logical"], object]) -> None:
        self.name = name
        self.routes: Routes | None = None
        self._clock = clock
        self._changed = changed
        self._profile: Profile | None = None

    def __repr__(self) -> str:
        return f"<Logical {self.name}>"

    def profile(self, profile: Profile) -> None:
        """What GetProfile says; a profile with the same routes changes nothing."""
        old, self._profile = self._profile, profile
        if profile.routes == (old.routes if old is not None else ()):
            return
        self.routes = Routes(profile, self._clock()) if profile.routes else None
        self._changed(self)
