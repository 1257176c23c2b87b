"""Settings, from the environment."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from .errors import StartError

_ADDRESS = r"\Ahttps?://(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::[0-9]{1,5})?/?\Z"


class Settings(Struct, frozen=True, rename=lambda field: f"REVERSE_REGISTRY_{field.upper()}"):
    """
    `manifest_cache` and `manifest_limit` are bytes; `timeout` is seconds for a whole call to upstream.

    `site` is a folder, or an address that browsers are sent to.
    """

    index: str = "index"
    site: str | None = None
    public_url: Annotated[str, Meta(pattern=_ADDRESS)] | None = None
    auth: Literal["anonymous", "passthrough"] = "anonymous"
    manifest_cache: Annotated[int, Meta(ge=0)] = 64 * 1024 * 1024
    manifest_limit: Annotated[int, Meta(ge=1)] = 4 * 1024 * 1024
    timeout: Annotated[float, Meta(gt=0, le=3600)] = 30.0

    @property
    def is_site_elsewhere(self) -> bool:
        return self.site is not None and self.site.startswith(("https://", "http://"))

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Raises StartError, naming the variable."""
        try:
            given = {name: value for name, value in environment.items() if value}
            settings = msgspec.convert(given, cls, strict=False)
        except msgspec.ValidationError as error:
            raise StartError(f"environment: {error}") from None
        if settings.auth == "passthrough" and not settings.public_url:
            raise StartError(
                "REVERSE_REGISTRY_AUTH=passthrough needs REVERSE_REGISTRY_PUBLIC_URL: "
                "clients are told there where their credentials go"
            )
        if settings.site and not settings.is_site_elsewhere and not Path(settings.site).is_dir():
            raise StartError(f"REVERSE_REGISTRY_SITE: {settings.site} is no folder, and no http(s) address")
        return settings
