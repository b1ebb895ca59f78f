"""The control API and its shortcuts: what a test or a developer changes in the simulated world."""
