"""What invite-svc decides: the life of an invitation, and the attempts of its wizard. Pure rules."""
