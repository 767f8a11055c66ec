"""The service layer of the control plane: what can be done with named things, for the admin API and the CLI alike."""
