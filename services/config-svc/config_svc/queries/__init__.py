"""What is read: lists, counts, statistics, history, and how a customer looks to a reader."""
