"""What the simulated directory holds: tenants, accounts, apps, keys, grants and tokens, on disk."""
