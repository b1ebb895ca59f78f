"""What is sent in and out: bodies, forms and files, checked at the edge; models of what API and pages show."""
