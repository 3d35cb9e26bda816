"""What the ``linkerd`` command stands on: a cluster, files, time and luck, all handed in."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mesh.cli.kube import KubeClient

if TYPE_CHECKING:
    from mesh.editions import Edition

__all__ = ["Console", "Result"]


@dataclass
class Result:
    """What a command printed and its exit status."""

    stdout: str = ""
    stderr: str = ""
    status: int = 0


@dataclass
class Console:
    """The surroundings of one run of ``linkerd``.

    Attributes:
        now: Unix seconds on the operator's machine.
        sleep: lets that many seconds pass.
        read: the text of a file or of an https URL; raises OSError with a one-line message.
        listdir: names in a folder; raises OSError.
        stdin: all of the standard input.
        rng: from which keys and names are drawn.
        kubectl_version: of the ``kubectl`` beside this command, such as ``v1.16.6-beta.0``.
        namespace: where the control plane is, or is to be.
        forward: opens a local port that leads to a pod's, for as long as the command is left running
            (namespace, pod, local port, pod's port); raises OSError when the local port is in use.
        show: where long-running commands write while they run; what is shown there is not in the Result.
    """

    kube: KubeClient
    edition: "Edition"
    now: Callable[[], float]
    sleep: Callable[[float], None]
    read: Callable[[str], str]
    listdir: Callable[[str], list[str]]
    stdin: str = ""
    rng: random.Random = field(default_factory=lambda: random.Random(0))
    kubectl_version: str = ""
    namespace: str = "linkerd"
    forward: Callable[[str, str, int, int], None] | None = None
    show: Callable[[str], None] | None = None
