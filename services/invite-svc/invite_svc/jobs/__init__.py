"""Due work: reminders, and the proposal that an invitation has expired."""
