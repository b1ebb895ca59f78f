"""invite-svc, the face of a customer's administrator: the wizard. It decides an invitation's life and its attempts."""
