"""What a load opens: one kind of stream a file. Add a file with a `Load` constant; it is found by its type."""
