"""Microsoft's pages for a person, as plain forms."""
