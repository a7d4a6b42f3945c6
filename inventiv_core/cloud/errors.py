"""What can go wrong before a cloud is even asked."""

from dataclasses import dataclass

from inventiv_core.kernel.errors import RuleBroken


@dataclass(eq=False, kw_only=True)
class CloudNotConfigured(RuleBroken):
    """This organization has no credentials for this provider, or no adapter knows the provider."""

    provider_code: str


class NoCloudAdapter(CloudNotConfigured):
    """This server has no adapter for this provider."""

    code = "cloud_not_configured"
