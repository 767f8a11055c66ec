"""What models accept, a module for each maker."""
