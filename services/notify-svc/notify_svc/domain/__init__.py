"""What notify-svc decides: which mail is owed to whom, when it is tried again, when it is dropped. Pure rules."""
