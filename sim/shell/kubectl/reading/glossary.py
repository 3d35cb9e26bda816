"""What kinds and their commonest fields are, in a sentence each, for ``kubectl explain``."""

from types import MappingProxyType

__all__ = ["FIELDS", "KINDS"]

KINDS = MappingProxyType(
    {
        "pods": (
            "One or more containers that run together on one node and share an IP address. What a "
            "workload makes."
        ),
        "services": "A stable name and address for a changing set of pods, chosen by their labels.",
        "deployments.apps": (
            "Keeps a number of identical pods running, and replaces them step by step when their "
            "template changes."
        ),
        "replicasets.apps": (
            "Keeps a number of pods of one template running. Deployments make one for each revision."
        ),
        "statefulsets.apps": "Keeps pods with lasting names running, in order.",
        "daemonsets.apps": "Keeps one pod on every node.",
        "jobs.batch": "Runs pods until a number of them have succeeded.",
        "cronjobs.batch": "Makes a Job at the times a schedule says.",
        "namespaces": "A part of the cluster with its own names. Deleting one deletes everything in it.",
        "nodes": "A machine that runs pods.",
        "configmaps": "Texts by key that pods read as files or environment variables.",
        "secrets": "Like a ConfigMap, for what should not be seen; values are base64.",
        "serviceaccounts": (
            "The identity of a pod: what it may ask of the API, and under which name the mesh knows it."
        ),
        "endpoints": "The addresses behind a Service: its ready pods.",
        "endpointslices.discovery.k8s.io": (
            "A part of the addresses behind a Service, with their zone and readiness."
        ),
        "events": "Something that happened to an object, with how often and when last.",
        "horizontalpodautoscalers.autoscaling": (
            "Sets the replicas of a workload so that a metric stays near a target."
        ),
        "poddisruptionbudgets.policy": (
            "How many pods of a kind may be taken away on purpose at the same time."
        ),
        "roles.rbac.authorization.k8s.io": "Permissions inside one namespace.",
        "clusterroles.rbac.authorization.k8s.io": "Permissions in the whole cluster.",
        "rolebindings.rbac.authorization.k8s.io": (
            "Gives a role to users and service accounts in one namespace."
        ),
        "clusterrolebindings.rbac.authorization.k8s.io": (
            "Gives a cluster role to users and service accounts everywhere."
        ),
        "mutatingwebhookconfigurations.admissionregistration.k8s.io": (
            "Says whom the API server asks, before it stores an object, for changes to it. "
            "The mesh's proxy injector works this way."
        ),
        "validatingwebhookconfigurations.admissionregistration.k8s.io": (
            "Says whom the API server asks, before it stores an object, whether it is acceptable."
        ),
        "customresourcedefinitions.apiextensions.k8s.io": "Adds a kind of object to the API.",
        "apiservices.apiregistration.k8s.io": "Says which server answers for an API group and version.",
        "leases.coordination.k8s.io": "Who is the leader of something, or that a node is alive.",
    }
)
FIELDS = MappingProxyType(
    {
        "apiVersion": "Group and version of the kind.",
        "kind": "The kind of object.",
        "metadata": "Name, namespace, labels, annotations, and what the server notes about the object.",
        "spec": "What is wanted.",
        "status": "What is: written by the cluster, not by you.",
        "name": "A name, unique among its neighbours.",
        "namespace": "The namespace the object is in.",
        "labels": "Keys and values that selectors find objects by.",
        "annotations": "Keys and values for tools, such as linkerd.io/inject.",
        "replicas": "How many pods are wanted.",
        "selector": "The labels of the pods it is about.",
        "template": "What its pods are made after; changing it replaces them.",
        "containers": "The programs of a pod.",
        "initContainers": "Programs that run one after another before the others start.",
        "image": "The image a container runs; its name decides what program that is here.",
        "env": "Environment variables.",
        "ports": "Ports that are listened on, or that a Service offers.",
        "resources": "CPU and memory asked for (requests) and allowed (limits).",
        "livenessProbe": "A check; when it fails, the container is restarted.",
        "readinessProbe": "A check; while it fails, the pod gets no traffic from Services.",
        "serviceAccountName": "The ServiceAccount the pod runs as.",
        "strategy": "How pods are replaced: RollingUpdate or Recreate.",
        "restartPolicy": "When containers start again; Always on an init container makes it a sidecar.",
        "volumes": "Folders that containers can mount.",
        "clusterIP": "The Service's address inside the cluster; None makes it headless.",
        "targetPort": "The container's port, by number or name.",
        "nodeName": "The node the pod runs on.",
        "terminationGracePeriodSeconds": "How long a pod gets to end by itself.",
        "schedule": "When to run, as five cron fields.",
        "data": "The texts by key.",
    }
)
