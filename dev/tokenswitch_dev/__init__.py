"""Development stand-ins: embedded servers, the Entra simulator, the mailbox, demo data."""
