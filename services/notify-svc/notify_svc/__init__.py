"""notify-svc, the mails: it decides which mail is owed to whom, and sends it."""
