"""What is shared through Redis or Valkey."""
