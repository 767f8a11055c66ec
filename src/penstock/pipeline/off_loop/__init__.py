"""Work that takes longer than the event loop may wait: in a thread, or in a process of its own."""
