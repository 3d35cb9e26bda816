"""A node's images: pulling them takes time once, and unknown ones never come."""

from collections.abc import Generator
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import simpy

from sim.cluster.program import Image, Images

if TYPE_CHECKING:
    from sim.cluster.node.containers import ContainerRunner
    from sim.engine import Engine

__all__ = ["RELIST", "Backoff", "ImageStore", "default_policy", "image_id", "obtain"]

# Registry to node. 50 MB/s is what a cloud node gets from a registry in its region, unpacking included;
# 0.3 s is the token, the manifest and the first byte. Our own round figures.
MEGABYTES_PER_SECOND = 50.0
MANIFEST = 0.3
# How often a kubelet looks for containers that ended. Source: kubelet, generic PLEG relist period 1 s.
RELIST = 1.0
# Minor versions from which the event of a pull tells its time, the time with waiting, and the size.
TIME_SINCE, WAITING_SINCE, SIZE_SINCE = 20, 27, 30


def image_id(reference: str) -> str:
    """The digest a runtime would report; here of the name, since simulated images have no layers."""
    name = reference.partition("@")[0]
    repository = name.rpartition(":")[0] if ":" in name.rpartition("/")[2] else name
    return f"{repository}@sha256:{sha256(name.encode()).hexdigest()}"


def default_policy(container: dict[str, Any]) -> str:
    """The pull policy: as set, else Always for ``:latest`` or no tag, else IfNotPresent."""
    policy = container.get("imagePullPolicy")
    if policy:
        return str(policy)
    _, _, tag = str(container.get("image", "")).partition("@")[0].rpartition("/")[2].partition(":")
    return "Always" if tag in ("", "latest") else "IfNotPresent"


class Backoff:
    """Waits that double: 10 s to 300 s, forgotten after 600 quiet seconds.

    *Source:* kubelet's image and container back-off: initial 10 s, maximum 5 min, an entry expires after
    twice the maximum.
    """

    INITIAL, MAXIMUM = 10.0, 300.0

    def __init__(self) -> None:
        self.length = 0.0  # of the wait in force
        self._since = 0.0

    def _quiet(self, now: float) -> bool:
        return self.length == 0.0 or now - self._since > 2 * self.MAXIMUM

    def failed(self, now: float) -> float:
        """A pull failed at ``now``: how long to wait before the next one."""
        self.length = self.INITIAL if self._quiet(now) else min(2 * self.length, self.MAXIMUM)
        self._since = now + self.length
        return self.length

    def ended(self, now: float) -> float:
        """A container ended at ``now``: how long until it may start again, at once the first time."""
        wait = 0.0 if self._quiet(now) else self.length
        self.length = min(2 * self.length, self.MAXIMUM) if wait else self.INITIAL
        self._since = now + wait
        return wait


class ImageStore:
    """What one node has pulled. Pulls happen one at a time, as kubelets do by default."""

    def __init__(self, engine: "Engine", images: Images) -> None:
        self.engine = engine
        self.images = images
        self.present: set[str] = set()
        self._turn = simpy.Resource(engine, capacity=1)

    def has(self, reference: str) -> bool:
        """Whether it need not be pulled."""
        return reference in self.present and self.images.find(reference) is not None

    def pull(self, reference: str) -> Generator[simpy.Event, Any, tuple[Image | None, float, float]]:
        """Pull it: the image, None when no registry holds it, and the seconds without and with waiting.

        A pull of layers that are already there (policy Always) costs the manifest only.
        """
        began = self.engine.now
        with self._turn.request() as turn:
            yield turn
            turned = self.engine.now
            image = self.images.find(reference)
            missing = image is not None and reference not in self.present
            size = image.megabytes if image is not None and missing else 0.0
            yield self.engine.timeout(MANIFEST + size / MEGABYTES_PER_SECOND)
            if image is not None:
                self.present.add(reference)
        return image, self.engine.now - turned, self.engine.now - began


def obtain(runner: "ContainerRunner") -> Generator[simpy.Event, Any, Image]:
    """The image of a container, pulled if its policy wants that; keeps trying with back-off."""
    reference: str = runner.spec.get("image", "")
    policy = default_policy(runner.spec)
    store = runner.worker.store
    backoff = Backoff()
    while True:
        if policy != "Always" and store.has(reference):
            runner.event("Normal", "Pulled", f'Container image "{reference}" already present on machine')
            found = store.images.find(reference)
        elif policy == "Never":
            found = None
        else:
            runner.event("Normal", "Pulling", f'Pulling image "{reference}"')
            found, pulling, waiting = yield from store.pull(reference)
            if found is not None:
                text = f'Successfully pulled image "{reference}"'
                text += _figures(found, pulling, waiting, runner.worker.api.minor)
                runner.event("Normal", "Pulled", text)
        if found is not None:
            runner.image_id = image_id(reference)
            return found
        yield from _absent(runner, reference, policy, backoff.failed(runner.engine.now))


def _figures(image: Image, pulling: float, waiting: float, minor: int) -> str:
    """What the event of a pull tells besides the name. *Source:* kubelet, images/image_manager.go."""
    if minor < WAITING_SINCE:
        return f" in {_go_duration(waiting)}" if minor >= TIME_SINCE else ""
    text = f" in {_go_duration(pulling)} ({_go_duration(waiting)} including waiting)"
    return f"{text}. Image size: {image.megabytes * 1e6:.0f} bytes." if minor >= SIZE_SINCE else text


def _go_duration(seconds: float) -> str:
    """As Go prints a short duration cut to milliseconds: 300ms, 1.2s, 1m2.5s."""
    milliseconds = round(seconds * 1000)
    if milliseconds < 1000:
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    return (f"{minutes}m" if minutes else "") + f"{rest / 1000:g}s"


def _absent(
    runner: "ContainerRunner", reference: str, policy: str, length: float
) -> Generator[simpy.Event, Any, None]:
    """Tell that the image did not come and wait ``length`` seconds before the next try."""
    if policy == "Never":
        reason = later = "ErrImageNeverPull"
        text = f'Container image "{reference}" is not present with pull policy of Never'
    else:
        reason, later = "ErrImagePull", "ImagePullBackOff"
        text = (
            f'rpc error: code = NotFound desc = failed to pull and unpack image "{reference}": '
            f"failed to resolve reference: {reference}: not found"
        )
        runner.event("Warning", "Failed", f'Failed to pull image "{reference}": {text}')
    runner.event("Warning", "Failed", f"Error: {reason}")
    runner.wait(reason, text)
    runner.tried()
    yield runner.engine.timeout(RELIST)  # the pull's error is seen for one look of the kubelet
    if later == "ImagePullBackOff":
        text = f'Back-off pulling image "{reference}"'
        runner.event("Normal", "BackOff", text)
        runner.event("Warning", "Failed", f"Error: {later}")
    runner.wait(later, text)
    yield runner.engine.timeout(length - RELIST)
