"""States, events and refusals in words; translated where they are shown."""
