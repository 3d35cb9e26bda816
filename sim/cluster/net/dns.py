"""Cluster DNS: names of services and of headless services' pods, searched as a pod's resolver does."""

__all__ = ["Dns", "UnknownName"]

DOMAIN = "cluster.local"


class UnknownName(LookupError):
    """No record of that name."""


class Dns:
    """Records of the cluster's names. *Differs:* answers take no time and are not cached by clients."""

    def __init__(self) -> None:
        self._records: dict[str, list[str]] = {"localhost": ["127.0.0.1"]}

    def set_name(self, name: str, addresses: list[str] | None) -> None:
        """Set a fully qualified name's addresses, in order; None removes the name."""
        if addresses is None:
            self._records.pop(name, None)
        else:
            self._records[name] = list(addresses)

    def resolve(self, name: str, search_namespace: str = "default") -> list[str]:
        """The addresses of ``name``, trying the search domains of a pod in ``search_namespace``.

        Raises:
            UnknownName: there is no such name, or it has no address.
        """
        bare = name.rstrip(".")
        if bare and bare.replace(".", "").isdigit() and bare.count(".") == 3:
            return [bare]
        candidates = [bare]
        if not name.endswith("."):
            candidates = [
                f"{bare}.{search_namespace}.svc.{DOMAIN}",
                f"{bare}.svc.{DOMAIN}",
                f"{bare}.{DOMAIN}",
                bare,
            ]
        for candidate in candidates:
            found = self._records.get(candidate)
            if found:
                return found
        raise UnknownName(name)
