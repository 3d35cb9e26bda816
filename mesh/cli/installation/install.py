"""``linkerd install``: prints the manifests of the control plane, and in edge of its resource types."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from mesh.cli.console import Console, Result
from mesh.cli.flags import Flag, FlagError, Parsed
from mesh.cli.installation.chart import EDGE_SETTINGS, PROXY_FLAGS, SETTINGS, apply_flags, apply_set, merge
from mesh.cli.installation.installed import NO_GATEWAY, has_gateway_api, refusal
from mesh.cli.manifests import edge, stable
from mesh.cli.manifests.crds import definitions
from mesh.cli.manifests.gateway import gateway_definitions
from mesh.cli.manifests.objects import Obj
from mesh.cli.manifests.settings import (
    CERTIFICATE_LIFETIME_S,
    Settings,
    chart_values,
    proxy_values,
    webhook_pairs,
)
from mesh.cli.verb import Verb, fail
from mesh.control.certificates import Pair, make_root
from mesh.control.config import ConfigError
from mesh.control.identity import IssuerError, check_issuer
from mesh.editions import Edition
from mesh.yaml import YamlError, dump, load_all

__all__ = ["INSTALL", "core_documents", "render"]

CRDS_NOTICE = (
    "Rendering Linkerd CRDs...\n"
    "Next, run `linkerd install | kubectl apply -f -` to install the control plane.\n\n"
)
IDENTITY_FILES = (
    "identity-trust-anchors-file",
    "identity-issuer-certificate-file",
    "identity-issuer-key-file",
)
IDENTITY_FLAGS = (
    Flag(IDENTITY_FILES[0], help="A path to a PEM-encoded file containing the trust anchors of identities"),
    Flag(IDENTITY_FILES[1], help="A path to a PEM-encoded file containing the issuer certificate"),
    Flag(IDENTITY_FILES[2], help="A path to a PEM-encoded file containing the issuer's private key"),
    Flag(
        "identity-issuance-lifetime",
        kind="duration",
        default=86_400.0,
        help="How long a workload's certificate lasts",
    ),
)
COMMON_FLAGS = (
    Flag("ha", kind="bool", help="Enable HA deployment config for the control plane"),
    Flag("ignore-cluster", kind="bool", help="Ignore the current cluster: do not look for an installation"),
    Flag("registry", help="Container registry to pull images from"),
    *IDENTITY_FLAGS,
)
EDGE_FLAGS = (
    Flag("crds", kind="bool", help="Install Linkerd CRDs"),
    Flag("set", kind="array", help="Set a value of the chart: key=value (may be repeated)"),
    Flag("set-string", kind="array", help="Set a value of the chart as text: key=value (may be repeated)"),
    Flag("values", "f", kind="list", help="Values of the chart in a YAML file or a URL (may be repeated)"),
    Flag("skip-checks", kind="bool", help="Skip checks for namespace existence", hidden=True),
)


def _flags(edition: Edition) -> tuple[Flag, ...]:
    tables = (*SETTINGS, *PROXY_FLAGS, *(EDGE_SETTINGS if edition.viz_prefix else ()))
    return (
        *COMMON_FLAGS,
        *(flag for flag, _ in tables),
        *(EDGE_FLAGS if edition.separate_crds else ()),
    )


def _install(parsed: Parsed, console: Console) -> Result:
    edition = console.edition
    try:
        values = _values(parsed, console)
        if edition.separate_crds and parsed["crds"]:
            return _crds(parsed, console, values)
        if not parsed["ignore-cluster"]:
            problem = refusal(console)
            if problem:
                return fail(problem)
        settings = _settings(parsed, console, values)
    except (ConfigError, IssuerError, YamlError) as error:
        return fail(f"Error: {str(error).removeprefix('error: ')}")
    return Result(stdout=render(core_documents(settings, _given(parsed))))


def core_documents(settings: Settings, flags: list[tuple[str, str]]) -> Iterator[tuple[str, list[Obj]]]:
    """The control plane's sections: heading and objects."""
    if settings.edition.viz_prefix:
        return edge.edge_documents(settings)
    return stable.stable_documents(settings, flags)


def render(sections: Iterable[tuple[str, list[Obj]]]) -> str:
    """The stream of YAML documents, each section under its heading."""
    text = []
    for heading, objects in sections:
        for number, found in enumerate(objects):
            banner = f"###\n### {heading}\n###\n" if number == 0 else ""
            text.append(f"---\n{banner}{dump(found)}")
    return "".join(text)


def _given(parsed: Parsed) -> list[tuple[str, str]]:
    """Names and values of the flags given, as ``linkerd-config`` remembers them for upgrades."""
    hidden = {"ignore-cluster", *IDENTITY_FILES}
    words = {True: "true", False: "false"}
    return [
        (name, words.get(value, str(value)) if isinstance(value, bool) else str(value))
        for name, value in sorted(parsed.values.items())
        if name in parsed.changed - hidden
    ]


def _values(parsed: Parsed, console: Console) -> Obj:
    """The chart's values with files, flags and ``--set`` applied, in this order.

    Raises:
        FlagError: a value the chart does not have.
        YamlError: a values file is malformed.
        OSError: a values file cannot be read.
    """
    edition = console.edition
    values = chart_values(edition, ha=parsed["ha"])
    if edition.separate_crds:
        values["installGatewayAPI"] = False
        for name in parsed["values"]:
            for document in load_all(console.read(name), name=name):
                if not isinstance(document, dict):
                    raise FlagError(f"--values {name}: not an object of values", "values")
                values = merge(values, document)
    if parsed["registry"]:
        values = _registry(values, edition, parsed["registry"].rstrip("/"))
    tables = (*SETTINGS, *PROXY_FLAGS, *(EDGE_SETTINGS if edition.viz_prefix else ()))
    values = apply_flags(values, parsed, tables)
    if "identity-issuance-lifetime" in parsed.changed:
        lifetime = _go_duration(parsed["identity-issuance-lifetime"])
        values = merge(values, {"identity": {"issuer": {"issuanceLifetime": lifetime}}})
    if edition.separate_crds:
        values = apply_set(values, parsed["set"])
        values = apply_set(values, parsed["set-string"], text=True)
    if int(values["controllerReplicas"]) < 1:
        raise FlagError("--controller-replicas must be at least 1", "controller-replicas")
    return values


def _go_duration(seconds: float) -> str:
    hours, rest = divmod(int(seconds), 3600)
    return f"{hours}h{rest // 60}m{rest % 60}s"


def _registry(values: Obj, edition: Edition, registry: str) -> Obj:
    """The same images from another registry."""

    def moved(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: moved(inner) for key, inner in value.items()}
        if isinstance(value, str) and value.startswith(edition.registry):
            return registry + value[len(edition.registry) :]
        return value

    found: Obj = moved(values)
    return found


def _settings(parsed: Parsed, console: Console, values: Obj) -> Settings:
    """Everything the manifests depend on; certificates come last, so that flags do not shift them.

    Raises:
        FlagError, IssuerError, ConfigError, OSError: what was given cannot be used.
    """
    edition, now = console.edition, console.now()
    anchors, issuer = _identity(parsed, console, values)
    values = merge(
        values,
        {"identityTrustAnchorsPEM": anchors, "identity": {"issuer": {"tls": {"crtPEM": issuer.cert_pem}}}},
    )
    services = edge.WEBHOOK_SERVICES if edition.viz_prefix else stable.WEBHOOK_SERVICES
    hooks = webhook_pairs(dict.fromkeys(services, console.namespace), console.rng, now)
    proxy = proxy_values(edition, console.namespace, values)
    settings = Settings(edition, console.namespace, values, proxy, issuer, hooks, now)
    return replace(settings, viz_namespace=edition.viz_namespace)


def _identity(parsed: Parsed, console: Console, values: Obj) -> tuple[str, Pair]:
    """Trust anchors and issuer: the user's files, or a root made now that is both.

    Raises:
        FlagError: only some of the three files are given.
        IssuerError: the files do not fit one another.
        OSError: a file cannot be read.
    """
    given = [name for name in IDENTITY_FILES if parsed[name]]
    if given and len(given) < len(IDENTITY_FILES):
        missing = next(name for name in IDENTITY_FILES if name not in given)
        raise FlagError(f"--{given[0]} needs --{missing} too", missing)
    if given:
        anchors, certificate, key = (console.read(parsed[name]).strip() + "\n" for name in IDENTITY_FILES)
        issuer = Pair(certificate, key)
    else:
        name = f"identity.{console.namespace}.{values['identityTrustDomain']}"
        issuer = make_root(name, console.rng, console.now(), CERTIFICATE_LIFETIME_S)
        anchors = issuer.cert_pem
    check_issuer(issuer, anchors, console.now())
    return anchors, issuer


def _crds(parsed: Parsed, console: Console, values: Obj) -> Result:
    """The resource types alone."""
    bring = bool(values["installGatewayAPI"])
    if not parsed["ignore-cluster"] and not bring and not has_gateway_api(console):
        return fail(NO_GATEWAY)
    sections = [("Linkerd CRDs", definitions(console.edition, console.namespace))]
    if bring:
        sections.append(("Gateway API CRDs", gateway_definitions(f"linkerd/cli {console.edition.version}")))
    return Result(stdout=render(sections), stderr=CRDS_NOTICE)


INSTALL = Verb(
    name="install",
    run=_install,
    flags=_flags,
    summary="Output Kubernetes configs to install Linkerd",
    about=(
        "Print Kubernetes manifests that install the Linkerd control plane. Nothing is changed: pipe them\n"
        "into kubectl apply. Every manifest is ordinary YAML that can be read, edited and kept."
    ),
    example="""  # Install the control plane
  {cmd} | kubectl apply -f -

  # Three replicas of everything that must not fail
  {cmd} --ha | kubectl apply -f -

  # What would be installed, without looking at the cluster
  {cmd} --ignore-cluster | grep ^kind
""",
)
