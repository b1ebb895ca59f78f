"""auth-svc, Microsoft's face: the only one that talks to Entra and Graph. It decides whether access lives."""
