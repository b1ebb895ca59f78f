"""What config-svc decides: customers, tenants, and how every switch ends. Pure rules: no I/O, no clock, no random."""
