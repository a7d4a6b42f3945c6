"""What the environment says at the start, and, as routes, what may be changed at run time."""

from inventiv_http.settings.environment import FOR_CLIENTS, OTHER_NAMES, Settings, SettingsInvalid

__all__ = ["FOR_CLIENTS", "OTHER_NAMES", "Settings", "SettingsInvalid"]
