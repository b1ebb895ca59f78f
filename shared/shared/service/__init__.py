"""One process: its settings, its server, its supervised loops, and `Service`, in which a service is composed."""
