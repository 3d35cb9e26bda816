"""The policy controller: what may reach a port of a pod, and where requests to a service go.

*Source:* policy-controller/k8s/index, policy-controller/core, policy-controller/grpc.
"""

from mesh.control.policy.defaults import PolicyConfig, inbound_policy
from mesh.control.policy.service import PolicyError, PolicyService

__all__ = ["PolicyConfig", "PolicyError", "PolicyService", "inbound_policy"]
