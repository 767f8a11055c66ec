"""What another gateway had, made in the database in one transaction."""
