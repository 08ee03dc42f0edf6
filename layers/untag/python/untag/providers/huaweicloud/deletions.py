"""Which of Huawei Cloud's events say that a resource is gone, and what that resource is called by its tag API.

Sources: the services' pages "Key Operations Supported by CTS" (ECS, EVS, Auto Scaling, Config), Config's list of
supported resource types, and the type names of TMS.
"""

import re

CTS_DELETIONS = {
    # (service_type, trace_name): the tag API's type. Named one by one, since a name alone says little: ECS records
    # deleteNic, deleteMetadata and deleteAutoRecovery on servers that live on.
    ("ECS", "deleteServer"): "ecs",
    ("ECS", "deleteServerV2"): "ecs",
    ("ECS", "deleteServerV21"): "ecs",
    ("ECS", "deleteVmByNative"): "ecs",
    ("EVS", "deleteVolume"): "disk",
    ("EVS", "bulkDeleteVolume"): "disk",
    ("AS", "deleteScalingGroup"): "scaling_group",
    ("RMS", "deletePolicyAssignment"): "config:policyAssignments",
    ("CONFIG", "deletePolicyAssignment"): "config:policyAssignments",
}

CTS_LISTS = {
    # The tag API's type: where a bulk deletion's request lists its resources, as ids or as objects with an `id`. By
    # type, since a request may speak of others too: a server's deletion of the volumes that go with it.
    "ecs": ("servers", "server_ids"),
    "disk": ("volumes", "volume_ids"),
}
CTS_LISTS_OF_ANY = ("ids", "resource_ids")

CONFIG_TYPES = {
    # provider.type, as Config's notifications name it: the tag API's type.
    "ecs.cloudservers": "ecs",
    "evs.volumes": "disk",
    "as.scalingGroups": "scaling_group",
    "ims.images": "images",
    "vpc.vpcs": "vpcs",
    "vpc.securityGroups": "security-groups",
    "vpc.publicips": "eip",
    "vpc.bandwidths": "shared_bandwidth",
}

ID = re.compile(r"(?!\.+$)[A-Za-z0-9_.:-]{1,512}")
"""A resource's id, as the events write it."""
