"""``kubectl describe service``: its address, its ports, and the pods behind each."""

from mesh.cli.kube import KubeError
from sim.shell.kubectl.call import Call, Obj
from sim.shell.kubectl.describe.events import event_lines
from sim.shell.kubectl.describe.template import labels_lines, mapping_lines
from sim.shell.kubectl.tables.table import selector

__all__ = ["describe_endpoints", "describe_service"]

SHOWN_ADDRESSES = 3
FAMILIES_SINCE = 20  # minor version from which Services have families and several addresses


def describe_service(call: Call, obj: Obj) -> list[str]:
    """Selector, addresses, ports with their endpoints, events."""
    meta, spec = obj["metadata"], obj["spec"]
    lines = [f"Name:\t{meta['name']}", f"Namespace:\t{meta['namespace']}"]
    lines += labels_lines("Labels", meta.get("labels"))
    lines += mapping_lines("Annotations", meta.get("annotations"))
    lines.append(f"Selector:\t{selector(spec.get('selector'))}")
    lines.append(f"Type:\t{spec.get('type', 'ClusterIP')}")
    if call.minor() >= FAMILIES_SINCE:
        lines.append(f"IP Family Policy:\t{spec.get('ipFamilyPolicy', 'SingleStack')}")
        lines.append(f"IP Families:\t{','.join(spec.get('ipFamilies') or ['IPv4'])}")
    lines.append(f"IP:\t{spec.get('clusterIP') or '<none>'}")
    if call.minor() >= FAMILIES_SINCE:
        lines.append(f"IPs:\t{','.join(spec.get('clusterIPs') or []) or '<none>'}")
    if spec.get("externalName"):
        lines.append(f"External Name:\t{spec['externalName']}")
    endpoints = _endpoints(call, obj)
    for port in spec.get("ports") or []:
        name, protocol = port.get("name") or "<unset>", port.get("protocol", "TCP")
        lines.append(f"Port:\t{name}  {port['port']}/{protocol}")
        lines.append(f"TargetPort:\t{port.get('targetPort', port['port'])}/{protocol}")
        if port.get("nodePort"):
            lines.append(f"NodePort:\t{name}  {port['nodePort']}/{protocol}")
        lines.append(f"Endpoints:\t{_addresses(endpoints, port.get('name') or '')}")
    lines.append(f"Session Affinity:\t{spec.get('sessionAffinity', 'None')}")
    if spec.get("internalTrafficPolicy"):
        lines.append(f"Internal Traffic Policy:\t{spec['internalTrafficPolicy']}")
    return lines + event_lines(call, obj)


def _endpoints(call: Call, obj: Obj) -> Obj | None:
    """The Endpoints object of the Service; None when there is none."""
    try:
        return call.client.get("endpoints", obj["metadata"]["name"], obj["metadata"]["namespace"])
    except KubeError:
        return None


def _addresses(endpoints: Obj | None, port_name: str) -> str:
    """The ready addresses behind a port."""
    found = [
        f"{address['ip']}:{port['port']}"
        for subset in (endpoints or {}).get("subsets") or []
        for port in subset.get("ports") or []
        if (port.get("name") or "") == port_name
        for address in subset.get("addresses") or []
    ]
    more = f" + {len(found) - SHOWN_ADDRESSES} more..." if len(found) > SHOWN_ADDRESSES else ""
    return ",".join(found[:SHOWN_ADDRESSES]) + more if found else "<none>"


def describe_endpoints(call: Call, obj: Obj) -> list[str]:
    """An Endpoints object: ready and not ready addresses, ports."""
    meta = obj["metadata"]
    lines = [f"Name:\t{meta['name']}", f"Namespace:\t{meta['namespace']}"]
    lines += labels_lines("Labels", meta.get("labels"))
    lines += mapping_lines("Annotations", meta.get("annotations"))
    lines.append("Subsets:")
    for subset in obj.get("subsets") or []:
        for title, field in (("Addresses", "addresses"), ("NotReadyAddresses", "notReadyAddresses")):
            ips = ",".join(address["ip"] for address in subset.get(field) or [])
            lines.append(f"  {title}:\t{ips or '<none>'}")
        if subset.get("ports"):
            lines += ["  Ports:", "    Name\tPort\tProtocol", "    ----\t----\t--------"]
            for port in subset["ports"]:
                lines.append(
                    f"    {port.get('name') or '<unset>'}\t{port['port']}\t{port.get('protocol', 'TCP')}"
                )
        lines.append("")
    return lines + event_lines(call, obj)
