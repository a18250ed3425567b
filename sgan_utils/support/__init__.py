"""What lessons rely on without teaching it: errors, files, hardware, checkpoints, the run, named configurations."""
