"""The wizard: the link in the mail, the ways to sign in, the return from Microsoft, and its live part."""
