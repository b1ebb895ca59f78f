"""What is sent in and out: bodies of requests, forms and files, checked at the edge; what API and pages show, as models."""
