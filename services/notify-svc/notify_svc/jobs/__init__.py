"""Due work: one owed mail at a time, handed over to the mail server."""
