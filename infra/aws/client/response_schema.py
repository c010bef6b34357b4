"""Which parts of AWS's answers the kit reads, and the form of those that it hands on: data, checked by responses.py.

"Tags?[].Key": Tags may be absent, but each of them has a Key. "Instances[+]": at least one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_INSTANCE: Final = (
    "InstanceId",
    "State.Name",
    "InstanceType",
    "LaunchTime",
    "ImageId",
    "Tags?[].Key",
    "SecurityGroups?[].GroupId",
    "BlockDeviceMappings?[].Ebs?.VolumeId",
)

READ: Final[Mapping[str, tuple[str, ...]]] = {
    # What there is.
    "DescribeInstances": tuple(f"Reservations[].Instances[].{part}" for part in _INSTANCE),
    "RunInstances": tuple(f"Instances[+].{part}" for part in _INSTANCE),
    "DescribeSecurityGroups": (
        "SecurityGroups[].GroupId",
        "SecurityGroups[].GroupName",
        "SecurityGroups[].Tags?[].Key",
        "SecurityGroups[].IpPermissions?[].IpProtocol",
        "SecurityGroups[].IpPermissions?[].IpRanges?[].CidrIp",
        "SecurityGroups[].IpPermissions?[].Ipv6Ranges?[].CidrIpv6",
    ),
    "CreateSecurityGroup": ("GroupId",),
    "DescribePlacementGroups": ("PlacementGroups[].GroupName", "PlacementGroups[].Tags?[].Key"),
    "DescribeKeyPairs": ("KeyPairs[].KeyName", "KeyPairs[].KeyPairId", "KeyPairs[].Tags?[].Key"),
    "DescribeVolumes": (
        "Volumes[].VolumeId",
        "Volumes[].CreateTime",
        "Volumes[].Size",
        "Volumes[].State",
        "Volumes[].Tags?[].Key",
    ),
    "DescribeAddresses": ("Addresses[].AllocationId", "Addresses[].PublicIp", "Addresses[].Tags?[].Key"),
    "DescribeSnapshots": ("Snapshots[].SnapshotId", "Snapshots[].VolumeSize", "Snapshots[].Tags?[].Key"),
    "DescribeVpcs": ("Vpcs[].VpcId",),
    "DescribeSubnets": ("Subnets[].SubnetId", "Subnets[].AvailabilityZone", "Subnets[].MapPublicIpOnLaunch"),
    # What it boots.
    "GetParameters": ("Parameters[].Name", "Parameters[].Value"),
    "DescribeImages": (
        "Images[].ImageId",
        "Images[].State",
        "Images[].Architecture",
        "Images[].BlockDeviceMappings?[].DeviceName",
        "Images[].Tags?[].Key",
    ),
    "CreateImage": ("ImageId",),
    # What is on offer.
    "DescribeRegions": ("Regions[].RegionName",),
    "DescribeInstanceTypes": (
        "InstanceTypes[].InstanceType",
        "InstanceTypes[].VCpuInfo.DefaultVCpus",
        "InstanceTypes[].MemoryInfo.SizeInMiB",
        "InstanceTypes[].ProcessorInfo.SupportedArchitectures",
        "InstanceTypes[].NetworkInfo?.NetworkCards?[].NetworkCardIndex",
        "InstanceTypes[].GpuInfo?.Gpus?[].Name",
        "InstanceTypes[].GpuInfo?.Gpus?[].Manufacturer",
        "InstanceTypes[].GpuInfo?.Gpus?[].MemoryInfo.SizeInMiB",
    ),
    "DescribeInstanceTypeOfferings": ("InstanceTypeOfferings[].InstanceType", "InstanceTypeOfferings[].Location"),
    "DescribeSpotPriceHistory": (
        "SpotPriceHistory[].InstanceType",
        "SpotPriceHistory[].AvailabilityZone",
        "SpotPriceHistory[].SpotPrice",
        "SpotPriceHistory[].Timestamp",
    ),
    "GetProducts": ("PriceList",),
    "GetServiceQuota": ("Quota.Value",),
    "GetAWSDefaultServiceQuota": ("Quota.Value",),
    # What holds the bill.
    "DescribeAlarms": ("MetricAlarms[].AlarmName", "MetricAlarms[].StateValue", "MetricAlarms[].ActionsEnabled"),
    "GetMetricStatistics": ("Datapoints[].SampleCount",),
    "GetSchedule": ("ScheduleExpression", "State"),
    "ListSchedules": ("Schedules[].Name",),
    # Who we are.
    "GetCallerIdentity": ("Account", "Arn"),
    "GetRole": ("Role.Arn",),
    "GetAuthorizationToken": ("authorizationData[+].authorizationToken",),
}

# By the member's name, wherever it stands: these go on into file names, command lines, addresses and sums.
FORMS: Final[Mapping[str, str]] = {
    "InstanceId": r"(i-[0-9a-f]+)?",
    "ImageId": r"(ami-[0-9a-f]+)?",
    "VolumeId": r"(vol-[0-9a-f]+)?",
    "SnapshotId": r"(snap-[0-9a-f]+)?",
    "SubnetId": r"(subnet-[0-9a-f]+)?",
    "GroupId": r"(sg-[0-9a-f]+)?",
    "PublicIpAddress": r"[0-9a-fA-F.:]*",
    "PrivateIpAddress": r"[0-9a-fA-F.:]*",
    "AmiLaunchIndex": r"\d+",
    "InstanceType": r"[a-z0-9-]+\.[a-z0-9-]+",
    "AvailabilityZone": r"[a-z0-9-]*",
    "RegionName": r"[a-z0-9-]+",
    "SpotPrice": r"\d+(\.\d+)?",
    "SizeInMiB": r"[1-9]\d*",
    "DefaultVCpus": r"[1-9]\d*",
    "BaselineBandwidthInGbps": r"\d+(\.\d+)?",
    "VolumeSize": r"\d+",
    "Arn": r"arn:[a-z-]+:\S+",
}
