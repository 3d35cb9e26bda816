"""``fault expire``: a certificate whose validity has ended, with the same key and name as the real one."""

import json
import re
from base64 import b64decode, b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sim.cluster.api.objects import clone
from sim.shell.faults.book import FaultError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.x509 import Certificate

    from mesh.cli.flags import Parsed
    from sim.shell.context import Context

__all__ = ["expire"]

Obj = dict[str, Any]
ISSUER = "linkerd-identity-issuer"
FILES = (("crt.pem", "key.pem"), ("tls.crt", "tls.key"))
PEM = re.compile(r"-----BEGIN CERTIFICATE-----(?:\\n|[\sA-Za-z0-9+/=])+-----END CERTIFICATE-----")
AGO = timedelta(hours=1)  # how long ago the made certificate ended


def expire(context: "Context", words: list[str], flags: "Parsed") -> str:
    """Let the leaf certificates, the issuer's or the trust anchor's end an hour ago."""
    kind = words[0]
    if kind not in ("leaf", "issuer", "anchor"):
        raise FaultError(f"{kind[:40]!r} cannot expire: leaf, issuer or anchor can")
    plane = Plane(context, flags["namespace"] or "linkerd")
    if context.host.faults.find(("expire", kind)) is not None:
        raise FaultError(f"the {kind} has expired already")
    undo = {"leaf": plane.expire_leaves, "issuer": plane.expire_issuer, "anchor": plane.expire_anchor}[kind]()
    fault = context.host.faults.add(("expire", kind), f"expire {kind}", undo)
    return f"fault {fault.number}: expire {kind}\n"


class Plane:
    """The control plane's certificates.

    Raises:
        FaultError: no issuer is installed.
    """

    def __init__(self, context: "Context", namespace: str) -> None:
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
        from cryptography.x509 import load_pem_x509_certificate

        self.context = context
        self.namespace = namespace
        found = context.client.api.find("secrets", ISSUER, namespace)
        if found is None:
            raise FaultError(f"no secret {ISSUER} in namespace {namespace}: install the control plane first")
        self.secret: Obj = clone(found)
        data = self.secret.get("data") or {}
        names = next((pair for pair in FILES if pair[0] in data and pair[1] in data), None)
        if names is None:
            raise FaultError(f"the secret {ISSUER} holds no certificate and key")
        self.file = names[0]
        self.issuer = load_pem_x509_certificate(b64decode(data[names[0]]))
        self.key_pem = b64decode(data[names[1]]).decode()
        self.key: EllipticCurvePrivateKey = load_pem_private_key(b64decode(data[names[1]]), None)  # type: ignore[assignment]

    # -- the three kinds ----------------------------------------------------------------------------------

    def expire_issuer(self) -> Any:
        """Put an expired certificate into the secret, and into the hands of the running authority."""
        self._put_issuer(pem(self._ended(self.issuer)))
        return lambda: self._put_issuer(pem(self.issuer))

    def expire_anchor(self) -> Any:
        """Expire the anchor wherever a ConfigMap holds it; the issuer too when it is the same certificate."""
        maps = [clone(obj) for obj in self.context.client.api.list("configmaps", self.namespace)]
        ended = pem(self._ended(self.issuer))
        changed = []
        for obj in maps:
            data = {name: swapped(text, self.issuer, ended) for name, text in (obj.get("data") or {}).items()}
            if data != (obj.get("data") or {}):
                changed.append((obj["metadata"]["name"], data, obj["data"]))
        if not changed:
            raise FaultError(
                "the trust anchor's key is not in the cluster: its certificate cannot be made again"
            )
        self._put_anchors([(name, new) for name, new, _ in changed])
        self._put_issuer(ended)

        def undo() -> None:
            self._put_anchors([(name, old) for name, _, old in changed])
            self._put_issuer(pem(self.issuer))

        return undo

    def expire_leaves(self) -> Any:
        """Expire the certificate every proxy holds; the next connections are refused until it is renewed."""
        held = [(one, one.certificate) for one in self._credentials() if one.certificate is not None]
        if not held:
            raise FaultError("no proxy holds a certificate")
        from cryptography.x509 import load_pem_x509_certificate

        for credentials, certificate in held:
            leaf = load_pem_x509_certificate(certificate.leaf)
            end = datetime.fromtimestamp(self.context.now(), UTC) - AGO
            credentials.certificate = replace(
                certificate, leaf=pem(self._ended(leaf)).encode(), not_after=end.timestamp()
            )

        def undo() -> None:
            for credentials, certificate in held:
                credentials.certificate = certificate

        return undo

    # -- doing it --------------------------------------------------------------------------------

    def _ended(self, certificate: "Certificate") -> "Certificate":
        """The same certificate with a validity that ended an hour ago, signed by the issuer's key."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.x509 import CertificateBuilder

        end = datetime.fromtimestamp(int(self.context.now()), UTC) - AGO
        length = certificate.not_valid_after_utc - certificate.not_valid_before_utc
        builder = (
            CertificateBuilder()
            .subject_name(certificate.subject)
            .issuer_name(certificate.issuer)
            .public_key(certificate.public_key())
            .serial_number(certificate.serial_number)
            .not_valid_before(end - length)
            .not_valid_after(end)
        )
        for extension in certificate.extensions:
            builder = builder.add_extension(extension.value, extension.critical)
        return builder.sign(self.key, hashes.SHA256(), ecdsa_deterministic=True)

    def _put_issuer(self, text: str) -> None:
        patch = {"data": {self.file: b64encode(text.encode()).decode()}}
        self.context.client.patch("secrets", ISSUER, self.namespace, patch, "merge")
        self._hold(text)

    def _put_anchors(self, changes: list[tuple[str, dict[str, str]]]) -> None:
        for name, data in changes:
            self.context.client.patch("configmaps", name, self.namespace, {"data": data}, "merge")

    def _hold(self, text: str) -> None:
        """A running authority refuses to load what has expired: let it have held this one all along."""
        from mesh.control.certificates import Pair

        labels = "linkerd.io/control-plane-component=identity"
        for pod in self.context.client.api.list("pods", self.namespace, labels=labels):
            authority = getattr(self._program(pod, "identity"), "identity", None)
            if authority is not None:
                authority.hold(Pair(text, self.key_pem))

    def _program(self, pod: Obj, container: str) -> Any:
        """What runs in a container of a pod, or None."""
        kubelet = self.context.host.cluster.kubelets.get(pod["spec"].get("nodeName") or "")
        runner = kubelet and kubelet.runner(self.namespace, pod["metadata"]["name"], container)
        return runner.program if runner else None

    def _credentials(self) -> list[Any]:
        """What every running proxy knows to prove itself."""
        found = []
        for kubelet in self.context.host.cluster.kubelets.values():
            for namespace, name in sorted(kubelet.workers):
                runner = kubelet.runner(namespace, name, "linkerd-proxy")
                credentials = getattr(runner.program, "credentials", None) if runner is not None else None
                if credentials is not None:
                    found.append(credentials)
        return found


def pem(certificate: "Certificate") -> str:
    """The certificate as PEM text."""
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM).decode()


def swapped(text: str, old: "Certificate", new: str) -> str:
    """``text`` with a certificate in it replaced, however it is indented or escaped (JSON, YAML blocks)."""
    from cryptography.x509 import load_pem_x509_certificate

    def change(match: re.Match[str]) -> str:
        found = match.group()
        plain = re.sub(r"[ \t]+", "", found.replace("\\n", "\n")).replace("CERTIFICATE", " CERTIFICATE")
        try:
            same = load_pem_x509_certificate(plain.encode()) == old
        except ValueError:
            return found
        if not same:
            return found
        if "\\n" in found:
            return json.dumps(new.strip())[1:-1]
        indent = re.search(r"\n([ \t]*)", found)
        return new.strip().replace("\n", "\n" + (indent[1] if indent else ""))

    return PEM.sub(change, text)
