"""config-svc, the operator's face: portal, JSON API, event stream. It decides how every switch ends."""
