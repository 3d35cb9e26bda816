# ruff: noqa: E501 - one line a type keeps the table readable
"""The known fields of the built-in kinds: types for finding typing mistakes, merge keys for patches.

One line a type. A field is ``name``, ``name:TYPE`` or ``name:TYPE/KEY``; TYPE is empty for text, ``int``, ``bool``,
``port`` (int or text), ``amount`` (a quantity), ``map`` (text to text), ``any``, the name of a line, ``{LINE}`` for a map to it
and ``[LINE]`` or ``[]`` for a list of it or of texts. ``/KEY`` says that a strategic merge patch merges the list by that key,
``/=`` that it merges a set of texts; every other list is replaced whole.

*Source:* the Go types of Kubernetes 1.32 with their patchStrategy and patchMergeKey tags.
"""

from typing import NamedTuple

__all__ = ["Field", "Schema"]

META = """
ObjectMeta: name generateName namespace selfLink uid resourceVersion generation:int creationTimestamp deletionTimestamp deletionGracePeriodSeconds:int labels:map annotations:map ownerReferences:[OwnerReference]/uid finalizers:[]/= managedFields:any clusterName
OwnerReference: apiVersion kind name uid controller:bool blockOwnerDeletion:bool
LabelSelector: matchLabels:map matchExpressions:[LabelSelectorRequirement]
LabelSelectorRequirement: key operator values:[]
LocalObjectReference: name
ObjectReference: kind namespace name uid apiVersion resourceVersion fieldPath
Conditions: conditions:any/type
"""

PODS = """
PodTemplateSpec: metadata:ObjectMeta spec:PodSpec
PodSpec: volumes:[Volume]/name initContainers:[Container]/name containers:[Container]/name ephemeralContainers:any/name restartPolicy terminationGracePeriodSeconds:int activeDeadlineSeconds:int dnsPolicy nodeSelector:map serviceAccountName serviceAccount automountServiceAccountToken:bool nodeName hostNetwork:bool hostPID:bool hostIPC:bool shareProcessNamespace:bool securityContext:PodSecurityContext imagePullSecrets:[LocalObjectReference]/name hostname subdomain affinity:Affinity schedulerName tolerations:[Toleration] hostAliases:[HostAlias]/ip priorityClassName priority:int dnsConfig:any readinessGates:any runtimeClassName enableServiceLinks:bool preemptionPolicy overhead:map topologySpreadConstraints:[TopologySpreadConstraint]/topologyKey setHostnameAsFQDN:bool os:any hostUsers:bool schedulingGates:any/name resourceClaims:any/name resources:Resources hostnameOverride
Container: name image command:[] args:[] workingDir ports:[ContainerPort]/containerPort envFrom:[EnvFromSource] env:[EnvVar]/name resources:Resources resizePolicy:any restartPolicy restartPolicyRules:any volumeMounts:[VolumeMount]/mountPath volumeDevices:any/devicePath livenessProbe:Probe readinessProbe:Probe startupProbe:Probe lifecycle:Lifecycle terminationMessagePath terminationMessagePolicy imagePullPolicy securityContext:SecurityContext stdin:bool stdinOnce:bool tty:bool
ContainerPort: name hostPort:int containerPort:int protocol hostIP
EnvVar: name value valueFrom:EnvVarSource
EnvVarSource: fieldRef:FieldRef resourceFieldRef:ResourceFieldRef configMapKeyRef:KeyRef secretKeyRef:KeyRef fileKeyRef:any
FieldRef: apiVersion fieldPath
ResourceFieldRef: containerName resource divisor:amount
KeyRef: name key optional:bool
EnvFromSource: prefix configMapRef:OptionalRef secretRef:OptionalRef
OptionalRef: name optional:bool
Resources: limits:{amount} requests:{amount} claims:any
VolumeMount: name readOnly:bool recursiveReadOnly mountPath subPath mountPropagation subPathExpr
Probe: exec:ExecAction httpGet:HTTPGetAction tcpSocket:TCPSocketAction grpc:GRPCAction initialDelaySeconds:int timeoutSeconds:int periodSeconds:int successThreshold:int failureThreshold:int terminationGracePeriodSeconds:int
Lifecycle: postStart:LifecycleHandler preStop:LifecycleHandler stopSignal
LifecycleHandler: exec:ExecAction httpGet:HTTPGetAction tcpSocket:TCPSocketAction sleep:SleepAction
ExecAction: command:[]
HTTPGetAction: path port:port host scheme httpHeaders:[HTTPHeader]
HTTPHeader: name value
TCPSocketAction: port:port host
GRPCAction: port:int service
SleepAction: seconds:int
SecurityContext: capabilities:Capabilities privileged:bool seLinuxOptions:any windowsOptions:any runAsUser:int runAsGroup:int runAsNonRoot:bool readOnlyRootFilesystem:bool allowPrivilegeEscalation:bool procMount seccompProfile:SeccompProfile appArmorProfile:any
Capabilities: add:[] drop:[]
SeccompProfile: type localhostProfile
PodSecurityContext: seLinuxOptions:any windowsOptions:any runAsUser:int runAsGroup:int runAsNonRoot:bool supplementalGroups:any supplementalGroupsPolicy fsGroup:int sysctls:any fsGroupChangePolicy seccompProfile:SeccompProfile appArmorProfile:any seLinuxChangePolicy
Toleration: key operator value effect tolerationSeconds:int
HostAlias: ip hostnames:[]
Affinity: nodeAffinity:any podAffinity:any podAntiAffinity:any
TopologySpreadConstraint: maxSkew:int topologyKey whenUnsatisfiable labelSelector:LabelSelector minDomains:int nodeAffinityPolicy nodeTaintsPolicy matchLabelKeys:[]
Volume: name emptyDir:EmptyDir configMap:ConfigMapVolume secret:SecretVolume projected:any hostPath:HostPath persistentVolumeClaim:any downwardAPI:any nfs:any csi:any ephemeral:any gcePersistentDisk:any awsElasticBlockStore:any gitRepo:any iscsi:any glusterfs:any rbd:any flexVolume:any cinder:any cephfs:any flocker:any fc:any azureFile:any vsphereVolume:any quobyte:any azureDisk:any photonPersistentDisk:any portworxVolume:any scaleIO:any storageos:any image:any
EmptyDir: medium sizeLimit:amount
ConfigMapVolume: name items:[KeyToPath] defaultMode:int optional:bool
SecretVolume: secretName items:[KeyToPath] defaultMode:int optional:bool
KeyToPath: key path mode:int
HostPath: path type
PodStatus: conditions:any/type podIPs:any/ip hostIPs:any/ip resourceClaimStatuses:any/name *
"""

WORKLOADS = """
DeploymentSpec: replicas:int selector:LabelSelector template:PodTemplateSpec strategy:DeploymentStrategy minReadySeconds:int revisionHistoryLimit:int paused:bool progressDeadlineSeconds:int rollbackTo:any
DeploymentStrategy: type rollingUpdate:RollingUpdate
RollingUpdate: maxUnavailable:port maxSurge:port partition:int
ReplicaSetSpec: replicas:int minReadySeconds:int selector:LabelSelector template:PodTemplateSpec
ReplicationControllerSpec: replicas:int minReadySeconds:int selector:map template:PodTemplateSpec
StatefulSetSpec: replicas:int selector:LabelSelector template:PodTemplateSpec volumeClaimTemplates:any serviceName podManagementPolicy updateStrategy:DeploymentStrategy revisionHistoryLimit:int minReadySeconds:int persistentVolumeClaimRetentionPolicy:any ordinals:any
DaemonSetSpec: selector:LabelSelector template:PodTemplateSpec updateStrategy:DeploymentStrategy minReadySeconds:int revisionHistoryLimit:int templateGeneration:int
JobSpec: parallelism:int completions:int activeDeadlineSeconds:int backoffLimit:int backoffLimitPerIndex:int maxFailedIndexes:int selector:LabelSelector manualSelector:bool template:PodTemplateSpec ttlSecondsAfterFinished:int completionMode suspend:bool podFailurePolicy:any successPolicy:any podReplacementPolicy managedBy
CronJobSpec: schedule timeZone startingDeadlineSeconds:int concurrencyPolicy suspend:bool jobTemplate:JobTemplateSpec successfulJobsHistoryLimit:int failedJobsHistoryLimit:int
JobTemplateSpec: metadata:ObjectMeta spec:JobSpec
HorizontalPodAutoscalerSpec: scaleTargetRef:ScaleTargetRef minReplicas:int maxReplicas:int targetCPUUtilizationPercentage:int metrics:any behavior:any
ScaleTargetRef: apiVersion kind name
PodDisruptionBudgetSpec: minAvailable:port selector:LabelSelector maxUnavailable:port unhealthyPodEvictionPolicy
"""

NETWORK = """
ServiceSpec: ports:[ServicePort]/port selector:map clusterIP clusterIPs:[] type externalIPs:[] sessionAffinity loadBalancerIP loadBalancerSourceRanges:[] externalName externalTrafficPolicy healthCheckNodePort:int publishNotReadyAddresses:bool sessionAffinityConfig:any ipFamily ipFamilies:[] ipFamilyPolicy topologyKeys:[] allocateLoadBalancerNodePorts:bool loadBalancerClass internalTrafficPolicy trafficDistribution
ServicePort: name protocol port:int targetPort:port nodePort:int appProtocol
EndpointSubset: addresses:any notReadyAddresses:any ports:any
IngressSpec: ingressClassName defaultBackend:any backend:any tls:any rules:any
NetworkPolicySpec: podSelector:LabelSelector ingress:any egress:any policyTypes:[]
NodeSpec: podCIDR podCIDRs:[]/= providerID unschedulable:bool taints:any externalID configSource:any
NodeStatus: conditions:any/type addresses:any/type *
"""

ACCESS = """
PolicyRule: verbs:[] apiGroups:[] resources:[] resourceNames:[] nonResourceURLs:[]
RoleRef: apiGroup kind name
Subject: kind apiGroup name namespace
Webhook: name clientConfig:WebhookClientConfig rules:[RuleWithOperations] failurePolicy matchPolicy namespaceSelector:LabelSelector objectSelector:LabelSelector sideEffects timeoutSeconds:int admissionReviewVersions:[] reinvocationPolicy matchConditions:any/name
WebhookClientConfig: url service:ServiceReference caBundle
ServiceReference: namespace name path port:int
RuleWithOperations: operations:[] apiGroups:[] apiVersions:[] resources:[] scope
CRDSpec: group names:CRDNames scope versions:any version validation:any subresources:any additionalPrinterColumns:any conversion:any preserveUnknownFields:bool
CRDNames: plural singular shortNames:[] kind listKind categories:[]
APIServiceSpec: service:ServiceReference group version insecureSkipTLSVerify:bool caBundle groupPriorityMinimum:int versionPriority:int
"""

# A kind whose line ends in `*` may have other fields too.
KINDS = """
Pod: spec:PodSpec status:PodStatus
Deployment: spec:DeploymentSpec status:Conditions
ReplicaSet: spec:ReplicaSetSpec status:Conditions
ReplicationController: spec:ReplicationControllerSpec status:Conditions
StatefulSet: spec:StatefulSetSpec status:Conditions
DaemonSet: spec:DaemonSetSpec status:Conditions
Job: spec:JobSpec status:Conditions
CronJob: spec:CronJobSpec status:any
HorizontalPodAutoscaler: spec:HorizontalPodAutoscalerSpec status:Conditions
PodDisruptionBudget: spec:PodDisruptionBudgetSpec status:Conditions
Service: spec:ServiceSpec status:Conditions
Endpoints: subsets:[EndpointSubset]
EndpointSlice: addressType endpoints:any ports:any
Ingress: spec:IngressSpec status:any
NetworkPolicy: spec:NetworkPolicySpec status:any
Namespace: spec:any status:Conditions
Node: spec:NodeSpec status:NodeStatus
ConfigMap: data:map binaryData:map immutable:bool
Secret: data:map stringData:map type immutable:bool
ServiceAccount: secrets:[ObjectReference]/name imagePullSecrets:[LocalObjectReference] automountServiceAccountToken:bool
Role: rules:[PolicyRule]
ClusterRole: rules:[PolicyRule] aggregationRule:any
RoleBinding: subjects:[Subject] roleRef:RoleRef
ClusterRoleBinding: subjects:[Subject] roleRef:RoleRef
MutatingWebhookConfiguration: webhooks:[Webhook]/name
ValidatingWebhookConfiguration: webhooks:[Webhook]/name
CustomResourceDefinition: spec:CRDSpec status:any
APIService: spec:APIServiceSpec status:Conditions
PersistentVolumeClaim: spec:any status:Conditions
"""


class Field(NamedTuple):
    """A known field.

    Attributes:
        type: a name of the table above without brackets.
        shape: ``one``, ``list`` or ``map``.
        merge_key: of a strategic merge patch; ``=`` merges a set of texts; None replaces.
    """

    type: str
    shape: str
    merge_key: str | None


class Schema:
    """The table above, parsed."""

    def __init__(self) -> None:
        self.types: dict[str, dict[str, Field]] = {}
        self.open: set[str] = set()  # types that may have fields the table does not name
        self.kinds: dict[str, dict[str, Field]] = {}
        for text in (META, PODS, WORKLOADS, NETWORK, ACCESS):
            for name, fields in self._lines(text):
                self.types[name] = fields
        self.open.add("Conditions")
        common = {name: Field("text", "one", None) for name in ("apiVersion", "kind")}
        common["metadata"] = Field("ObjectMeta", "one", None)
        for name, fields in self._lines(KINDS):
            self.kinds[name] = common | fields
        self.unknown_kind = common

    def _lines(self, text: str) -> list[tuple[str, dict[str, Field]]]:
        found = []
        for line in text.strip().splitlines():
            name, _, words = line.partition(": ")
            if words.endswith(" *"):
                self.open.add(name)
            found.append((name, dict(_field(word) for word in words.removesuffix(" *").split())))
        return found


def _field(word: str) -> tuple[str, Field]:
    name, _, rest = word.partition(":")
    type_, _, key = rest.partition("/")
    shape = {"[": "list", "{": "map"}.get(type_[:1], "one")
    return name, Field(type_.strip("[]{}") or "text", shape, key or None)
