"""``linkerd inject``: marks workloads for injection, or puts the proxy into them (--manual)."""

from dataclasses import dataclass, replace
from typing import Any

import jsonpatch

from mesh.cli.console import Console, Result
from mesh.cli.flags import Parsed
from mesh.cli.inject_flags import flags_in, overrides
from mesh.cli.inject_report import Line, report_text
from mesh.cli.kube import KubeError, Obj
from mesh.cli.resources import InputError, read_inputs, render, transform
from mesh.cli.verb import Verb, fail
from mesh.control import labels
from mesh.control.config import ConfigError, from_config
from mesh.control.injection.decision import Report, reason_text, report
from mesh.control.injection.uninjector import uninject
from mesh.control.injection.workload import Workload
from mesh.control.injector import annotate, inject
from mesh.control.values import STABLE, ProxyValues, defaults

__all__ = ["INJECT"]

MANUAL_NEEDED = "--manual must be set when injecting control plane components"


@dataclass(frozen=True, slots=True)
class Injection:
    """One run's settings, applied to object after object.

    Attributes:
        extra: annotations that the flags ask for.
    """

    values: ProxyValues
    extra: dict[str, str]
    manual: bool
    version: str

    def change(self, obj: Obj) -> tuple[Obj, Line]:
        """The object with what was asked for, and what the report says of it.

        Raises:
            InputError: edge does not let it pass.
        """
        obj, _ = uninject(obj, keep_control_plane=False)
        workload = Workload.of(obj)
        found = report(workload, self.values)
        if workload.is_control_plane and not self.manual:
            raise InputError(MANUAL_NEEDED)
        if found.annotatable:
            return self._annotate(obj, found)
        if not found.injectable:
            self._refuse(found)
            return obj, Line(found, "skipped")
        obj, warnings = self._inject(workload)
        return obj, Line(found, "injected", warnings)

    def _refuse(self, found: Report) -> None:
        """Edge stops at pods that could never be injected; 2.8.1 only warns of them."""
        if self.values.edition == STABLE:
            return
        checks = (
            (found.no_token, "disabled_automount_service_account_token_account"),
            (found.host_network, "host_network_enabled"),
            (found.sidecar, "sidecar_already_exists"),
        )
        texts = [reason_text(code, self.values.edition) for holds, code in checks if holds]
        if texts:
            raise InputError(f"failed to inject {found.res_name}: {', '.join(texts)}")

    def _annotate(self, obj: Obj, found: Report) -> tuple[Obj, Line]:
        """A Namespace gets every annotation, a Service only its opaque ports."""
        if found.kind == "namespace":
            added = {labels.INJECT: labels.ENABLED, **self.extra}
        else:
            added = {key: self.extra[key] for key in (labels.OPAQUE_PORTS,) if key in self.extra}
        if not added:
            return obj, Line(found, "skipped")
        metadata = dict(obj.get("metadata") or {})
        metadata["annotations"] = {**(metadata.get("annotations") or {}), **added}
        verb = "injected" if self.values.edition == STABLE else "annotated"
        return {**obj, "metadata": metadata}, Line(found, verb)

    def _inject(self, workload: Workload) -> tuple[Obj, tuple[str, ...]]:
        """The object with the proxy or the annotation, and warnings about annotations that were ignored."""
        warnings: tuple[str, ...] = ()
        if self.manual:
            values = self.values
            extra = {key: value for key, value in self.extra.items() if key != labels.INJECT}
            if labels.INJECT in self.extra:
                values = replace(values, ingress=True)
            ops, warnings = inject(workload, {}, values, f"linkerd/cli {self.version}", extra)
        else:
            ops = annotate(workload, {labels.INJECT: labels.ENABLED, **self.extra})
        try:
            result: Obj = jsonpatch.apply_patch(workload.obj, ops)
        except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, TypeError) as error:
            raise InputError(f"failed to inject {workload.res_name}: {error}") from None
        return result, warnings


def _run(parsed: Parsed, console: Console) -> Result:
    if len(parsed.args) != 1:
        return fail("Error: please specify one kubernetes resource file, folder, URL or -")
    try:
        values = _values(parsed, console)
        injection = Injection(values, overrides(parsed, values), parsed["manual"], console.edition.version)
        inputs = read_inputs(parsed.args[0], console)
    except (InputError, ConfigError) as error:
        text = str(error)
        return fail(text if text.startswith("error: ") else f"Error: {text}")
    form = parsed.values.get("output", "yaml")
    result = Result()
    for found in inputs:
        outcome = transform(found.documents, injection.change)
        if outcome.errors:
            result.stderr += "Error transforming resources:\n" + "\n".join(outcome.errors) + "\n"
            result.status = 1
            return result
        result.stdout += render(outcome.documents, form)
        result.stderr += report_text(outcome.reports, values.edition, verbose=parsed["verbose"])
    return result


def _values(parsed: Parsed, console: Console) -> ProxyValues:
    """The cluster's configuration, or the edition's with --ignore-cluster.

    Raises:
        ConfigError: the cluster has none, or it cannot be read.
    """
    if parsed["ignore-cluster"]:
        if parsed["manual"]:
            raise ConfigError("--manual needs the cluster's trust anchors: leave --ignore-cluster out")
        return replace(defaults(console.edition), namespace=console.namespace)
    config = _config_map(console, "linkerd-config")
    if config is None:
        raise ConfigError(
            f"ConfigMap linkerd-config not found in namespace {console.namespace}: install Linkerd first, "
            "or add --ignore-cluster"
        )
    values = from_config(config)
    if values.edition != console.edition.name:
        raise ConfigError(
            f"this is linkerd {console.edition.version}, the cluster runs {values.version}: "
            "use the command of the same edition"
        )
    if not values.trust_anchors:
        roots: dict[str, Any] = _config_map(console, "linkerd-identity-trust-roots") or {}
        values = replace(values, trust_anchors=(roots.get("data") or {}).get("ca-bundle.crt", ""))
    return values


def _config_map(console: Console, name: str) -> Obj | None:
    try:
        return console.kube.get("configmaps", name, console.namespace)
    except KubeError as error:
        if error.reason == "NotFound":
            return None
        raise


INJECT = Verb(
    name="inject",
    run=_run,
    flags=flags_in,
    summary="Add the Linkerd proxy to a Kubernetes config",
    about="""Add the Linkerd proxy to a Kubernetes config.

It reads one file, a folder and all below it, a URL, or standard input (-), and prints the manifests with
the annotation that makes the cluster's injector add the proxy when pods are created.""",
    example="""  # Inject all the deployments in the default namespace.
  kubectl get deploy -o yaml | linkerd inject - | kubectl apply -f -

  # Inject a file from a remote URL.
  linkerd inject https://run.linkerd.io/emojivoto.yml | kubectl apply -f -

  # Inject all the resources inside a folder and its sub-folders.
  linkerd inject <folder> | kubectl apply -f -""",
    words="CONFIG-FILE",
)
