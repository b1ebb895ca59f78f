"""Microsoft's endpoints for machines: discovery, device code, token, authorize, Graph; refusals and faults."""
