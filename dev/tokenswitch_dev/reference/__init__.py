"""docs/settings.md, made of the settings classes: `make settings`."""
