"""Pages for people: Jinja2 in the reader's language, formats, forms' tokens, error pages, the provider's logo."""
