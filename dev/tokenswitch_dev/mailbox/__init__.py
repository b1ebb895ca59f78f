"""A mailbox for development: takes every mail by SMTP, keeps it, shows it on a page and by Mailpit's API."""
